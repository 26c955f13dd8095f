"""Which prompts a stage draws, against plain Python; intervals against Wilson's formula; the plateau."""

import math
import re
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.pass_rate_history import SQL
from curation.training_params import Plateau, RlStage, Window
from train.curriculum import draw, in_scope, on_plateau
from train.grpo import LOG

ROOT = Path(__file__).parents[2]
ROLLOUT = st.tuples(st.integers(0, 5), st.integers(0, 2), st.sampled_from([True, False, None]))
FIGURES = {"prompts", "steps", "ended_by", "reward_first_10", "reward_last_10", "flat_share", "flat_trained_share"}
FIGURES |= {"groups_replaced", "rollouts", "unverified", "truncated"}
SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


def stage(**values):
    own = {"name": "two", "config": "default", "categories": None, "rows_max": None, "window": None}
    own |= {"drop_solved": False, "max_new_tokens": 8, "learning_rate": 1e-4, "max_steps": 1, "plateau": None}
    return RlStage(**own | {"kl": 0.0, "entropy": 0.0} | values)


def prompts_of(con, number, category="math"):
    return con.sql(f"SELECT 'p' || i AS prompt_id, '{category}' AS category FROM range({number}) AS t(i)")


def history_of(con, rollouts):
    con.execute(
        "CREATE OR REPLACE TEMP TABLE given "
        "(prompt_id VARCHAR, category VARCHAR, stage_index INT, stage_name VARCHAR, passed BOOL)"
    )
    for prompt, index, passed in rollouts:
        con.execute(
            "INSERT INTO given VALUES (?, 'math', ?, ?, ?)",
            [f"p{prompt}", index, ["probe", "one", "two"][index], passed],
        )
    return con.table("given").query("rollouts", SQL)


@settings(max_examples=30, **SHARED)
@given(rollouts=st.lists(ROLLOUT, max_size=30), drop_solved=st.booleans(), windowed=st.booleans())
def test_draws_equal_plain_python(con, rollouts, drop_solved, windowed):
    latest = {prompt: max(index for p, index, _ in rollouts if p == prompt) for prompt, *_ in rollouts}
    seen = defaultdict(list)
    for prompt, index, passed in rollouts:
        if index == latest[prompt]:
            seen[prompt].append(passed)
    wanted = {}
    for prompt in range(6):
        known = [passed for passed in seen[prompt] if passed is not None]
        rate = sum(known) / len(known) if known else None
        if windowed and rate is None:
            wanted[f"p{prompt}"] = "unmeasured"
        elif drop_solved and latest.get(prompt) == 1 and all(seen[prompt]):
            wanted[f"p{prompt}"] = "solved"
        elif windowed and rate == 0:
            wanted[f"p{prompt}"] = "too_hard"
        elif windowed and rate == 1:
            wanted[f"p{prompt}"] = "too_easy"
    window = Window(above=0.0, below=1.0) if windowed else None
    asked = {"window": window, "drop_solved": drop_solved}
    found = draw(prompts_of(con, 6), stage(**asked), history_of(con, rollouts), before="one", con=con)
    assert found.dropped == wanted
    kept = [prompt_id for prompt_id, *_ in found.kept.fetchall()]
    assert kept == sorted({f"p{prompt}" for prompt in range(6)} - set(wanted))


def test_the_history_has_a_row_per_stage_and_its_interval_stays_within_0_and_1(con):
    rollouts = [(0, 0, False), (0, 1, True), (0, 1, None), (1, 1, None)]
    rows = history_of(con, rollouts).order("prompt_id, stage_index").to_arrow_table().to_pylist()
    told = [(row["prompt_id"], row["stage_name"], row["num_rollouts"], row["pass_rate"]) for row in rows]
    assert told == [("p0", "probe", 1, 0.0), ("p0", "one", 2, 1.0), ("p1", "one", 1, None)]
    assert (rows[0]["pass_rate_low"], rows[1]["pass_rate_high"], rows[2]["pass_rate_low"]) == (0, 1, None)


def test_the_interval_is_wilsons(con):
    (row,) = history_of(con, [(0, 0, True)] * 3 + [(0, 0, False)]).to_arrow_table().to_pylist()
    n, rate, z = 4, 0.75, 1.959964
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    assert (row["num_rollouts"], row["num_verified"], row["num_passed"], row["pass_rate"]) == (4, 4, 3, 0.75)
    assert row["pass_rate_low"] == pytest.approx(middle - half)
    assert row["pass_rate_high"] == pytest.approx(middle + half)


def test_a_cap_takes_the_same_prompts_when_others_come(con):
    few = in_scope(prompts_of(con, 20), stage(rows_max=5), seed=3, con=con)
    assert set(few.dropped.values()) == {"beyond_rows_max"} and len(few.dropped) == 15
    many = in_scope(prompts_of(con, 40), stage(rows_max=12), seed=3, con=con)
    first = {prompt_id for prompt_id, *_ in few.kept.fetchall()}
    assert len(first & {prompt_id for prompt_id, *_ in many.kept.fetchall()}) >= 3, "a draw of ids, not of places"


def test_other_categories_are_left_out_and_do_not_count_for_the_cap(con):
    both = con.sql(
        "SELECT 'p' || i AS prompt_id, CASE WHEN i % 2 = 0 THEN 'math' ELSE 'code' END AS category FROM range(8) AS t(i)"
    )
    found = in_scope(both, stage(categories=["code"], rows_max=4), seed=3, con=con)
    assert found.dropped == {f"p{number}": "other_category" for number in (0, 2, 4, 6)}


@given(rewards=st.lists(st.floats(0, 1), max_size=12), steps=st.integers(1, 4), gain=st.sampled_from([0.0, 0.1]))
def test_a_plateau_is_a_mean_that_rises_too_little(rewards, steps, gain):
    found = on_plateau(rewards, Plateau(steps=steps, gain_min=gain))
    if len(rewards) < 2 * steps:
        assert not found
    else:
        last, before = sum(rewards[-steps:]) / steps, sum(rewards[-2 * steps : -steps]) / steps
        assert found == (last - before < gain)


def test_the_page_of_rl_tells_every_reason_figure_and_column_of_the_log():
    told = set(re.findall(r"`(\w+)`", (ROOT / "docs/stages/rl.md").read_text()))
    reasons = set(re.findall(r"THEN '(\w+)'", (ROOT / "train/curriculum.py").read_text()))
    assert {"solved", "too_hard", "beyond_rows_max"} <= reasons
    assert reasons | set(LOG) | FIGURES <= told

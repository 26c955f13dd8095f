"""Rules on a single prompt, and that none is lost by them."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import tables
from curation.clean import DETAIL_CHARACTERS, RULES, clean, main
from curation.hashing import digest
from curation.params import Clean
from schemas.drops import DROPS
from schemas.prompts import PROMPTS

PARAMS = Clean(0.3, 2, 50, ["en", "zh"], drop_urls=True, drop_tables=True, drop_images=True)
LENIENT = Clean(1, 1, 5000, ["en", "zh", "other"], drop_urls=False, drop_tables=False, drop_images=False)
FILE = Path(__file__).parents[1] / "fixtures/clean/clean.jsonl"
GOLDEN = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
# Pieces that trip rules alone, and others that do so when they meet.
PIECES = [
    "What is 7 + 5?",
    "好",
    "https://a.org",
    "`",
    "```",
    "\n",
    "| a |",
    "|---|",
    "in the figure",
    "★★★",
    "below:",
    " ",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text(st.characters(codec="utf-8"), max_size=9)


def prompt_row(number, messages):
    ids = {"record_id": digest("record", str(number)), "prompt_id": digest("prompt", str(number))}
    told = {"source": "school", "source_row": str(number), "category": "chat", "licence": "MIT", "priority": 1}
    return {**ids, **told, "messages": messages}


def messages_of(case):
    return case.get("messages") or [{"role": "user", "content": case["text"]}]


def rows(relation):
    return {row["record_id"]: row for row in relation.to_arrow_table().to_pylist()}


def cleaned(con, given_rows, params=PARAMS):
    """Kept and dropped rows by record_id."""
    result = clean(tables.from_rows(con, given_rows, PROMPTS), params)
    return rows(result.kept), rows(result.dropped)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["title"])
def test_golden(con, case):
    kept, dropped = cleaned(con, [prompt_row(0, messages_of(case))])
    (found,) = [*kept.values(), *dropped.values()]
    assert found.get("reason") == case["reason"], found
    for name in {"figure", "detail", "language"} & set(case):
        assert found[name] == case[name], name


def test_every_rule_drops_in_three_golden_cases_and_each_switch_turns_its_rule_off(con):
    reasons = [case["reason"] for case in GOLDEN]
    assert all(reasons.count(reason) >= 3 for reason, _ in RULES)
    given_rows = [prompt_row(number, messages_of(case)) for number, case in enumerate(GOLDEN)]
    _, dropped = cleaned(con, given_rows, LENIENT)
    assert {row["reason"] for row in dropped.values()} == {"empty", "incomplete"}


def test_a_detail_is_cut(con):
    row = prompt_row(0, [{"role": "user", "content": f"Read https://example.org/{'a' * 500} to me."}])
    _, dropped = cleaned(con, [row])
    assert len(dropped[row["record_id"]]["detail"]) == DETAIL_CHARACTERS


def test_kept_prompts_change_in_their_language_only(con):
    row = prompt_row(0, [{"role": "user", "content": "求 x + 3 = 7 的解。"}]) | {"reference": "4", "priority": 7}
    kept, _ = cleaned(con, [row])
    assert kept[row["record_id"]] == {"tests": None, "constraints": None, **row, "language": "zh"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, max_size=8))
def test_nothing_is_lost(con, texts):
    given_rows = [prompt_row(number, [{"role": "user", "content": text}]) for number, text in enumerate(texts)]
    kept, dropped = cleaned(con, given_rows)
    assert sorted([*kept, *dropped]) == sorted(row["record_id"] for row in given_rows)
    assert all(row["reason"] in dict(RULES) and row["detail"] for row in dropped.values())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, max_size=8))
def test_cleaning_twice_changes_nothing(con, texts):
    given_rows = [prompt_row(number, [{"role": "user", "content": text}]) for number, text in enumerate(texts)]
    kept, _ = cleaned(con, given_rows)
    assert cleaned(con, list(kept.values())) == (kept, {})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, max_size=8), data=st.data())
def test_the_order_of_rows_decides_nothing(con, texts, data):
    given_rows = [prompt_row(number, [{"role": "user", "content": text}]) for number, text in enumerate(texts)]
    assert cleaned(con, data.draw(st.permutations(given_rows))) == cleaned(con, given_rows)


def test_the_stage_accounts_for_every_record(tiny_project):
    assert main([]) == 0
    counts = json.loads((tiny_project / "data/clean/counts.json").read_text())
    assert counts == {"unit": "record", "rows_in": 5, "rows_kept": 4, "dropped": {"empty": 1}}
    with tables.connect(memory_gb=1) as con:
        ((stage, figure),) = (
            tables.read(con, tiny_project / "data/clean/drops", DROPS).project("stage, figure").fetchall()
        )
    assert (stage, figure) == ("clean", None)

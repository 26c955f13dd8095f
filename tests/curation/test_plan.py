"""Requests are the union of what datasets ask, within the budget, with ids that hold."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import params, plan, tables
from curation.errors import ParamsError
from curation.params import Ask

ROOT = Path(__file__).parents[2]
PARAMS = params.load(ROOT / "profiles/embedded.yaml")
PLAIN, REPORTS = PARAMS.teachers
PROMPT_ROWS = st.lists(
    st.tuples(st.sampled_from(params.CATEGORIES), st.integers(0, 2), st.booleans()), min_size=1, max_size=25
)


def with_datasets(asks: list[Ask], budget: dict[str, int] | None):
    datasets = {f"d{n}": replace(PARAMS.datasets["am-40m"], ask=ask) for n, ask in enumerate(asks)}
    return replace(PARAMS, datasets=datasets, distill=replace(PARAMS.distill, prompt_budget=budget))


def prompt_table(rows):
    return pa.table(
        {
            "prompt_id": [f"{n:032x}" for n in range(len(rows))],
            "category": [category for category, _, _ in rows],
            "source": [f"of-priority-{priority}" for _, priority, _ in rows],
            "priority": pa.array([priority for _, priority, _ in rows], pa.int32()),
        }
    )


def planned_naively(rows, asks, budget):
    """The same plan, prompt by prompt."""
    owed: dict[tuple[int, str], int] = {}
    for number, (category, _, satisfied) in enumerate(rows):
        for ask in asks:
            for name in (
                name for role in ask.roles for name in PARAMS.roles[role] if name in (PLAIN.name, REPORTS.name)
            ):
                if not (ask.keep_existing and satisfied):
                    most = max(owed.get((number, name), 0), ask.samples or PARAMS.distill.samples[category])
                    owed[number, name] = most
    numbers = sorted({number for number, _ in owed})
    rounds = {number: [n for n in numbers if rows[n][:2] == rows[number][:2]].index(number) for number in numbers}
    asked_prompts = sorted(numbers, key=lambda number: (rounds[number], rows[number][1], number))
    within = {
        number: [n for n in asked_prompts if rows[n][0] == rows[number][0]].index(number) < budget[rows[number][0]]
        for number in asked_prompts
    }
    return {(f"{number:032x}", name, samples, not within[number]) for (number, name), samples in owed.items()}


@settings(max_examples=40, deadline=None)
@given(
    rows=PROMPT_ROWS,
    asks=st.lists(
        st.builds(
            Ask,
            roles=st.lists(st.sampled_from(["small", "medium", "large"]), min_size=1, unique=True),
            samples=st.none() | st.integers(1, 5),
            keep_existing=st.booleans(),
        ),
        min_size=1,
        max_size=3,
    ),
    most=st.integers(0, 5),
)
def test_the_plan_agrees_with_a_naive_one(rows, asks, most):
    con, budget = tables.connect(memory_gb=1), dict.fromkeys(params.CATEGORIES, most)
    table = prompt_table(rows)
    satisfied = con.from_arrow(table.filter(pa.array([flag for _, _, flag in rows])).select(["prompt_id"]))
    planned = plan.plan_prompts(con.from_arrow(table), satisfied, con, with_datasets(asks, budget))
    found = {(row[0], row[1], row[3], row[5]) for row in planned.fetchall()}
    assert found == planned_naively(rows, asks, budget)


def test_no_budget_means_all(con):
    rows = [("math", 0, False)] * 3
    none = con.from_arrow(pa.table({"prompt_id": pa.array([], pa.string())}))
    asks = with_datasets([Ask(["small"], 1, keep_existing=False)], None)
    assert not any(row[5] for row in plan.plan_prompts(con.from_arrow(prompt_table(rows)), none, con, asks).fetchall())


def budgeted(con, rows, asks, budget, satisfied=()):
    """Teacher, samples and whether it is over the budget, by the number of the prompt."""
    ids = con.from_arrow(pa.table({"prompt_id": pa.array([f"{n:032x}" for n in satisfied], pa.string())}))
    planned = plan.plan_prompts(con.from_arrow(prompt_table(rows)), ids, con, with_datasets(asks, budget))
    found = planned.project("prompt_id, teacher, num_samples, over_budget").fetchall()
    return sorted((int(prompt_id, 16), *rest) for prompt_id, *rest in found)


def test_two_datasets_that_ask_one_teacher_get_the_larger_number_of_samples(con):
    asks = [Ask(["small"], 1, keep_existing=False), Ask(["small", "medium"], 3, keep_existing=False)]
    found = budgeted(con, [("math", 0, False)], asks, None)
    assert found == [(0, PLAIN.name, 3, False), (0, REPORTS.name, 3, False)]


def test_a_satisfied_prompt_is_asked_by_the_datasets_alone_that_do_not_keep_existing_responses(con):
    asks = [Ask(["small"], 5, keep_existing=True), Ask(["small"], 2, keep_existing=False)]
    rows = [("math", 0, False), ("math", 0, False)]
    assert budgeted(con, rows, asks, None, satisfied=[1]) == [(0, PLAIN.name, 5, False), (1, PLAIN.name, 2, False)]
    assert budgeted(con, rows, asks[:1], None, satisfied=[1]) == [(0, PLAIN.name, 5, False)]


def test_the_budget_goes_round_the_sources_the_smallest_priority_first(con):
    rows = [("math", 2, False), ("math", 1, False), ("code", 9, False), ("math", 1, False), ("math", 3, False)]
    asks = [Ask(["small"], 1, keep_existing=False)]
    for most, within in ((1, [1]), (2, [0, 1]), (3, [0, 1, 4]), (4, [0, 1, 3, 4])):
        found = budgeted(con, rows, asks, {"math": most})
        assert [number for number, _, _, over in found if not over and number != 2] == within


def test_a_satisfied_prompt_takes_nothing_of_the_budget(con):
    rows = [("math", 0, False), ("math", 0, False)]
    found = budgeted(con, rows, [Ask(["small"], 1, keep_existing=True)], {"math": 1}, satisfied=[0])
    assert found == [(1, PLAIN.name, 1, False)]


def test_a_role_that_names_neither_teacher_nor_tag_is_told():
    closed = replace(PARAMS.ingest.sources[0], kind="file", columns=params.Columns(prompt="q"), response_tag="school")
    wrong = replace(PARAMS, ingest=params.Ingest([closed]), roles={"small": [PLAIN.name, "school"], "large": ["smolm"]})
    with pytest.raises(ParamsError, match=r"roles\.large names 'smolm', which is no teacher"):
        plan.asked(wrong)


def test_two_teachers_that_would_give_the_same_samples_are_told():
    twin = replace(PLAIN, name="twin")
    with pytest.raises(ParamsError, match="smollm2-plain and twin have the same model"):
        plan.asked(replace(PARAMS, teachers=[PLAIN, REPORTS, twin]))


def test_an_empty_system_prompt_is_one():
    assert plan.render([{"role": "user", "content": "1 + 1?"}], replace(PLAIN, system=""), "code")[0] == ("system", "")


def test_system_prompt_comes_first_and_suffix_last():
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}]
    system, user = plan.render(messages, REPORTS, "math")
    assert system[0] == "system"
    assert system[1].startswith("You are a helpful assistant.")
    assert system[1].endswith("\n\nBe brief.")
    assert user == ("user", "1 + 1?\nLet's think step by step and output the final answer within \\boxed{}.")


def test_without_system_and_suffix_a_prompt_is_asked_as_it_is():
    messages = [{"role": "user", "content": "1 + 1?"}]
    assert plan.render(messages, PLAIN, "code") == (("user", "1 + 1?"),)


@pytest.mark.parametrize(
    ("change", "category", "same"),
    [
        ({"temperature": 0.7}, "math", False),
        ({"suffix": {**PLAIN.suffix, "code": "In Python."}}, "math", True),
        ({"suffix": {"code": "In Python."}}, "code", False),
        ({"name": "renamed"}, "math", True),
        ({"engine_options": {"batch_size": 8}}, "math", True),
        ({"engine_options": {"template_arguments": {"enable_thinking": False}}}, "math", False),
    ],
)
def test_samples_are_named_by_what_decides_them(change, category, same):
    changed = replace(PLAIN, **change)
    assert (plan.teacher_digest(PLAIN, category) == plan.teacher_digest(changed, category)) == same


def test_requests_have_distinct_ids_seeds_and_keys(con, tmp_path):
    table = prompt_table([("math", 0, False), ("code", 0, False)])
    prompts = con.from_arrow(
        table.append_column(
            "messages", pa.array([[{"role": "user", "content": "q"}], [{"role": "user", "content": "r"}]])
        )
    )
    asks = with_datasets([Ask(["small", "medium"], None, keep_existing=False)], None)
    none = con.from_arrow(pa.table({"prompt_id": pa.array([], pa.string())}))
    planned = plan.plan_prompts(prompts, none, con, asks)
    versions = {PLAIN.name: "v1", REPORTS.name: "v1"}
    rows = plan.write_requests(planned, prompts, asks, versions, tmp_path / "requests").to_arrow_table().to_pylist()
    assert len(rows) == 2 * (4 + 2)
    for column in ("sample_id", "seed", "key", "position"):
        assert len({row[column] for row in rows}) == len(rows), column
    other = plan.write_requests(planned, prompts, asks, dict.fromkeys(versions, "v2"), tmp_path / "other")
    changed = other.to_arrow_table().to_pylist()
    assert [row["sample_id"] for row in changed] == [row["sample_id"] for row in rows]
    assert {row["key"] for row in changed}.isdisjoint(row["key"] for row in rows)

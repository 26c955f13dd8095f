"""Every layout gives rows of its contract, and the columns of the published records hold what they say."""

from dataclasses import replace

import pytest

from curation import params as params_module
from curation import tables
from curation.layouts.named import LAYOUTS, layout_of
from schemas.annotations import ANNOTATIONS
from schemas.grades import GRADES
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES
from schemas.scores import SCORES
from schemas.selections import SELECTIONS
from schemas.verdicts import VERDICTS

PARAMS = params_module.load()
TEACHER = PARAMS.teachers[1]
TESTS = '{"call_type": "assert", "fn_name": "f", "assert_case": ["assert f(1) == 2"]}'


@pytest.fixture
def relations(con):
    """Two prompts, math and code; of the first two responses, of the second one."""
    ids = [("s1", "p1", "smollm2-reports"), ("s2", "p1", "school"), ("s3", "p2", "smollm2-reports")]
    keys = [{"sample_id": sample, "prompt_id": prompt, "teacher": teacher} for sample, prompt, teacher in ids]
    fixed = {"source": "school", "source_row": "1", "licence": "MIT", "priority": 1, "language": "en"}
    prompts = [
        {**fixed, "record_id": "r1", "prompt_id": "p1", "category": "math", "reference": "7"},
        {**fixed, "record_id": "r2", "prompt_id": "p2", "category": "code", "tests": TESTS},
    ]
    turns = {"messages": [{"role": "user", "content": "3 + 4?"}]}
    labels = {
        "group_id": "g",
        "label": "Math",
        "difficulty": "easy",
        "annotator": "rules",
        "num_turns": 1,
        "length_words": 2,
    }
    flags = {"well_formed": True, "language_mixed": False, "boxed": False, "repetition": 1, "frequent_ngrams": 0}
    scored = {**flags, "reasoning_tokens": 2, "answer_tokens": 3, "perplexity": 1.5}
    judged = {"category": "math", "verifier": "math", "version": "1", "status": "verified"}
    texts = {"reasoning": "I count.", "well_formed": True, "sample_index": 0}
    grade = {"category": "math", "num_samples": 4, "num_verified": 4, "num_passed": 3}
    rows = {
        "prompts": ([{**row, **turns} for row in prompts], PROMPTS),
        "annotations": (
            [{**labels, "prompt_id": prompt, "verifiable": True} for prompt in ("p1", "p2")],
            ANNOTATIONS,
        ),
        "responses": ([{**key, **texts, "answer": str(6 + n)} for n, key in enumerate(keys, start=1)], RESPONSES),
        "verdicts": ([{**key, **judged, "score": float(n == 1)} for n, key in enumerate(keys, start=1)], VERDICTS),
        "scores": ([{**key, **scored} for key in keys], SCORES),
        "grades": ([{**grade, "prompt_id": "p1", "teacher": "smollm2-plain"}], GRADES),
    }
    return {name: tables.from_rows(con, given, table) for name, (given, table) in rows.items()}


def released(name, relations, con, tmp_path, selections):
    """Rows of a layout, written and read, for (config, sample, prompt, role) that were selected."""
    block = next(dataset for dataset in PARAMS.datasets.values() if dataset.layout == name)
    chosen = [
        {"dataset": "d", "config": config, "sample_id": sample, "prompt_id": prompt, "role": role, "split": "train"}
        | {"figure": 0.75}
        for config, sample, prompt, role in selections
    ]
    for given, relation in {**relations, "selected": tables.from_rows(con, chosen, SELECTIONS)}.items():
        relation.create_view(given, replace=True)
    table = layout_of(block).table(block)
    written = tables.write(con.sql(layout_of(block).sql(block, PARAMS)), tmp_path / "rows", table)
    rows = tables.read(con, tmp_path / "rows", table).to_arrow_table().to_pylist()
    assert len(rows) == written == len(selections) // layout_of(block).selections_per_row
    return rows


PAIR = [("default", "s1", "p1", "chosen"), ("default", "s2", "p1", "rejected")]


@pytest.mark.parametrize("layout", [layout.name for layout in LAYOUTS])
def test_a_layout_gives_rows_of_its_contract(layout, relations, con, tmp_path):
    units = {one.name: one.unit for one in LAYOUTS}
    one = [("default", None if units[layout] == "prompt" else "s1", "p1", "response")]
    assert released(layout, relations, con, tmp_path, PAIR if layout == "am_preference" else one)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_layout_tells_turns_and_lengths_beside_its_text(layout, relations, con, tmp_path):
    pairs, prompts = layout.name == "am_preference", layout.unit == "prompt"
    (row,) = released(
        layout.name,
        relations,
        con,
        tmp_path,
        PAIR if pairs else [("default", None if prompts else "s1", "p1", "response")],
    )
    expected = {"num_turns": 2, "prompt_words": 2}
    if pairs:
        expected |= {"chosen_tokens": 5, "rejected_tokens": 5}
    elif not prompts:
        expected |= {"answer_tokens": 5, "reasoning_tokens": 2}
    assert {name: row.get(name) for name in expected} == expected


def test_conversations_tell_teacher_verdict_and_perplexity(relations, con, tmp_path):
    (row,) = released("am_multi_teacher", relations, con, tmp_path, [("smollm2-reports", "s1", "p1", "response")])
    human, assistant = row["conversations"]
    assert row["system"] == TEACHER.system
    assert (human["from"], human["info"]["ground_truth"], human["info"]["ppl"]) == ("human", "7", None)
    assert assistant["value"] == "<think>I count.</think>\n<answer>7</answer>"
    told = {name: assistant["info"][name] for name in ("think_content", "verify_score", "model_name", "ppl")}
    assert told == {"think_content": "I count.", "verify_score": 1.0, "model_name": TEACHER.model, "ppl": 1.5}


def test_rewards_of_code_are_its_tests_and_the_index_counts_rows(relations, con, tmp_path):
    rows = released(
        "am_rl", relations, con, tmp_path, [("default", None, "p1", "prompt"), ("default", None, "p2", "prompt")]
    )
    assert [row["reward_model"] for row in rows] == [
        {"ground_truth": "7", "style": "rule"},
        {"ground_truth": TESTS, "style": "rule"},
    ]
    assert [(row["ability"], row["extra_info"]) for row in rows] == [
        ("math", {"index": 0, "split": "train"}),
        ("code", {"index": 1, "split": "train"}),
    ]


def test_the_system_prompt_of_the_policy_comes_first(relations, con):
    block = PARAMS.datasets["am-rl"]
    sql = layout_of(block).sql(replace(block, values={**block.values, "policy": "medium"}), PARAMS)
    assert "list_prepend({'role': 'system'" in sql
    assert "list_prepend" not in layout_of(block).sql(block, PARAMS)


def test_levels_carry_the_pass_rates_of_params(relations, con, tmp_path):
    (row,) = released("am_difficulty_rl", relations, con, tmp_path, [("level-1", None, "p1", "prompt")])
    assert (row["question"], row["ground_truth"], row["pass_rate_plain"], row["pass_rate_ready"]) == (
        "3 + 4?",
        "7",
        0.75,
        None,
    )


def test_a_pair_is_one_row_with_both_scores(relations, con, tmp_path):
    (row,) = released("am_preference", relations, con, tmp_path, PAIR)
    assert row["chosen"][0]["content"].endswith("<answer>7</answer>")
    assert (row["rejected_source"], row["chosen_score"], row["rejected_score"]) == ("school", 1.0, 0.0)
    assert (row["chosen_tokens"], row["rejected_sample_id"]) == (5, "s2")


def test_answers_come_without_their_thinking(relations, con, tmp_path):
    (row,) = released("am_answers", relations, con, tmp_path, [("answer", "s1", "p1", "response")])
    assert row["messages"] == [{"role": "user", "content": "3 + 4?"}, {"role": "assistant", "content": "7"}]

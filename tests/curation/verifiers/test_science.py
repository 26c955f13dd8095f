"""Golden answers to multiple choice, numbers and short texts."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.verifiers.science import verify_science
from curation.verifiers.verdict import Task

GOLDEN = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "fixtures/verifiers/science.jsonl").read_text().splitlines()
]
QUESTION = "What is the capital of France?\nA) Berlin\nB) Paris\nC) Rome\nD) Vitamin C"


def verdicts(cases):
    tasks = [Task((("user", QUESTION),), case["answer"], case["reference"]) for case in cases]
    return verify_science(tasks, extraction="boxed_or_last_number", timeout_seconds=10, processes=2)


@pytest.mark.parametrize("case", GOLDEN, ids=[case["title"] for case in GOLDEN])
def test_a_golden_answer_gets_its_verdict(case):
    (found,) = verdicts([case])
    assert (found.score, found.why) == (case.get("score"), case.get("why"))
    assert json.loads(found.detail or "{}").get("rule") == case.get("rule")


@given(st.permutations(GOLDEN))
@settings(max_examples=10, deadline=None)
def test_a_verdict_does_not_depend_on_the_others_of_its_batch(cases):
    assert [verdict.score for verdict in verdicts(cases)] == [case.get("score") for case in cases]


@given(st.text(max_size=80), st.sampled_from(["B", "Yes", "Tuesday", "7", "∞", "a > b"]))
@settings(max_examples=50, deadline=None)
def test_any_text_scores_0_or_5(answer, reference):
    (found,) = verdicts([{"answer": answer, "reference": reference}])
    assert found.score in (0.0, 5.0)


@pytest.mark.parametrize("reference", ["B", "C", "Yes", "Tuesday", "Zoe is a knight and Ben is a knave", "∞"])
def test_the_reference_itself_is_right_in_every_form(reference):
    forms = ("{}", "{}.", "**{}**", "The answer is {}.", "Answer: {}", r"\boxed{{{}}}", "So\n\n{}")
    found = verdicts([{"answer": form.format(reference), "reference": reference} for form in forms])
    assert [verdict.score for verdict in found] == [5.0] * len(forms)


@pytest.mark.parametrize("unit", ["answer ", "answer is ", "A) ", "A\n", "\n", " \n", "*", "(A)", "A or ", "no "])
@pytest.mark.parametrize("reference", ["B", "Yes", "Tuesday"])
def test_reading_takes_time_linear_in_the_text(unit, reference):
    start = time.monotonic()
    verdicts([{"answer": unit * 50_000 + "x", "reference": reference}])
    assert time.monotonic() - start < 3

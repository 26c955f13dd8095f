"""Golden answers, agreement of the short ways with math-verify, and answers made to hang it."""

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.verifiers import symbolic
from curation.verifiers.extract import undelimited
from curation.verifiers.math import final_answer, is_plain_number, verify_math
from curation.verifiers.verdict import Task

GOLDEN = [
    json.loads(line) for line in (Path(__file__).parents[2] / "fixtures/verifiers/math.jsonl").read_text().splitlines()
]
HOSTILE = (
    "9^{9^{9}}", "9^{9^{9^{9}}}", "3000^{3000^{3}}", "2^{10^9}", "2**3**4**5**6", "10^8!", "(10^{8})!", "(((9!)!)!)!",
    r"\binom{1000000}{500000}", r"\sum_{k=1}^{3000} k^k", r"\prod_{k=1}^{5000} k!", "(x+1)^{9999}-(x-1)^{9999}",
    "{" * 60 + "x" + "}" * 60, "(" * 60 + "x" + ")" * 60, r"\sqrt{" * 50 + "x" + "}" * 50,
    r"\frac{1}{" * 80 + "2" + "}" * 80, "+".join(["x^2"] * 3000), "1" * 20_000 + "x",
)  # fmt: skip


def verdict(answer, reference, extraction="boxed"):
    task = Task((), answer, reference)
    return verify_math([task], extraction=extraction, timeout_seconds=10, processes=2)[0]


@pytest.mark.parametrize("case", GOLDEN, ids=[case["title"] for case in GOLDEN])
def test_a_golden_answer_gets_its_verdict(case):
    found = verdict(case["answer"], case["reference"], case["extraction"])
    assert (found.score, found.why) == (case.get("score"), case.get("why"))
    assert (json.loads(found.detail)["stage"] if found.detail else None) == case.get("stage")


def test_hostile_answers_are_unverified_and_quick():
    tasks = [Task((), rf"\boxed{{{answer}}}", "x^2+1") for answer in HOSTILE]
    start = time.monotonic()
    verdicts = verify_math(tasks, extraction="boxed", timeout_seconds=1, processes=2)
    assert {verdict.why for verdict in verdicts} == {"too_complex", "timeout"}
    assert time.monotonic() - start < 20


def test_an_answer_over_the_deadline_does_not_harm_the_next():
    tasks = [Task((), rf"\boxed{{{answer}}}", "(x+1)^2") for answer in (HOSTILE[9], "x^2+2x+1", HOSTILE[10], "x+1")]
    verdicts = verify_math(tasks, extraction="boxed", timeout_seconds=2, processes=1)
    assert [verdict.score for verdict in verdicts] == [None, 1.0, None, 0.0]
    assert [verdict.why for verdict in verdicts] == ["timeout", None, "timeout", None]


def test_a_worker_that_dies_or_a_library_that_raises_says_nothing_of_the_answer():
    pool = symbolic._pool(2)
    died, raised = pool.schedule(os._exit, args=(1,)), pool.schedule(int, args=("x",))
    assert symbolic._comparison(died).outcome == "worker_died"
    assert symbolic._comparison(raised) == symbolic.Comparison("error", "ValueError")


numbers = st.one_of(
    st.integers(-(10**9), 10**9).map(str),
    st.integers(0, 10**9).map("{:,}".format),
    st.decimals(-9999, 9999, places=2).map(str),
    st.integers(0, 99).map("0{}.50".format),
)


@given(numbers, numbers)
@settings(max_examples=50, deadline=None)
def test_comparing_digits_agrees_with_math_verify(reference, answer):
    for found in (answer, reference):
        short = verdict(rf"\boxed{{{found}}}", reference)
        long = symbolic.compare(undelimited(reference), undelimited(found))
        assert short.score == float(long == "equal")


@given(st.permutations([case for case in GOLDEN if case["extraction"] == "boxed"]), st.integers(1, 5))
@settings(max_examples=5, deadline=None)
def test_a_verdict_does_not_depend_on_the_others_of_its_batch(cases, size):
    for start in range(0, len(cases), size):
        batch = cases[start : start + size]
        tasks = [Task((), case["answer"], case["reference"]) for case in batch]
        verdicts = verify_math(tasks, extraction="boxed", timeout_seconds=10, processes=2)
        assert [(v.score, v.why) for v in verdicts] == [(case.get("score"), case.get("why")) for case in batch]


@given(st.text(alphabet="x12+-*/^{}()!\\boxedfrac$%, ", max_size=60), st.text(alphabet="x12+-/^{}()$ ", max_size=20))
@settings(max_examples=40, deadline=None)
def test_any_text_gets_a_score_of_0_or_1_or_a_reason(answer, reference):
    found = verify_math(
        [Task((), rf"\boxed{{{answer}}}", reference)], extraction="boxed", timeout_seconds=2, processes=2
    )
    assert found[0].score in (0.0, 1.0) or found[0].why is not None


# Text with no final answer, with one box, with a number only.
@pytest.mark.parametrize(
    ("text", "boxed", "number"),
    [
        ("no", None, None),
        (r"\boxed {7}", "7", "7"),
        (r"\boxed 7", None, "7"),
        ("2024-05-06", None, "06"),
        ("v1.2 costs 3.50", None, "3.50"),
        ("about 5%", None, "5%"),
        ("points 3,4", None, "4"),
    ],
)
def test_the_final_answer_is_read_as_extraction_says(text, boxed, number):
    assert final_answer(text, "boxed", "7") == boxed
    assert final_answer(text, "boxed_or_last_number", "7") == number


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("x^{2020}", None),
        ("e^{x^2}", None),
        ("(x^2)^{500}", None),
        (r"2^{2^{10}}", None),
        ("20!", None),
        (r"\binom{100}{50}", None),
        ("2^{100000}", "exponent"),
        ("2^{2^{2^{2}}}", "exponent"),
        ("5!!", "factorial"),
        ("1" * 401 + "x", "digits"),
    ],
)
def test_only_what_is_too_big_is_refused(text, limit):
    assert symbolic.too_complex(text) == limit


def test_plain_numbers_are_told_from_other_references():
    assert all(map(is_plain_number, ["7", "-1,200.50", "3/4", "5%", r"5\%", "$7$"]))
    assert not any(map(is_plain_number, ["", "B", "7 kg", "x", "1/x", "Yes", "/2"]))

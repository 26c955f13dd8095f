"""Each check on texts that follow, that don't, and that don't let it say; and every bad argument."""

import json
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.verifiers.instruction_checks import sentences
from curation.verifiers.instructions import CHECKS, parse_constraints, verify_instructions
from curation.verifiers.verdict import Task

GOLDEN = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "fixtures/verifiers/instructions.jsonl").read_text().splitlines()
]
VALID = {case["id"]: case["kwargs"] for case in GOLDEN}


def verdict(text, *constraints):
    given = {"instruction_id_list": [name for name, _ in constraints], "kwargs": [kwargs for _, kwargs in constraints]}
    return verify_instructions([Task((), text, constraints=json.dumps(given))])[0]


@pytest.mark.parametrize("case", GOLDEN, ids=[f"{case['id']}-{case['followed']}" for case in GOLDEN])
def test_a_golden_text_is_judged(case):
    found = verdict(case["text"], (case["id"], case["kwargs"]))
    assert json.loads(found.detail) == [{"id": case["id"], "followed": case["followed"]}]
    assert found.score == (None if case["followed"] is None else float(case["followed"]))


def test_every_instruction_of_ifeval_has_a_text_that_follows_and_one_that_does_not():
    assert len(CHECKS) == 25
    for name in CHECKS:
        assert {True, False} <= {case["followed"] for case in GOLDEN if case["id"] == name}, name


def test_json_nested_too_deep_to_be_read_is_undecidable():
    assert verdict("[" * 200_000 + "]" * 200_000, ("detectable_format:json_format", {})).why == "undecidable"


@pytest.mark.parametrize(
    ("name", "argument"), [(name, argument) for name, kwargs in VALID.items() for argument in kwargs]
)
def test_a_missing_or_odd_argument_is_never_guessed(name, argument):
    for value in (None, [], "", True, 1.5, -1, {"a": 1}):
        found = verdict("Tea.", (name, {**VALID[name], argument: value}))
        assert (found.score, found.why) == (None, "bad_constraint")
        assert json.loads(found.detail) == {"id": name, "argument": argument, "value": value}


def test_arguments_that_are_null_or_unknown_are_no_arguments():
    assert verdict("Tea; milk.", ("punctuation:no_comma", {"num_words": None, "other": 3})).score == 1
    assert verdict("Tea; milk.", ("punctuation:no_comma", None)).score == 1


def test_the_score_is_the_mean_over_constraints():
    comma, title = ("punctuation:no_comma", {}), ("detectable_format:title", {})
    assert verdict("Tea.", comma, title).score == 0.5
    assert verdict("Tea.", comma, title, title).score == pytest.approx(1 / 3)


def test_one_undecidable_constraint_leaves_the_whole_unverified():
    found = verdict("Bonjour.", ("punctuation:no_comma", {}), ("language:response_language", {"language": "fr"}))
    assert (found.score, found.why) == (None, "undecidable")
    assert [one["followed"] for one in json.loads(found.detail)] == [True, None]


def test_an_empty_response_follows_nothing():
    constraints = list(VALID.items())
    assert verdict(" \n", *constraints).score == 0


def test_an_unknown_instruction_is_named():
    found = verdict("Tea.", ("punctuation:no_comma", {}), ("punctuation:no_dash", {}))
    assert (found.why, json.loads(found.detail)) == ("unknown_instruction", {"id": "punctuation:no_dash"})


@pytest.mark.parametrize(
    ("constraints", "why"),
    [
        (None, "no_constraints"),
        ("", "no_constraints"),
        ('{"instruction_id_list": [], "kwargs": []}', "no_constraints"),
        ("{", "bad_constraint"),
        ("[]", "bad_constraint"),
        ("[" * 100_000, "bad_constraint"),
        ('{"instruction_id_list": ["punctuation:no_comma"]}', "bad_constraint"),
        ('{"instruction_id_list": ["punctuation:no_comma"], "kwargs": []}', "bad_constraint"),
        ('{"instruction_id_list": [7], "kwargs": [{}]}', "unknown_instruction"),
    ],
)
def test_constraints_that_cannot_be_read_are_no_wrong_answer(constraints, why):
    assert parse_constraints(constraints).why == why


@given(st.text(max_size=80))
@settings(max_examples=50, deadline=None)
def test_any_text_scores_between_0_and_1_or_is_undecidable(text):
    constraints = list(VALID.items())
    found = verdict(text, *constraints)
    assert found.why == "undecidable" if found.score is None else 0 <= found.score <= 1
    shuffled = random.Random(1).sample(constraints, len(constraints))
    assert verdict(text, *shuffled).score == found.score


@pytest.mark.parametrize(
    "unit", ["(", "[", "<", "*", "* ", ".", ". ", "\n", " \n", "`", "```\n", "A", "a.b", "Section 1 ", "-"]
)
def test_checks_take_time_linear_in_the_text(unit):
    start = time.monotonic()
    verdict(unit * 100_000 + "x", *VALID.items())
    assert time.monotonic() - start < 5


# Abbreviations, initials, decimals, quotes; Chinese; headings without a full stop.
@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Mr. J. Lee has 3.5 kg. Yes!", 2),
        ('He said "Go!" Then he went.', 2),
        ("Wait... what?! No. Yes.", 3),
        ("你好。你好吗？很好！", 3),
        ("A heading\n\nA text.", 2),
        ("See Fig. 5, approx. 3, etc. Then", 1),
        ("", 0),
        ("...", 0),
    ],
)
def test_sentences_end_where_readers_see_an_end(text, number):
    assert len(sentences(text)) == number

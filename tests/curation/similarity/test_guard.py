"""What two prompts must have in common, by golden pairs, and that the order of a pair does not matter."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.similarity.guard import (
    CAUSES,
    IDENTITIES,
    Candidate,
    blocks,
    causes,
    evidence,
    identities,
    pieces,
    same_wording,
    verifiable,
)
from curation.similarity.wording import wording

PAIRS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "fixtures/deduplicate/guard.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
TEXTS = sorted({text for pair in PAIRS for text in (pair["a"], pair["b"])})


def asked(text):
    return wording([{"role": "user", "content": text}])


def hashes(text, **given):
    return identities(asked(text), evidence({"reference": None, "tests": None, "constraints": None, **given}))


def judged(pair, first, second):
    """Why a pair is kept apart, None, or `sentences` where their vectors decide."""
    sides = {"a": 0, "b": 1}
    values = [
        {name: pair[name][sides[side]] if name in pair else None for name in ("reference", "tests")}
        for side in (first, second)
    ]
    both = np.array([hashes(pair[side], **own) for side, own in zip((first, second), values, strict=True)], np.uint64)
    (cause,) = causes(both, np.array([0]), np.array([1]))
    if cause >= 0:
        return CAUSES[cause]
    a, b = (Candidate(asked(pair[side]), **own) for side, own in zip((first, second), values, strict=True))
    if same_wording(a, b):
        return None
    return "wording" if pieces(a.wording, b.wording) is None else "sentences"


@pytest.mark.parametrize("pair", PAIRS, ids=[pair["title"] for pair in PAIRS])
def test_a_golden_pair_is_judged_the_same_from_both_sides(pair):
    assert judged(pair, "a", "b") == pair["expected"]
    assert judged(pair, "b", "a") == pair["expected"]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(TEXTS),
    st.sampled_from(TEXTS),
    st.tuples(*[st.sampled_from([None, "7", "copper"])] * 2),
    st.booleans(),
)
def test_any_pair_is_judged_the_same_from_both_sides(a, b, references, tested):
    pair = {"a": a, "b": b, "reference": references, "tests": ("t", "t") if tested else (None, None)}
    assert judged(pair, "a", "b") == judged(pair, "b", "a")
    assert judged({**pair, "b": a, "reference": ("7", "7")}, "a", "b") is None


def naive_cause(a, b):
    """The first thing that must be equal and is not."""
    evident = any(a[len(IDENTITIES) :]) and any(b[len(IDENTITIES) :])
    compared = len(CAUSES) if evident else len(IDENTITIES)
    return next((index for index in range(compared) if a[index] != b[index]), -1)


ROWS = st.lists(st.tuples(*[st.integers(0, 1)] * len(CAUSES)), min_size=2, max_size=8)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_causes_and_blocks_are_those_of_plain_python(rows):
    table = np.array(rows, dtype=np.uint64)
    first, second = np.array(list(combinations(range(len(rows)), 2))).T
    assert causes(table, first, second).tolist() == [naive_cause(a, b) for a, b in combinations(rows, 2)]
    found = blocks(table)
    same_text = [a[: len(IDENTITIES)] == b[: len(IDENTITIES)] for a, b in combinations(rows, 2)]
    assert (found[first] == found[second]).tolist() == same_text


def test_evidence_is_compared_folded_and_its_absence_is_zero():
    assert hashes("Name it.", reference=" 1\n2 ") == hashes("Name it.", reference="1 2")
    assert hashes("Name it.", reference=" ")[len(IDENTITIES) :] == [0, 0, 0]
    assert verifiable(np.array([hashes("?", constraints="c"), hashes("?")], np.uint64)).tolist() == [True, False]


def test_a_conversation_is_never_a_single_question():
    turns = [{"role": role, "content": "Go on"} for role in ("user", "assistant", "user")]
    none = evidence({"reference": None, "tests": None, "constraints": None})
    both = np.array([identities(wording(turns), none), identities(wording(turns[:1]), none)], np.uint64)
    assert CAUSES[causes(both, np.array([0]), np.array([1]))[0]] == "turns"
    system = [{"role": "system", "content": ""}, *turns]
    assert identities(wording(system), none) == both[0].tolist()


def test_only_the_sentences_that_differ_are_to_be_compared():
    a, b = asked("Look at it. Explain black holes. Thank you."), asked("Look at it. Explain white holes. Thank you.")
    assert pieces(a, b) == [("Explain black holes.", "Explain white holes.")]
    c = asked("Look at it and explain white holes. Thank you.")
    assert pieces(a, c) == [(a.text, c.text)]

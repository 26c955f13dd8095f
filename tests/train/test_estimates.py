"""pass@1, its interval and pass@k are what a hand computes, and agree with slow and simple versions of them."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.estimates import Tally, ks, pass_at_1, pass_at_k

GOLDEN = Path(__file__).parents[1] / "fixtures/evaluate/estimates.jsonl"
CASES = [json.loads(line) for line in GOLDEN.read_text().splitlines()]
COUNTS = st.integers(1, 6).flatmap(
    lambda samples: st.integers(0, samples).flatmap(
        lambda verified: st.tuples(st.just(samples), st.just(verified), st.integers(0, verified))
    )
)


def tallied(counts):
    return [Tally(f"{number:04}", *one) for number, one in enumerate(counts)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["title"])
def test_figures_are_those_computed_by_hand(case):
    tallies = tallied(case["tallies"])
    told = pass_at_1(tallies, resamples=2000, seed=7)
    assert vars(told) == {name: case[name] for name in ("value", "low", "high", "if_wrong", "if_right")}
    assert {str(k): pass_at_k(tallies, k) for k in ks(tallies[0].num_samples)} == case["pass_at_k"]


@given(COUNTS, st.integers(1, 6))
def test_pass_at_k_is_the_share_of_draws_that_hold_a_correct_sample(counts, k):
    """Against all draws of k of the verified samples."""
    verified = [True] * counts[2] + [False] * (counts[1] - counts[2])
    draws = [any(draw) for draw in combinations(verified, k)]
    assert pass_at_k(tallied([counts]), k) == (round(sum(draws) / len(draws), 6) if draws else None)


@given(st.lists(COUNTS, min_size=2, max_size=12), st.integers(0, 99))
def test_the_interval_is_that_of_prompts_drawn_one_by_one(counts, seed):
    """Against a loop over draws, with lists of single samples."""
    judged = [[True] * correct + [False] * (verified - correct) for _, verified, correct in counts if verified]
    told = pass_at_1(tallied(counts), resamples=50, seed=seed)
    if len(judged) < 2:
        assert (told.low, told.high) == (None, None)
        return
    generator = np.random.Generator(np.random.PCG64(seed))
    means = []
    for _ in range(50):
        drawn = [sample for row in generator.integers(0, len(judged), size=len(judged)) for sample in judged[row]]
        means.append(sum(drawn) / len(drawn))
    low, high = np.quantile(means, [0.025, 0.975])
    assert (told.low, told.high) == pytest.approx((low, high), abs=1e-6)


@given(st.lists(COUNTS, min_size=1, max_size=12))
def test_the_bounds_hold_the_value(counts):
    told = pass_at_1(tallied(counts), resamples=10, seed=1)
    assert 0 <= told.if_wrong <= told.if_right <= 1
    assert told.value is None or told.if_wrong - 1e-6 <= told.value <= told.if_right + 1e-6


def test_samples_of_one_prompt_count_as_one_draw():
    """64 samples of 4 prompts, each solved always or never, tell no more than 4 samples would."""
    few, many = tallied([(1, 1, 1), (1, 1, 0)] * 2), tallied([(64, 64, 64), (64, 64, 0)] * 2)
    one, other = (pass_at_1(tallies, resamples=1000, seed=3) for tallies in (few, many))
    assert (one.low, one.high) == (other.low, other.high) == (0.0, 1.0)


def test_a_larger_bootstrap_is_drawn_in_parts_and_stays_the_same(monkeypatch):
    tallies = tallied([(2, 2, number % 3) for number in range(30)])
    whole = pass_at_1(tallies, resamples=200, seed=5)
    monkeypatch.setattr("train.estimates.DRAWS_AT_ONCE", 100)
    assert pass_at_1(tallies, resamples=200, seed=5) == whole

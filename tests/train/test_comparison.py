"""Two models on the same prompts: exact p-values, a paired interval, and no comparison of different prompts."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from curation.errors import DataError
from train.comparison import compare, mcnemar
from train.estimates import Tally

GOLDEN = Path(__file__).parents[1] / "fixtures/evaluate/comparison.jsonl"
CASES = [json.loads(line) for line in GOLDEN.read_text().splitlines()]


def tallied(correct, samples=1):
    return [Tally(f"{number:04}", samples, samples, right) for number, right in enumerate(correct)]


def compared(first, second, **values):
    return compare(first, second, **{"resamples": 1000, "seed": 7, "names": "base and sft on sums", **values})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["title"])
def test_figures_are_those_computed_by_hand(case):
    told = compared(tallied(case["first"], case["samples"]), tallied(case["second"], case["samples"]))
    wanted = {name: case[name] for name in ("only_first", "only_second", "p_value", "difference")}
    assert {name: getattr(told, name) for name in wanted} == wanted


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_exact_binomial_test(only_first, only_second):
    differing = only_first + only_second
    wanted = binomtest(only_first, differing).pvalue if differing else 1.0
    assert mcnemar(only_first, only_second) == pytest.approx(wanted, rel=1e-5)


def test_many_prompts_are_no_overflow():
    assert 0 < mcnemar(900, 1100) < 1e-4


def test_the_interval_is_of_the_difference_and_pairs_the_prompts():
    """Two prompts, one of which the second model alone solves: the draws differ by 0, 1/2 or 1."""
    told = compared(tallied([1, 0]), tallied([1, 1]))
    assert (told.first, told.second, told.difference, told.low, told.high) == (0.5, 1.0, 0.5, 0.0, 1.0)


def test_a_difference_that_is_equal_everywhere_has_no_spread():
    """Unpaired, prompts that one model solves never and one always would spread it."""
    told = compared(tallied([0, 2, 0, 2], samples=4), tallied([1, 3, 1, 3], samples=4))
    assert (told.difference, told.low, told.high) == (0.25, 0.25, 0.25)


def test_prompts_without_a_verdict_on_one_side_are_left_out_and_counted():
    told = compared([Tally("a", 2, 0, 0), Tally("b", 2, 2, 2)], [Tally("b", 2, 1, 0), Tally("a", 2, 2, 2)])
    assert (told.num_prompts, told.num_left_out, told.first, told.second) == (1, 1, 1.0, 0.0)
    assert (told.low, told.high, told.only_first) == (None, None, 1)


def test_nothing_verified_compares_nothing():
    told = compared([Tally("a", 2, 0, 0)], [Tally("a", 2, 0, 0)])
    assert (told.num_prompts, told.difference, told.p_value) == (0, None, 1.0)


def test_other_prompts_are_refused_with_their_number_and_one_of_them():
    with pytest.raises(
        DataError, match=r"base and sft on sums: .* 2 of 3 were answered by one alone, such as 0001 by the second"
    ):
        compared(tallied([1, 0, 1])[:1] + tallied([1, 0, 1])[2:], tallied([1, 0]))

"""Two models on the same prompts: McNemar's exact test, and a paired bootstrap of the difference of their pass@1.

Both look at each prompt twice, once for each model, so what makes a prompt hard for both does not blur the
difference. An unpaired test does: where one model solves 110 of 220 prompts and another 126, 8 that only the first
and 24 that only the second solves, it gives p = 0.126 and McNemar's 0.007.

Reference: Q. McNemar, Note on the sampling error of the difference between correlated proportions, Psychometrika, 1947.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curation.errors import DataError
from train.estimates import Tally, interval


@dataclass(frozen=True)
class Comparison:
    """How a second model did against a first one; a prompt counts where both have a verdict on it."""

    num_prompts: int
    num_left_out: int
    """Prompts of which one of the two has no sample with a verdict."""
    first: float | None
    """pass@1 on these prompts; null where there are none."""
    second: float | None
    difference: float | None
    """Second minus first."""
    low: float | None
    """Ends of the 95 % interval of the difference; null for fewer than two prompts."""
    high: float | None
    only_first: int
    """Prompts that the first solves and the second does not."""
    only_second: int
    p_value: float
    """McNemar's exact test, two-sided: that the two kinds are as likely as each other."""


def compare(first: Sequence[Tally], second: Sequence[Tally], *, resamples: int, seed: int, names: str) -> Comparison:
    """Compare two models by their tallies of the same prompts.

    A prompt is solved where more than half of its samples with a verdict are correct: with one sample, that one.

    Args:
        first: Tallies of one model.
        second: Tallies of the other, of the same prompts in any order.
        resamples: Draws of the bootstrap.
        seed: Of these draws.
        names: What is compared on what, for an error.

    Raises:
        DataError: They did not answer the same prompts.
    """
    pairs = _pairs(first, second, names)
    both = [(one, other) for one, other in pairs if one.num_verified and other.num_verified]
    correct = [np.array([pair[side].num_correct for pair in both], dtype=np.int64) for side in (0, 1)]
    verified = [np.array([pair[side].num_verified for pair in both], dtype=np.int64) for side in (0, 1)]
    rates = [float(above.sum() / below.sum()) if both else None for above, below in zip(correct, verified, strict=True)]
    low, high = None, None
    if len(both) > 1:
        low, high = interval(correct[::-1], verified[::-1], resamples=resamples, seed=seed)
    only_first = sum(_solved(one) and not _solved(other) for one, other in both)
    only_second = sum(_solved(other) and not _solved(one) for one, other in both)
    return Comparison(
        num_prompts=len(both),
        num_left_out=len(pairs) - len(both),
        first=_rounded(rates[0]),
        second=_rounded(rates[1]),
        difference=None if rates[0] is None or rates[1] is None else _rounded(rates[1] - rates[0]),
        low=low,
        high=high,
        only_first=only_first,
        only_second=only_second,
        p_value=mcnemar(only_first, only_second),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p of McNemar's exact test, from the prompts that only one of two models solves.

    Example:
        >>> mcnemar(1, 5), mcnemar(3, 3), mcnemar(0, 0)
        (0.21875, 1.0, 1.0)
    """
    num_differing = only_first + only_second
    tail = sum(math.comb(num_differing, count) for count in range(min(only_first, only_second) + 1))
    # Divided as whole numbers: 2 ** num_differing is beyond a float from 1,024 prompts on.
    return float(f"{min(1.0, 2 * tail / 2**num_differing):.6g}")


def _pairs(first: Sequence[Tally], second: Sequence[Tally], names: str) -> list[tuple[Tally, Tally]]:
    """The tallies of each prompt, by its id."""
    ones, others = ({tally.prompt_id: tally for tally in side} for side in (first, second))
    unpaired = sorted(ones.keys() ^ others.keys())
    if unpaired:
        where = "first" if unpaired[0] in ones else "second"
        raise DataError(
            f"evaluate: {names}: wanted two models that answered the same prompts, but {len(unpaired):,} of "
            f"{len(ones.keys() | others.keys()):,} were answered by one alone, such as {unpaired[0]} by the {where}. "
            f"Run both on one version of the benchmark: dvc repro -f evaluate"
        )
    return [(ones[prompt_id], others[prompt_id]) for prompt_id in sorted(ones)]


def _solved(tally: Tally) -> bool:
    return 2 * tally.num_correct > tally.num_verified


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)

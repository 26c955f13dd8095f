"""Estimates of what a model can do: pass@1 with its interval, pass@k, and what is not verified kept apart.

In: per prompt, how many samples there are, how many have a verdict, how many are correct. Out: figures of 6 decimals.
A sample without a verdict is not wrong: it is left out, and two bounds say what the figure were if all of
these were wrong, or right. Samples of one prompt are no independent draws, so an interval comes from resampling
prompts, each with all its samples.

Reference: M. Chen et al., Evaluating Large Language Models Trained on Code, 2021, 2.1, unbiased pass@k.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
DRAWS_AT_ONCE = 2_000_000
"""Numbers held while resampling: 16 MB."""


@dataclass(frozen=True)
class Tally:
    """How the samples of one prompt came out."""

    prompt_id: str
    num_samples: int
    num_verified: int
    num_correct: int


@dataclass(frozen=True)
class Estimate:
    """A share of correct samples; null where no sample has a verdict."""

    value: float | None
    low: float | None
    """Lower end of the 95 % interval; null for fewer than two prompts, which say nothing of spread."""
    high: float | None
    if_wrong: float | None
    """The value if every sample without a verdict were wrong; null without samples."""
    if_right: float | None
    """The value if every one were right."""


def pass_at_1(tallies: Sequence[Tally], *, resamples: int, seed: int) -> Estimate:
    """Correct samples over samples with a verdict, and the 95 % interval of a bootstrap over prompts.

    Args:
        tallies: One per prompt, in an order that is always the same.
        resamples: Sets of prompts that are drawn, with replacement, as many as there are.
        seed: Of these draws.

    Example:
        >>> tallies = [Tally("a", 4, 4, 4), Tally("b", 4, 2, 0)]
        >>> pass_at_1(tallies, resamples=1000, seed=1)
        Estimate(value=0.666667, low=0.0, high=1.0, if_wrong=0.5, if_right=0.75)
    """
    judged = [tally for tally in tallies if tally.num_verified]
    correct, verified = _column(judged, "num_correct"), _column(judged, "num_verified")
    num_samples, num_correct = sum(tally.num_samples for tally in tallies), int(correct.sum())
    open_ = num_samples - int(verified.sum())
    low, high = interval([correct], [verified], resamples=resamples, seed=seed) if len(judged) > 1 else (None, None)
    return Estimate(
        value=_share(num_correct, int(verified.sum())),
        low=low,
        high=high,
        if_wrong=_share(num_correct, num_samples),
        if_right=_share(num_correct + open_, num_samples),
    )


def pass_at_k(tallies: Sequence[Tally], k: int) -> float | None:
    """Mean chance that k samples of a prompt, drawn without replacement, hold a correct one.

    Prompts with fewer than k verdicts are left out; null where none is left.

    Example:
        >>> pass_at_k([Tally("a", 4, 4, 1), Tally("b", 4, 4, 0)], 2)
        0.25
    """
    chances = [
        1 - math.comb(tally.num_verified - tally.num_correct, k) / math.comb(tally.num_verified, k)
        for tally in tallies
        if tally.num_verified >= k
    ]
    return round(math.fsum(chances) / len(chances), 6) if chances else None


def ks(samples: int) -> list[int]:
    """The k of which pass@k is told: 2, 4, 8, ... and the number of samples.

    Example:
        >>> ks(12), ks(1)
        ([2, 4, 8, 12], [])
    """
    powers = [2**power for power in range(1, samples.bit_length()) if 2**power < samples]
    return [*powers, samples] if samples > 1 else []


def interval(
    numerators: Sequence[np.ndarray], denominators: Sequence[np.ndarray], *, resamples: int, seed: int
) -> tuple[float, float]:
    """The 95 % percentile interval of a ratio of sums over prompts, or of the difference of two such ratios.

    Prompts are drawn with replacement; both ratios of a difference are taken of the same draw, so what makes a
    prompt hard for both does not widen the interval.

    Args:
        numerators: One or two arrays (num_prompts,): correct samples of each prompt.
        denominators: As many arrays: verified samples of each prompt, at least 1.
        resamples: Draws of num_prompts prompts.
        seed: Of the draws.

    Returns:
        Its lower and upper end.
    """
    num_prompts = len(numerators[0])
    generator = np.random.Generator(np.random.PCG64(seed))
    rows = max(1, DRAWS_AT_ONCE // num_prompts)
    found = []
    for start in range(0, resamples, rows):
        drawn = generator.integers(0, num_prompts, size=(min(rows, resamples - start), num_prompts))
        ratios = [
            above[drawn].sum(axis=1) / below[drawn].sum(axis=1)
            for above, below in zip(numerators, denominators, strict=True)
        ]
        found.append(ratios[0] if len(ratios) == 1 else ratios[0] - ratios[1])
    low, high = np.quantile(np.concatenate(found), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return round(float(low), 6), round(float(high), 6)


def _column(tallies: Sequence[Tally], name: str) -> np.ndarray:
    return np.array([getattr(tally, name) for tally in tallies], dtype=np.int64)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None

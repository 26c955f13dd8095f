"""Distributions of both sides: shares of the values of labels, means and spreads of numbers.

Reads the columns of the groups `labels` and `scores` that both sides have, no text. Of a label with more than
`MAX_VALUES` values nothing is told.

Example: Drift("category", "share of math", 0.31, 0.35), Drift("verify_score", "mean", 0.71, 0.74)
"""

import math
from dataclasses import dataclass

from curation.diff.changes import SIDES, Pair
from curation.tables import identifier

MAX_VALUES = 1000
SHOWN_VALUES = 5
DIGITS = 6
DISTANCE = "total variation"
NUMBER_FIGURES = ("mean", "standard deviation", "minimum", "maximum", "share of null")


@dataclass(frozen=True)
class Drift:
    """One figure of one column on both sides; null where a side has no value."""

    column: str
    figure: str
    from_value: float | None
    to_value: float | None


def drift(both: Pair) -> list[Drift]:
    """Figures of all labels and numbers, in the order of the columns; of a label the values whose share moved most."""
    names = [name for group in ("labels", "scores") for name in both.groups.get(group, ())]
    numbers = set(both.groups.get("scores", ()))
    few = _with_few_values(both, [name for name in names if name not in numbers])
    told = [one for name in few for one in _label(both, name)]
    return [*told, *_numbers(both, [name for name in names if name in numbers])]


def _with_few_values(both: Pair, names: list[str]) -> list[str]:
    if not names:
        return []
    counts = ", ".join(f"approx_count_distinct({identifier(name)})" for name in names)
    (found,) = both.con.execute(f"SELECT {counts} FROM rows_to").fetchall()
    return [name for name, number in zip(names, found, strict=True) if number <= MAX_VALUES]


def _label(both: Pair, name: str) -> list[Drift]:
    """The shares of a label's values, and their total variation: half the sum of all differences."""
    shares = []
    for side in SIDES:
        rows = both.con.execute(
            f"SELECT {identifier(name)}::VARCHAR, count(*) FROM rows_{side} GROUP BY ALL"
        ).fetchall()
        total = sum(number for _, number in rows)
        shares.append({value: number / total for value, number in rows})
    old, new = shares
    moved = {value: abs(new.get(value, 0) - old.get(value, 0)) for value in {**old, **new}}
    most = sorted(moved, key=lambda value: (-moved[value], value or ""))[:SHOWN_VALUES]
    told = [
        Drift(name, f"share of {value or 'null'}", round(old.get(value, 0), DIGITS), round(new.get(value, 0), DIGITS))
        for value in most
    ]
    distance = round(math.fsum(moved.values()) / 2, DIGITS)
    return [Drift(name, DISTANCE, None, distance), *told] if old and new else told


def _numbers(both: Pair, names: list[str]) -> list[Drift]:
    """Figures of all numbers of a side, in one scan each."""
    if not names:
        return []
    columns = ", ".join(
        f"avg({value}), stddev_pop({value}), min({value}), max({value}), "
        f"1 - count({identifier(name)}) / nullif(count(*), 0)"
        for name in names
        for value in [f"{identifier(name)}::DOUBLE) FILTER (isfinite({identifier(name)}::DOUBLE)"]
    )
    old, new = (both.con.execute(f"SELECT {columns} FROM rows_{side}").fetchall()[0] for side in SIDES)
    told = [(name, figure) for name in names for figure in NUMBER_FIGURES]
    return [Drift(*one, _rounded(a), _rounded(b)) for one, a, b in zip(told, old, new, strict=True)]


def _rounded(value: float | None) -> float | None:
    """Six significant digits: the last bits of a sum depend on threads."""
    return None if value is None else float(f"{value:.{DIGITS}g}")

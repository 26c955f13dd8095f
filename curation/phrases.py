"""Rows told to a reader: a line for a drop, a verdict, a response, the figures of a score or a grade."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from curation import render

Row = dict[str, Any]
T = TypeVar("T")
LISTED = 20
DETAIL_COLUMNS = 400
_NO_FIGURES = ("sample_id", "prompt_id", "best_sample_id", "worst_sample_id", "category")


def section(title: str, lines: Iterable[str]) -> list[str]:
    """A title and its lines, indented; nothing where there are no lines."""
    indented = [f"  {line}" for line in lines]
    return ["", title, *indented] if indented else []


def listed(rows: Sequence[T], line: Callable[[T], str]) -> list[str]:
    """A line for each of the first rows, and how many are left."""
    left = len(rows) - LISTED
    return [*map(line, rows[:LISTED]), *([f"… and {left:,} more; curate query lists all"] if left > 0 else [])]


def drop(row: Row) -> str:
    """Reason, figure and detail.

    Example:
        >>> drop({"reason": "over_budget", "figure": 71.0, "detail": "small"})
        'over_budget (71), small'
    """
    figure = "" if row["figure"] is None else f" ({row['figure']:.6g})"
    detail = "" if row["detail"] is None else f", {render.shorten(render.cell(row['detail']), DETAIL_COLUMNS)}"
    return f"{row['reason']}{figure}{detail}"


def selected_against(row: Row) -> str:
    """Whom a dataset left out, why, and which one it took instead."""
    several = f"{row['num_units']} responses of the prompt are" if row["num_units"] > 1 else "the prompt is"
    who = f"{row['sample_id']} is" if row["sample_id"] else several
    winner = f", lost to {row['evidence_id']}" if row["evidence_id"] else ""
    return f"{who} out: {drop(row)}{winner}"


def verdict(row: Row) -> str:
    """What the verifier found."""
    if row["score"] is None:
        return f"unverified: {row['why']}"
    return f"verified, {row['score']:.6g} by {row['verifier']}"


def verdict_evidence(row: Row) -> list[str]:
    """The verdict's version and detail, a line per entry."""
    detail = {} if row["detail"] is None else json.loads(row["detail"])
    entries = {"version": row["version"], **(detail if isinstance(detail, dict) else {"detail": detail})}
    return [f"{name}: {_inline(value)}" for name, value in entries.items() if value is not None]


def response(row: Row) -> str:
    """Who wrote a response, and how it ended or which record brought it."""
    ending = f", {row['num_tokens']} tokens, ended by {row['finish_reason']}" if row["finish_reason"] else ""
    brought = f", brought by record {row['record_id']}" if row["record_id"] else ""
    return f"response of {row['teacher']}, index {row['sample_index']}{ending}{brought}"


def figures(row: Row) -> str:
    """A row's figures by name; ids and nulls are left out."""
    told = {name: value for name, value in row.items() if name not in _NO_FIGURES and value is not None}
    return ", ".join(f"{name} {render.cell(value)}" for name, value in told.items())


def selection(row: Row) -> str:
    """How a dataset holds a sample or a prompt."""
    figure = "" if row["figure"] is None else f", figure {row['figure']:.6g}"
    return f"{row['dataset']}: {row['sample_id'] or 'the prompt'} is in: split {row['split']}, config {row['config']}, role {row['role']}{figure}"


def _inline(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""Text for people: tables cut to a width, long texts shortened, two texts with their differences marked."""

import csv
import difflib
import io
import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Literal

CELL_MIN = 8
CELL_MAX = 120
PIPE_WIDTH = 160
_NUMBER = re.compile(r"-?[\d,]+(\.\d+)?(e[-+]\d+)?( ?%)?")


def width() -> int:
    """Columns of the terminal; 160 where the output goes elsewhere and COLUMNS does not say."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return PIPE_WIDTH


def cell(value: object) -> str:
    r"""A value on one line; floats with six digits, nested values as JSON.

    Example:
        >>> cell(None), cell(0.1234567), cell(True), cell("a\nb")
        ('null', '0.123457', 'true', 'a↵b')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    nested = isinstance(value, dict | list)
    text = json.dumps(value, ensure_ascii=False, default=str) if nested else str(value)
    text = text.replace("\r", "").replace("\n", "↵").replace("\t", " ")
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def shorten(text: str, max_columns: int) -> str:
    """The start of a text, with an ellipsis where something was cut.

    Example:
        >>> shorten("What is 7?", 6), shorten("对吗对吗", 5)
        ('What …', '对吗…')
    """
    if _columns(text) <= max_columns:
        return text
    taken = ""
    for char in text:
        if _columns(taken) + _columns(char) > max_columns - 1:
            break
        taken += char
    return taken + "…"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, max_columns: int) -> str:
    """A table with a header and a rule, at most `max_columns` wide; numbers stand right.

    Cells that are too long are shortened; columns that do not fit at all are left out at the
    right and named below.
    """
    cells = [[shorten(cell(value), CELL_MAX) for value in row] for row in rows]
    natural = [max(map(_columns, [name, *(row[i] for row in cells)])) for i, name in enumerate(columns)]
    widths = _fit(natural, max_columns)
    right = [all(_NUMBER.fullmatch(row[i]) or row[i] in ("", "null") for row in cells) for i in range(len(widths))]
    lines = [_line(line, widths, right) for line in [columns, ["─" * size for size in widths], *cells]]
    hidden = columns[len(widths) :]
    if hidden:
        lines.append(f"(not shown, no room: {', '.join(hidden)})")
    return "\n".join(lines)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in GitHub's Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(_escape(value) for value in line) + " |" for line in lines)


def rows_as(
    output_format: Literal["table", "csv", "json"], columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> str:
    """Rows of scalars as a table, as CSV with a header, or as one JSON object per line.

    Example:
        >>> rows_as("json", ("a", "b"), [(1, None)])
        '{"a": 1, "b": null}'
    """
    if output_format == "table":
        return table(columns, rows, max_columns=width())
    if output_format == "json":
        return "\n".join(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) for row in rows)
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([columns, *rows])
    return file.getvalue().rstrip("\n")


def marked(text: str, other: str) -> str:
    """A text with the words that the other lacks at that place in square brackets.

    Example:
        >>> marked("Tom has 3 red apples", "Tom has 5 apples")
        'Tom has [3 red] apples'
    """
    own, others = text.split(), other.split()
    parts = []
    for kind, start, end, _, _ in difflib.SequenceMatcher(a=own, b=others, autojunk=False).get_opcodes():
        words = " ".join(own[start:end])
        if words:
            parts.append(words if kind == "equal" else f"[{words}]")
    return " ".join(parts)


def nearest(name: str, names: Sequence[str]) -> str:
    """What to offer for a name that does not exist: the nearest ones, else all.

    Example:
        >>> nearest("verdict", ["verdicts", "scores"]), nearest("x", ["verdicts", "scores"])
        ('nearest: verdicts', 'there are: verdicts, scores')
    """
    close = difflib.get_close_matches(name.lower(), names, n=3)
    return f"nearest: {', '.join(close)}" if close else f"there are: {', '.join(names) or 'none'}"


def _fit(natural: list[int], max_columns: int) -> list[int]:
    """Widths of the columns that fit: the widest are cut first, then columns at the right are left out."""
    for shown in range(len(natural), 0, -1):
        room = max_columns - 2 * (shown - 1)
        for cap in range(CELL_MAX, CELL_MIN - 1, -1):
            widths = [min(size, cap) for size in natural[:shown]]
            if sum(widths) <= room:
                return widths
    return [min(natural[0], max_columns)] if natural else []


def _line(values: Sequence[object], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for value, size, to_right in zip(values, widths, right, strict=False):
        text = shorten(str(value), size)
        space = " " * (size - _columns(text))
        padded.append(space + text if to_right else text + space)
    return "  ".join(padded).rstrip()


def _columns(text: str) -> int:
    """Columns of a terminal that a text takes: two for a wide character."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else not unicodedata.combining(char) for char in text)


def _escape(value: object) -> str:
    return ("" if value is None else str(value)).replace("|", "\\|").replace("\n", " ")

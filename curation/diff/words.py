"""Old and new values for people: a long text word by word, a nested value by the places that differ.

Segments are (kind, text): `=` stands on both sides, `-` on the old one, `+` on the new one.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from curation import render

Segment: TypeAlias = tuple[str, str]
CONTEXT_WORDS = 6
MAX_CHARACTERS = 400
_WORD = re.compile(r"\S+\s*|\s+")


def word_diff(old: str, new: str) -> list[Segment]:
    """The words that differ between two texts, with a few words around each.

    Example:
        >>> word_diff("Tom has 3 red apples", "Tom has 5 apples")
        [('=', 'Tom has '), ('-', '3 red '), ('+', '5 '), ('=', 'apples')]
    """
    a, b = _WORD.findall(old), _WORD.findall(new)
    start = _common(a, b)
    end = _common(a[start:][::-1], b[start:][::-1])
    middle_a, middle_b = a[start : len(a) - end], b[start : len(b) - end]
    told: list[Segment] = _around(a[:start], first=True, last=False)
    for kind, i, j, k, m in difflib.SequenceMatcher(a=middle_a, b=middle_b).get_opcodes():
        if kind == "equal":
            told += _around(middle_a[i:j], first=False, last=False)
        told += [("-", "".join(middle_a[i:j]))] * (kind in ("delete", "replace"))
        told += [("+", "".join(middle_b[k:m]))] * (kind in ("insert", "replace"))
    return [*told, *_around(a[len(a) - end :], first=False, last=True)]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Words at the start that are equal."""
    return next(
        (i for i, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )


def _around(words: Sequence[str], *, first: bool, last: bool) -> list[Segment]:
    """Words on both sides, of a long run those next to a difference."""
    before = [] if first else words[:CONTEXT_WORDS]
    after = [] if last else words[-CONTEXT_WORDS:]
    if len(words) <= len(before) + len(after):
        text = "".join(words)
    else:
        text = f"{''.join(before).rstrip()}{' ' if before else ''}…{' ' if after else ''}{''.join(after)}"
    return [("=", text)] if text else []


def value_diff(name: str, old: Any, new: Any) -> Iterator[tuple[str, list[Segment]]]:
    """The places within a value that differ, each with its segments.

    Example:
        >>> list(value_diff("turns", [{"role": "user"}], [{"role": "system"}]))
        [('turns[0].role', [('-', 'user'), ('+', 'system')])]
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for field in {**old, **new}:
            yield from value_diff(f"{name}.{field}", old.get(field), new.get(field))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from value_diff(f"{name}[{i}]", one, other)
    elif isinstance(old, str) and isinstance(new, str) and old != new:
        yield name, [(kind, _cut(text)) for kind, text in word_diff(old, new)]
    elif type(old) is not type(new) or old != new or str(old) != str(new):
        yield name, [("-", _cut(render.cell(old))), ("+", _cut(render.cell(new)))]


def _cut(text: str) -> str:
    shown = "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)
    return render.shorten(shown, MAX_CHARACTERS)

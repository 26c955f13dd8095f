"""What two prompts must have in common before any likeness of their words counts.

Templates make prompts that differ in one number and are all but equal to MinHash and to an
embedding: without a guard, cosine above 0.9 merges the 150 problems of one generator into one.
The guard has two parts. `identities` is exact and transitive, and is compared on every pair that
was found similar. `same_wording` judges the pairs that are left: what differs must be neither
a decisive word nor a name, and where words are exchanged, either the problem is tied to its answer
otherwise or the sentences that differ must be similar one by one (`pieces`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from curation import hashing
from curation.similarity.wording import (
    Wording,
    content_words,
    decisive_words,
    directions,
    names,
    objects,
    sentences,
)
from curation.text import words

IDENTITIES = ("turns", "numbers", "code", "symbols", "letters", "quoted", "choices")
"""Pieces of the wording that must be equal."""
CAUSES = (*IDENTITIES, "reference", "tests", "constraints")
"""Why a pair of similar prompts is not a pair of duplicates; `wording` comes after these."""
PIECE_WORDS = 30
"""Longest sentence compared by its vector; the longer, the less one word shows (measured in docs/stages/deduplicate.md)."""


class Evidence(NamedTuple):
    """What says whether an answer to a prompt is right, folded and hashed; empty where there is none."""

    reference: str
    tests: str
    constraints: str


def evidence(row: Mapping[str, Any]) -> Evidence:
    """The evidence of a row of `prompts`."""
    values = (hashing.fold(row[name] or "") for name in ("reference", "tests", "constraints"))
    return Evidence(*(hashing.digest(value) if value else "" for value in values))


def identities(wording: Wording, given: Evidence) -> list[int]:
    """64-bit hashes of what must be equal, in the order of `CAUSES`; 0 stands for evidence that is not there."""
    parts = [_hash(*getattr(wording, name)) for name in IDENTITIES]
    return parts + [int(value[:16], 16) if value else 0 for value in given]


def _hash(*parts: str) -> int:
    return int(hashing.digest(*parts)[:16], 16)


def causes(identities_NC: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Why each pair is guarded: an index into `CAUSES`, or -1 where nothing speaks against it.

    A prompt without any evidence is compatible with every evidence; two prompts with some
    must have the same.

    Args:
        identities_NC: Identities of N prompts.
        first: Rows of the pairs' first prompts.
        second: Rows of their second prompts.
    """
    differs = identities_NC[first] != identities_NC[second]
    has_evidence = verifiable(identities_NC)
    differs[:, len(IDENTITIES) :] &= (has_evidence[first] & has_evidence[second])[:, None]
    return np.where(differs.any(axis=1), differs.argmax(axis=1), -1)


def verifiable(identities_NC: np.ndarray) -> np.ndarray:
    """Whether each prompt has evidence."""
    has_evidence: np.ndarray = (identities_NC[:, len(IDENTITIES) :] != 0).any(axis=1)
    return has_evidence


def blocks(identities_NC: np.ndarray) -> np.ndarray:
    """One 64-bit hash per prompt of all that stands in its text and must be equal."""
    mixed = np.zeros(len(identities_NC), dtype=np.uint64)
    for column in range(len(IDENTITIES)):
        mixed = (mixed ^ identities_NC[:, column]) * np.uint64(0x9E3779B97F4A7C15)
    return mixed


@dataclass(frozen=True)
class Candidate:
    """A prompt of a pair that the exact guard let pass."""

    wording: Wording
    reference: str | None
    tests: str | None


def same_wording(a: Candidate, b: Candidate) -> bool:
    """Whether two prompts say the same by their words alone.

    They do where the words that carry meaning are the same in the same order and none follows `from`
    here and `to` or `by` there, or where the pair is tied together otherwise: by equal tests, by equal
    choices and reference, or by two numbers and an equal numeric reference with the same names and
    decisive words.
    """
    if _same_content(a.wording.text, b.wording.text):
        return True
    # The exact guard let the pair pass, so evidence that both have is equal.
    if a.tests and b.tests:
        return True
    if not (a.reference and b.reference):
        return False
    if a.wording.choices:
        return True
    if not any(char.isdigit() for char in a.reference) or len(a.wording.numbers) < 2:
        return False
    x, y = a.wording.text, b.wording.text
    return decisive_words(x) == decisive_words(y) and sorted(names(x, at_start=True)) == sorted(names(y, at_start=True))


def pieces(a: Wording, b: Wording) -> list[tuple[str, str]] | None:
    """The sentences in which two prompts differ, side by side, for their vectors to be compared.

    None where no vector can tell: a decisive word or a name differs, the same words have other roles,
    or a piece is too long. Texts with unequal numbers of sentences are one piece.
    """
    if decisive_words(a.text) != decisive_words(b.text) or names(a.text) != names(b.text):
        return None
    parts_a, parts_b = sentences(a.text), sentences(b.text)
    pairs = list(zip(parts_a, parts_b, strict=True)) if len(parts_a) == len(parts_b) else [(a.text, b.text)]
    pairs = [(x, y) for x, y in pairs if not _same_content(x, y)]
    unclear = any(max(len(words(x)), len(words(y))) > PIECE_WORDS or _roles_swapped(x, y) for x, y in pairs)
    return None if unclear else pairs


def _same_content(a: str, b: str) -> bool:
    """Whether the same content words stand in the same order, none of them led in by another direction."""
    return content_words(a) == content_words(b) and not _directed_otherwise(a, b)


def _directed_otherwise(a: str, b: str) -> bool:
    """Whether a word follows `from` here and `to` or `by` there."""
    here, there = directions(a), directions(b)
    return any(here[word] != there[word] for word in here.keys() & there.keys())


def _roles_swapped(a: str, b: str) -> bool:
    """Whether the same words may mean something else: miles to feet, feet to miles; raised by 5, raised to 5."""
    if Counter(content_words(a)) != Counter(content_words(b)):
        return False
    return Counter(words(a)) == Counter(words(b)) or objects(a) != objects(b) or _directed_otherwise(a, b)

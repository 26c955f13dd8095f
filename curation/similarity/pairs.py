"""From similar pairs of prompts to pairs of duplicates: the guard applied, and what it kept apart counted.

Prompts are named by their position, in the order of their rank; in a pair the first outranks the second.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import duckdb
import numpy as np
import pyarrow as pa

from curation.similarity.guard import CAUSES, Candidate, causes, pieces, same_wording
from curation.similarity.neighbours import cosines
from curation.similarity.wording import wording
from curation.tables import Relation

Kind = Literal["exact", "near", "semantic"]
KINDS: tuple[Kind, ...] = ("exact", "near", "semantic")
"""From the closest to the loosest."""
Embed = Callable[[Relation], np.ndarray]
"""Takes rows of `position` (from 0 without gaps) and `text`; gives float32 rows of length 1 by position."""
CHUNK_PAIRS = 20_000
"""Pairs whose texts are in memory at a time."""
_SHOWN_WORDS = 8


@dataclass(frozen=True)
class Pair:
    """Two prompts that are duplicates."""

    first: int
    second: int
    kind: Kind
    figure: float
    """Similarity by which they were found."""
    detail: str | None = None
    """Words that only one of them has."""

    @property
    def closeness(self) -> tuple[int, float, int]:
        """Sort key: exact before near before semantic, then the more similar, then the better winner."""
        return (KINDS.index(self.kind), -self.figure, self.first)


@dataclass(frozen=True)
class Guarded:
    """How many similar pairs the guard kept apart."""

    identities: np.ndarray
    counts: dict[Kind, Counter[str]] = field(default_factory=lambda: {"near": Counter(), "semantic": Counter()})
    """By kind and cause."""

    def passed(self, kind: Kind, pairs: np.ndarray, figures: np.ndarray) -> dict[tuple[int, int], float]:
        """The pairs, with their figures, that have all that duplicates must have in common; counts the others."""
        found = causes(self.identities, pairs[:, 0], pairs[:, 1])
        self.counts[kind].update(CAUSES[cause] for cause in found[found >= 0].tolist())
        free = found < 0
        return {
            (first, second): figure
            for (first, second), figure in zip(pairs[free].tolist(), figures[free].tolist(), strict=True)
        }


@dataclass(frozen=True)
class Similar:
    """Pairs that the exact guard let pass, with their similarities; those of one kind may be missing."""

    near: dict[tuple[int, int], float]
    semantic: dict[tuple[int, int], float]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """All pairs, in order."""
        return sorted({*self.near, *self.semantic})

    def kind(self, pair: tuple[int, int]) -> Kind:
        """The closer kind of likeness of a pair."""
        return "near" if pair in self.near else "semantic"

    def figure(self, pair: tuple[int, int]) -> float:
        """Jaccard similarity of a near pair, cosine of another."""
        return self.near[pair] if pair in self.near else self.semantic[pair]


def duplicates(
    similar: Similar, prompts: Relation, *, guarded: Guarded, con: duckdb.DuckDBPyConnection, judge: "Judge"
) -> Iterator[Pair]:
    """Yield the similar pairs whose wording says the same.

    Args:
        similar: Pairs that the exact guard let pass.
        prompts: One row per position: `position` and the columns of `prompts`.
        guarded: Gets the count of the pairs that are no duplicates, as cause `wording`.
        con: Connection of `prompts`.
        judge: Compares the sentences in which a pair differs.
    """
    for start in range(0, len(similar.pairs), CHUNK_PAIRS):
        chunk = similar.pairs[start : start + CHUNK_PAIRS]
        texts = _candidates(prompts, sorted({position for pair in chunk for position in pair}), con)
        couples = [(texts[first], texts[second]) for first, second in chunk]
        for pair, same, (a, b) in zip(chunk, judge(couples), couples, strict=True):
            if same:
                yield Pair(*pair, similar.kind(pair), similar.figure(pair), _difference(a, b))
            else:
                guarded.counts[similar.kind(pair)]["wording"] += 1


def _candidates(prompts: Relation, positions: Sequence[int], con: duckdb.DuckDBPyConnection) -> dict[int, Candidate]:
    """The texts at the positions."""
    asked = con.from_arrow(pa.table({"position": pa.array(positions, pa.int64())}))
    rows = prompts.query(
        "prompts", "SELECT position, messages, reference, tests FROM prompts SEMI JOIN asked USING (position)"
    )
    return {
        row["position"]: Candidate(wording(row["messages"]), row["reference"], row["tests"])
        for row in rows.to_arrow_table().to_pylist()
    }


@dataclass(frozen=True)
class Judge:
    """Says of pairs of prompts whether their wording says the same."""

    con: duckdb.DuckDBPyConnection
    embed: Embed | None = None
    """None: no vectors are to be had, so that words alone decide."""
    similarity_min: float = 1.0
    """Least cosine of each two sentences that differ."""

    def __call__(self, couples: Sequence[tuple[Candidate, Candidate]]) -> list[bool]:
        """Judge each pair."""
        same = [same_wording(a, b) for a, b in couples]
        if self.embed is None:
            return same
        differing = {
            index: found
            for index, (a, b) in enumerate(couples)
            if not same[index] and (found := pieces(a.wording, b.wording)) is not None
        }
        similar = self._similar({piece for found in differing.values() for piece in found})
        return [
            done or (index in differing and similar.issuperset(differing[index])) for index, done in enumerate(same)
        ]

    def _similar(self, asked: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """The pairs of sentences whose cosine reaches the minimum."""
        assert self.embed is not None
        texts = sorted({text for piece in asked for text in piece})
        if not texts:
            return set()
        place = {text: position for position, text in enumerate(texts)}
        vectors = self.embed(self.con.from_arrow(pa.table({"position": range(len(texts)), "text": texts})))
        ordered = sorted(asked)
        found = cosines(vectors, np.array([[place[a], place[b]] for a, b in ordered]))
        return {piece for piece, cosine in zip(ordered, found, strict=True) if cosine >= self.similarity_min}


def _difference(winner: Candidate, loser: Candidate) -> str | None:
    """The words that only one of a pair has, a few of each."""
    won, lost = Counter(winner.wording.words), Counter(loser.wording.words)
    only_here, only_there = (", ".join(list((a - b).elements())[:_SHOWN_WORDS]) for a, b in ((lost, won), (won, lost)))
    return (
        f"only here: {only_here or '-'}; only in the winner: {only_there or '-'}" if only_here or only_there else None
    )

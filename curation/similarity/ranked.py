"""Prompts as the stage deduplicate holds them: hashes by position, the texts left on disk.

Records that say the same with the same evidence share a position. Positions and records are in the order
of rank: with evidence (reference, tests, constraints) first, then the source's priority, then record_id.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from curation import hashing
from curation.params import NearDuplicates
from curation.similarity.guard import CAUSES, IDENTITIES, evidence, identities
from curation.similarity.minhash import Texts
from curation.similarity.wording import wording
from curation.tables import Relation

READ_ROWS = 5_000
"""Prompts whose texts are in memory at a time."""
_READ = "record_id, prompt_id, messages, reference, tests, constraints, priority"


@dataclass(frozen=True)
class Ranked:
    """All records by rank."""

    records: pa.Table
    """record_id, prompt_id, position and rank, by rank."""
    identities: np.ndarray
    """What duplicates must have in common, see `curation.similarity.guard`; by position, as all below."""
    says: Sequence[str]
    """Digest of what a prompt says, evidence left out."""
    texts: Texts | None
    """Hashes of words; None where near duplicates are not looked for."""

    @property
    def representatives(self) -> pa.Table:
        """position, and record_id of the best record there."""
        _, best = np.unique(self.records["position"].to_numpy(), return_index=True)
        return self.records.select(["position", "record_id"]).take(best)


def rank(prompts: Relation, near: NearDuplicates | None) -> Ranked:
    """Read all prompts once, a batch at a time.

    Args:
        prompts: One row per record, with the columns of `prompts`.
        near: How to hash words; None leaves it out.
    """
    reading = _Reading(Texts(near) if near else None)
    for batch in prompts.project(_READ).to_arrow_reader(READ_ROWS):
        reading.add(batch)
    return reading.ranked()


@dataclass
class _Reading:
    """What is known of the records read so far; `number` counts what they say as it comes."""

    texts: Texts | None
    numbers: dict[str, int] = field(default_factory=dict)
    identities: list[np.ndarray] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    records: list[pa.Table] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> None:
        """Hash a batch."""
        numbers, unverifiable, new_identities, new_words = [], [], [], []
        for row in batch.to_pylist():
            said, given = wording(row["messages"]), evidence(row)
            own = identities(said, given)
            says = hashing.digest(*said.words, *map(str, own[: len(IDENTITIES)]))
            key = hashing.digest(says, *given)
            if key not in self.numbers:
                self.numbers[key] = len(self.numbers)
                self.says.append(says)
                new_identities.append(own)
                new_words.append(said.words)
            numbers.append(self.numbers[key])
            unverifiable.append(not any(given))
        if new_words:
            self.identities.append(np.array(new_identities, dtype=np.uint64))
        if self.texts and new_words:
            self.texts.add(new_words)
        kept = pa.Table.from_batches([batch]).select(["record_id", "prompt_id", "priority"])
        self.records.append(kept.append_column("number", [numbers]).append_column("unverifiable", [unverifiable]))

    def ranked(self) -> Ranked:
        """All in the order of rank."""
        if not self.records:
            names = {"record_id": pa.string(), "prompt_id": pa.string(), "position": pa.int64(), "rank": pa.int64()}
            none = pa.schema(list(names.items())).empty_table()
            return Ranked(none, np.empty((0, len(CAUSES)), dtype=np.uint64), [], self.texts)
        keys = [("unverifiable", "ascending"), ("priority", "ascending"), ("record_id", "ascending")]
        records = pa.concat_tables(self.records).sort_by(keys)
        numbers, best = np.unique(records["number"].to_numpy(), return_index=True)
        order = numbers[np.argsort(best)]
        position = np.argsort(order)[records["number"].to_numpy()]
        ids = records.select(["record_id", "prompt_id"])
        return Ranked(
            ids.append_column("position", [position]).append_column("rank", [np.arange(len(ids))]),
            np.concatenate(self.identities)[order],
            [self.says[number] for number in order],
            self.texts.ordered(order) if self.texts else None,
        )

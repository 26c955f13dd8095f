"""deduplicate: keep one prompt of each set of duplicates.

In: `prompts` of clean. Out: `prompts` with one row per `prompt_id`, and `drops` with the winner's
record_id as evidence and the similarity of the two as figure:

- `exact_duplicate`: the same words, numbers, signs, code, choices and evidence;
- `near_duplicate`: Jaccard similarity of the runs of words reaches `near.jaccard_min`;
- `semantic_duplicate`: cosine of the vectors reaches `semantic.similarity_min`;
- `conflicting_reference`: the same prompt_id with another reference, other tests or other constraints;
  the prompt can stand once only.

A similar pair is a pair of duplicates only if `curation.similarity.guard` lets it pass; what the guard
kept apart is counted by cause in guarded.json. Prompts are taken by rank (with reference, tests or
constraints first, then the source's priority, then record_id); each is kept unless it is a
duplicate of one kept before it. So every prompt dropped was compared with the very one that it lost
to, and no chain of small differences removes a prompt that differs from all that are kept.

Texts stream; memory holds some hashes per word and prompt, and the vectors.

Example drop: {"reason": "near_duplicate", "figure": 0.82, "evidence_id": "7d1f...",
"record_id": "93ab...", "detail": "only here: output, when; only in the winner: print, if"}

Reference: R1 (arXiv 2503.19633) 2.3 step 4, embeddings and one representative per group by priority;
R5 (arXiv 2504.17565) 6.2 step 1; R7 8.2 step 1. Thresholds are ours.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from curation import params as params_module
from curation.embed import PROMPT_TEXT, embed
from curation.similarity.guard import blocks, verifiable
from curation.similarity.neighbours import cosines, similar_pairs
from curation.similarity.pairs import Embed, Guarded, Judge, Kind, Pair, Similar, duplicates
from curation.similarity.ranked import Ranked, rank
from curation.stage import Run, run_stage
from curation.tables import Relation, count
from schemas.prompts import PROMPTS

_DROPPED = pa.schema(
    [
        ("record_id", pa.string()),
        ("prompt_id", pa.string()),
        ("reason", pa.string()),
        ("figure", pa.float64()),
        ("evidence_id", pa.string()),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class Deduplicated:
    """Result of the stage."""

    kept: Relation
    """Columns of `prompts`, one row per prompt_id."""
    dropped: Relation
    """One row per record dropped: record_id, prompt_id, reason, figure, evidence_id, detail."""
    guarded: Mapping[Kind, Mapping[str, int]]
    """Similar pairs that are no duplicates: kind -> cause -> number among the pairs looked at."""


def deduplicate(
    prompts: Relation, params: params_module.Deduplicate, *, con: duckdb.DuckDBPyConnection, encode: Embed | None
) -> Deduplicated:
    """Keep the best prompt of each set of duplicates.

    Args:
        prompts: One row per record, with the columns of `prompts`.
        params: Thresholds; a null block switches a kind of likeness off.
        con: Connection of `prompts`.
        encode: Gives vectors of texts; None where `params.semantic` is null.
    """
    assert (encode is None) == (params.semantic is None), "vectors come with params.semantic"
    ranked = rank(prompts, params.near)
    positions = con.from_arrow(ranked.representatives)
    placed = prompts.query("prompts", "SELECT position, prompts.* FROM prompts JOIN positions USING (record_id)")
    guarded = Guarded(ranked.identities)
    near = guarded.passed("near", *_near(ranked, params.near)) if params.near else {}
    judge, semantic = Judge(con), {}
    if params.semantic and encode:
        judge = Judge(con, encode, params.semantic.similarity_min)
        semantic = guarded.passed("semantic", *_semantic(ranked, placed, params.semantic, encode))
    similar = Similar(near, semantic)
    pairs = [*_exact(ranked), *duplicates(similar, placed, guarded=guarded, con=con, judge=judge)]
    losers = con.from_arrow(pa.Table.from_pylist(_Settling(ranked).drops(pairs), schema=_DROPPED))
    return Deduplicated(
        kept=prompts.query("prompts", "SELECT prompts.* FROM prompts ANTI JOIN losers USING (record_id)"),
        dropped=_with_conflicts(losers, prompts),
        guarded=guarded.counts,
    )


def _exact(ranked: Ranked) -> Iterator[Pair]:
    """Pair a prompt without evidence with those that say the same and have some."""
    has_evidence = verifiable(ranked.identities)
    before: dict[str, list[int]] = {}
    for position, says in enumerate(ranked.says):
        if not has_evidence[position]:
            yield from (Pair(first, position, "exact", 1.0) for first in before.get(says, []))
        before.setdefault(says, []).append(position)


def _near(ranked: Ranked, params: params_module.NearDuplicates) -> tuple[np.ndarray, np.ndarray]:
    """Pairs whose Jaccard similarity reaches the minimum, and the similarity."""
    assert ranked.texts is not None, "words were not hashed"
    pairs = ranked.texts.candidates(blocks(ranked.identities))
    figures = np.array([ranked.texts.jaccard(first, second) for first, second in pairs.tolist()])
    reached = figures >= params.jaccard_min
    return pairs[reached], np.round(figures[reached], 6)


def _semantic(
    ranked: Ranked, placed: Relation, params: params_module.Semantic, encode: Embed
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs whose cosine reaches the minimum, and the cosine."""
    vectors = encode(placed.query("placed", f"SELECT position, {PROMPT_TEXT} AS text FROM placed"))
    identity = blocks(ranked.identities)
    pairs = similar_pairs(vectors, identity, k=params.neighbours, similarity_min=params.similarity_min)
    figures = cosines(vectors, pairs)
    reached = figures >= params.similarity_min
    return pairs[reached], figures[reached]


@dataclass
class _Settling:
    """Who is kept, found position by position in the order of rank."""

    ranked: Ranked
    winners: dict[int, str] = field(default_factory=dict)
    """Kept positions, with the record_id that stands for each."""
    taken: dict[str, str] = field(default_factory=dict)
    """prompt_ids of the kept records, with their record_ids."""

    def drops(self, pairs: Sequence[Pair]) -> list[dict[str, object]]:
        """Rows of all records that are not kept.

        Args:
            pairs: Pairs of duplicates, in any order.
        """
        by_loser: dict[int, list[Pair]] = {}
        for pair in sorted(pairs, key=attrgetter("closeness")):
            by_loser.setdefault(pair.second, []).append(pair)
        rows = self.ranked.records.sort_by([("position", "ascending"), ("rank", "ascending")]).to_pylist()
        found: list[dict[str, object]] = []
        for position, records in groupby(rows, key=lambda row: row["position"]):
            lost_to = next((pair for pair in by_loser.get(position, []) if pair.first in self.winners), None)
            found += self._settle(list(records), lost_to)
        return found

    def _settle(self, records: Sequence[Mapping[str, Any]], lost_to: Pair | None) -> Iterator[dict[str, object]]:
        """Drops of the records of one position, best first."""
        if lost_to is not None:
            winner = self.winners[lost_to.first]
            for record in records:
                yield _drop(record, f"{lost_to.kind}_duplicate", lost_to.figure, winner, lost_to.detail)
            return
        kept = next((record for record in records if record["prompt_id"] not in self.taken), None)
        if kept is not None:
            self.winners[kept["position"]] = self.taken[kept["prompt_id"]] = kept["record_id"]
        for record in records:
            if kept is None:
                yield _drop(record, "conflicting_reference", 1.0, self.taken[record["prompt_id"]])
            elif record is not kept:
                yield _drop(record, "exact_duplicate", 1.0, kept["record_id"])


def _drop(
    record: Mapping[str, Any], reason: str, figure: float, winner: str, detail: str | None = None
) -> dict[str, object]:
    ids = {name: record[name] for name in ("record_id", "prompt_id")}
    return {**ids, "reason": reason, "figure": figure, "evidence_id": winner, "detail": detail}


def _with_conflicts(losers: Relation, prompts: Relation) -> Relation:
    """The drops, with both references where they conflict."""
    return losers.query(
        "losers",
        """
        SELECT losers.* REPLACE (
            CASE reason WHEN 'conflicting_reference'
            THEN format(
                'here {}; the winner has {}',
                coalesce(own.reference, own.tests, own.constraints),
                coalesce(won.reference, won.tests, won.constraints)
            )
            ELSE detail END AS detail
        )
        FROM losers
        JOIN prompts AS own ON own.record_id = losers.record_id
        JOIN prompts AS won ON won.record_id = losers.evidence_id
        """,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Keep one prompt of each set of duplicates. Example: python -m curation.deduplicate."""
    return run_stage("deduplicate", _run)


def _run(run: Run) -> None:
    params = run.params.deduplicate
    semantic = params.semantic
    encode = partial(embed, model=semantic.model, batch_rows=semantic.batch_rows, con=run.con) if semantic else None
    prompts = run.read("clean", PROMPTS)
    result = deduplicate(prompts, params, con=run.con, encode=encode)
    kept = run.write(PROMPTS, result.kept)
    run.account(unit="record", rows_in=count(prompts), rows_kept=kept, dropped=run.write_drops(result.dropped))
    run.write_json("guarded.json", result.guarded)


if __name__ == "__main__":
    sys.exit(main())

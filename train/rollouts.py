"""Rollouts as data: every completion of RL in the tables of curation, so that it can be asked, graded and chosen again.

Each update writes one shard into the run's checkpoint folder, whole or not at all. A run that begins again at an
earlier update writes those shards anew under the same names, so each rollout stands once.

Example row of rollouts: {"sample_id": "1f0c...", "prompt_id": "9ab2...", "category": "math", "stage_name":
"sometimes", "stage_index": 1, "step": 12, "sample_index": 3, "reward": 1.0, "passed": true, "truncated": false,
"advantage": 0.93}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from curation import hashing
from curation.stage import Run
from curation.tables import Relation
from schemas.responses import RESPONSES
from schemas.rollouts import ROLLOUTS
from schemas.verdicts import VERDICTS
from train.rewards import Judged

TEACHER = "policy"
"""What stands as teacher of a rollout in `responses` and `verdicts`, with the stage: policy-<stage>."""
SHARD = pa.schema(
    [
        *ROLLOUTS.arrow_schema,
        *(field for field in RESPONSES.arrow_schema if field.name not in ROLLOUTS.column_names),
        *(
            field
            for field in VERDICTS.arrow_schema
            if field.name not in {*ROLLOUTS.column_names, *RESPONSES.column_names}
        ),
    ]
)
"""Columns of a shard: those of the three tables, each once."""


@dataclass(frozen=True)
class Update:
    """When rollouts were written."""

    run: str
    """Digest of the run, which a sample's id covers."""
    stage_name: str
    """Of params, or probe."""
    stage_index: int
    """0 for the probe."""
    step: int
    """From 1; 0 in the probe."""


def shard_path(folder: Path, stage_index: int, step: int, process: int = 0) -> Path:
    """Where the rollouts of one update stand, those of each process apart."""
    return folder / "rollouts" / f"{stage_index:02d}-{step:06d}-{process:04d}.parquet"


def row(
    prompt: Mapping[str, Any],
    judged: Judged,
    update: Update,
    *,
    sample_index: int,
    num_tokens: int,
    truncated: bool,
    advantage: float | None,
) -> dict[str, Any]:
    """A rollout's row of `SHARD`.

    Args:
        prompt: Row of `train.releases.prompts`.
        judged: What was found of the completion.
        update: When it was written.
        sample_index: Within the prompt's completions of this step.
        num_tokens: Written, the end of the turn among them.
        truncated: Whether no end came.
        advantage: None where the group was replaced.
    """
    verdict, digest = judged.verdict, hashing.digest(update.run, update.stage_name, str(update.step))
    return {
        "sample_id": hashing.sample_id(prompt["prompt_id"], digest, sample_index),
        "prompt_id": prompt["prompt_id"],
        "category": prompt["category"],
        "stage_name": update.stage_name,
        "stage_index": update.stage_index,
        "step": update.step,
        "sample_index": sample_index,
        "reward": judged.reward,
        "passed": judged.passed,
        "truncated": truncated,
        "advantage": advantage,
        "record_id": None,
        "teacher": f"{TEACHER}-{update.stage_name}",
        "reasoning": judged.parts.reasoning,
        "answer": judged.parts.answer,
        "well_formed": judged.parts.well_formed,
        "finish_reason": "length" if truncated else "stop",
        "num_tokens": num_tokens,
        "verifier": judged.verifier,
        "version": judged.version,
        "status": verdict.status,
        "score": verdict.score,
        "why": verdict.why,
        "detail": verdict.detail,
    }


def write_shard(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rollouts of one update, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    pq.write_table(pa.Table.from_pylist([dict(one) for one in rows], SHARD), part, compression="zstd")
    part.rename(path)


def read(folder: Path, con: duckdb.DuckDBPyConnection) -> Relation:
    """All rollouts of a run so far: columns of `SHARD`."""
    shards = [str(path) for path in sorted((folder / "rollouts").glob("*.parquet"))]
    return con.read_parquet(shards) if shards else con.from_arrow(SHARD.empty_table())


def drop_after(folder: Path, stage_index: int, step: int) -> None:
    """Delete shards of later updates of a stage, and of later stages, which a run that begins again writes anew."""
    for path in (folder / "rollouts").glob("*.parquet"):
        place = tuple(int(part) for part in path.stem.split("-")[:2])
        if place > (stage_index, step):
            path.unlink()


def write_tables(run: Run, rollouts: Relation) -> None:
    """Write `rollouts`, `responses` and `verdicts` into the stage's output."""
    run.write(ROLLOUTS, rollouts)
    run.write(RESPONSES, rollouts)
    run.write(VERDICTS, rollouts)

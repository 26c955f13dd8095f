"""`drops`: every row that a stage left out, with the reason, the figure and the evidence."""

import pyarrow as pa

from schemas.table import Column, Table

DROPPING_STAGES = ("ingest", "clean", "deduplicate", "decontaminate", "annotate", "distill", "score")
"""Stages before select that leave rows out, in their order."""

DROPS = Table(
    name="drops",
    grain="one row per unit that a stage or a dataset's selection dropped",
    key=("stage", "dataset", "record_id", "prompt_id", "sample_id", "reason", "evidence_id"),
    columns=(
        Column("stage", pa.string(), "Stage that dropped the row."),
        Column("dataset", pa.string(), "Dataset whose selection dropped it; null outside select.", nullable=True),
        Column("reason", pa.string(), "Reason code, snake_case; the stage's page in docs/stages/ lists them."),
        Column(
            "figure",
            pa.float64(),
            "The figure that decided: similarity, ratio, count; null where none did.",
            nullable=True,
        ),
        Column(
            "evidence_id",
            pa.string(),
            "What it lost to: winner's record_id, benchmark question, failing test, file and line.",
            nullable=True,
        ),
        Column("record_id", pa.string(), "Record; null where it does not apply.", nullable=True),
        Column("prompt_id", pa.string(), "Prompt; null where it does not apply.", nullable=True),
        Column(
            "sample_id",
            pa.string(),
            "Sample or request; null where it does not apply, and in select where the row speaks of all the prompt's candidates "
            "without a row of their own.",
            nullable=True,
        ),
        Column(
            "num_units",
            pa.int64(),
            "Units that the row stands for: 1; of a row of select without sample, the prompt's candidates that share its reason.",
        ),
        Column(
            "detail",
            pa.string(),
            "Text for a reader: the bad value, the shared words; null where nothing is to be said.",
            nullable=True,
        ),
    ),
)

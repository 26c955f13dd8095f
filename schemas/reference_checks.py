"""`reference_checks`: whether most answers to a math prompt bear its reference out."""

import pyarrow as pa

from schemas.table import Column, Table

REFERENCE_CHECKS = Table(
    name="reference_checks",
    grain="one row per math prompt with a reference and a verified answer of the checking role",
    key=("prompt_id",),
    columns=(
        Column("prompt_id", pa.string(), "Prompt whose reference is checked."),
        Column("reference", pa.string(), "The reference as prompts has it; no stage changes it."),
        Column(
            "majority_answer",
            pa.string(),
            "The final answer that alone has most votes, in its commonest spelling; null where no answer has.",
            nullable=True,
        ),
        Column("majority_votes", pa.int32(), "Most votes that any one answer has."),
        Column("num_votes", pa.int32(), "Votes: verified samples of the role's teachers that state a final answer."),
        Column(
            "agrees",
            pa.bool_(),
            "Whether the majority answer equals the reference: verify gave it 1; null where there is no majority.",
            nullable=True,
        ),
        Column(
            "arbiter_answer",
            pa.string(),
            "The arbiter's final answer; null where none is known: no stage asks an arbiter yet.",
            nullable=True,
        ),
        Column(
            "outcome",
            pa.string(),
            "agrees, no_majority or needs_arbiter; once an arbiter has answered repaired, kept or drop (R6 7.2, R7 8.2).",
        ),
    ),
)

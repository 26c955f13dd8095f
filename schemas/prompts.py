"""`prompts`: problems as a teacher sees them, with what is needed to verify an answer.

Keyed by `record_id` until the stage deduplicate and by `prompt_id` after it.
"""

import pyarrow as pa

from schemas.table import Column, Table

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

PROMPTS = Table(
    name="prompts",
    grain="one row per record; after deduplicate one row per prompt_id",
    key=("record_id",),
    columns=(
        Column("record_id", pa.string(), "Hash of source and the source's own id; 32 hex characters."),
        Column("prompt_id", pa.string(), "Hash of the normalized messages; 32 hex characters."),
        Column("source", pa.string(), "Name of the source in params."),
        Column("source_row", pa.string(), "The source's own id of the record, else its file and line."),
        Column(
            "category",
            pa.string(),
            "math, code, science, instruction, multi_turn or chat; picks verifier and threshold.",
        ),
        Column(
            "messages", MESSAGES, "Conversation up to the user turn to be answered; roles system, user and assistant."
        ),
        Column("reference", pa.string(), "Trusted answer; null where there is none.", nullable=True),
        Column(
            "tests", pa.string(), "JSON of test cases, see docs/schemas.md; null where there are none.", nullable=True
        ),
        Column(
            "constraints",
            pa.string(),
            "JSON with instruction_id_list and kwargs as in IFEval; null where there are none.",
            nullable=True,
        ),
        Column("language", pa.string(), "en, zh or other (R1 2.3 step 11); null until the stage clean.", nullable=True),
        Column("licence", pa.string(), "SPDX identifier of the record's licence, or a short name."),
        Column("priority", pa.int32(), "Rank of the source when duplicates meet; the smaller wins."),
    ),
)

"""`responses`: what teachers wrote, split into reasoning and answer."""

import pyarrow as pa

from schemas.table import Column, Table

RESPONSES = Table(
    name="responses",
    grain="one row per sample: a prompt, a teacher and an index",
    key=("prompt_id", "sample_id"),
    columns=(
        Column(
            "sample_id",
            pa.string(),
            "Hash of prompt_id, the digest of the teacher's settings and the index; 32 hex characters.",
        ),
        Column("prompt_id", pa.string(), "Prompt that was answered."),
        Column(
            "record_id",
            pa.string(),
            "Record that brought the response; null for one that was generated.",
            nullable=True,
        ),
        Column("teacher", pa.string(), "Teacher in params, or the source's own response tag."),
        Column("sample_index", pa.int32(), "Index of the sample for its prompt and teacher, from 0."),
        Column(
            "reasoning",
            pa.string(),
            "Text inside <think>, surrounding line breaks kept; null where the format has none.",
            nullable=True,
        ),
        Column(
            "answer",
            pa.string(),
            "Text inside <answer>, or the whole text where the format is plain or was not followed.",
        ),
        Column("well_formed", pa.bool_(), "Whether the text followed the teacher's response format."),
        Column(
            "finish_reason",
            pa.string(),
            "stop or length as the engine reported; null for a source's response.",
            nullable=True,
        ),
        Column(
            "num_tokens",
            pa.int32(),
            "Generated tokens as the engine counted them; null for a source's response.",
            nullable=True,
        ),
    ),
)

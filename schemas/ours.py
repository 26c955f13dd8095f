"""Columns that a released row has after the report's own: ids and scalars, the same in every layout."""

import pyarrow as pa

from schemas.table import Column

PROMPT_COLUMNS = (
    Column("prompt_id", pa.string(), "Prompt."),
    Column("label", pa.string(), "Magpie's task label."),
    Column("difficulty", pa.string(), "Difficulty label of the prompt."),
    Column("language", pa.string(), "en, zh or other."),
    Column("num_turns", pa.int32(), "Turns, the answer included."),
)
SAMPLE_COLUMNS = (
    Column("sample_id", pa.string(), "Sample."),
    *PROMPT_COLUMNS,
    Column("answer_tokens", pa.int32(), "Tokens of reasoning and answer together."),
)

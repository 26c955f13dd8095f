"""Columns that a released row has after the report's own: ids and scalars, the same in every layout."""

import pyarrow as pa

from schemas.table import Column

PROMPT_LENGTHS = (
    Column("num_turns", pa.int32(), "Turns, the answer included."),
    Column("prompt_words", pa.int32(), "Words of the prompt's turns; a Chinese character counts as one."),
)
RESPONSE_LENGTHS = (
    Column("answer_tokens", pa.int32(), "Tokens of reasoning and answer together."),
    Column("reasoning_tokens", pa.int32(), "Tokens of the reasoning alone; 0 where there is none."),
)
PROMPT_COLUMNS = (
    Column("prompt_id", pa.string(), "Prompt."),
    Column("label", pa.string(), "Magpie's task label."),
    Column("difficulty", pa.string(), "Difficulty label of the prompt."),
    Column("language", pa.string(), "en, zh or other."),
    *PROMPT_LENGTHS,
)
SAMPLE_COLUMNS = (
    Column("sample_id", pa.string(), "Sample."),
    *PROMPT_COLUMNS,
    *RESPONSE_LENGTHS,
)

"""Released rows of `am-preference`: a passing and a failing response to one prompt (R6 7.3).

R6 published none; the columns are those that TRL's DPO reads, then ours.
"""

import pyarrow as pa

from schemas.ours import PROMPT_COLUMNS
from schemas.table import Column, Table

TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

AM_PREFERENCE = Table(
    name="am_preference",
    grain="one row per prompt: a pair of its responses",
    key=("prompt_id",),
    columns=(
        Column("prompt", TURNS, "Turns of the prompt."),
        Column("chosen", TURNS, "One assistant turn: the best response, think and answer tags included."),
        Column("rejected", TURNS, "One assistant turn: the worst response, which failed verification."),
        Column("category", pa.string(), "Category of the prompt."),
        Column("question_source", pa.string(), "Source of the prompt."),
        Column("chosen_source", pa.string(), "Teacher or response tag of the chosen response."),
        Column("rejected_source", pa.string(), "Teacher or response tag of the rejected response."),
        Column("chosen_score", pa.float64(), "Raw score of the chosen response."),
        Column("rejected_score", pa.float64(), "Raw score of the rejected response."),
        Column("chosen_tokens", pa.int32(), "Tokens of the chosen response, reasoning and answer together."),
        Column("rejected_tokens", pa.int32(), "Tokens of the rejected response."),
        Column("chosen_sample_id", pa.string(), "Sample that was chosen."),
        Column("rejected_sample_id", pa.string(), "Sample that was rejected."),
        *PROMPT_COLUMNS,
    ),
)

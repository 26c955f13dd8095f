"""Released rows of `am-rl`: the columns that verl reads, as in AM-Thinking-v1-RL-Dataset (references 11.5).

After the report's five columns stand ours: ids and scalars.
"""

import pyarrow as pa

from schemas.ours import PROMPT_COLUMNS
from schemas.table import Column, Table

AM_RL = Table(
    name="am_rl",
    grain="one row per prompt",
    key=("prompt_id",),
    columns=(
        Column("data_source", pa.string(), "Source of the prompt."),
        Column(
            "prompt",
            pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
            "Turns, the policy's system prompt first where it has one.",
        ),
        Column("ability", pa.string(), "math or code."),
        Column(
            "reward_model",
            pa.struct([("ground_truth", pa.string()), ("style", pa.string())]),
            "ground_truth: the reference, of code the tests as JSON; style: rule.",
        ),
        Column(
            "extra_info",
            pa.struct([("index", pa.int64()), ("split", pa.string())]),
            "index: place of the row in its split, from 0.",
        ),
        Column("pass_rate", pa.float64(), "Pass rate of the policy: over 0 and below 1."),
        *PROMPT_COLUMNS,
    ),
)

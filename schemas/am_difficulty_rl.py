"""Released rows of `am-difficulty-rl`: prompts by difficulty level (R3; references 11.4).

A config per level. The published columns were not found, so all are ours; they are called as in the 40M records.
"""

import pyarrow as pa

from schemas.ours import PROMPT_COLUMNS
from schemas.table import Column, Table

_BEFORE = (
    Column("question", pa.string(), "Query; of a multi-turn prompt all turns, each after its role in angle brackets."),
    Column("question_source", pa.string(), "Source of the query."),
    Column("category", pa.string(), "math or code."),
    Column("ground_truth", pa.string(), "Reference answer; null where there is none.", nullable=True),
    Column("test_case", pa.string(), "Tests as JSON; null where there are none.", nullable=True),
)


def am_difficulty_rl(pass_rate_names: tuple[str, ...]) -> Table:
    """The contract of a release whose pass rates are called `pass_rate_<name>`."""
    pass_rates = tuple(
        Column(
            f"pass_rate_{name}",
            pa.float64(),
            f"Pass rate of the prompt under {name}; null where nothing was verified.",
            nullable=True,
        )
        for name in pass_rate_names
    )
    return Table("am_difficulty_rl", "one row per prompt", ("prompt_id",), _BEFORE + pass_rates + PROMPT_COLUMNS)

"""Released rows of `am-answers`: responses without their thinking, for non-reasoning models (R4).

A config per construction of R4 5.3: `original`, `answer`, `think_summary`. R4 published none; the columns are ours.
"""

import pyarrow as pa

from schemas.ours import SAMPLE_COLUMNS
from schemas.table import Column, Table

AM_ANSWERS = Table(
    name="am_answers",
    grain="one row per sample",
    key=("sample_id",),
    columns=(
        Column(
            "messages",
            pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
            "Turns of the prompt, then the answer as the config constructs it.",
        ),
        Column("category", pa.string(), "Category of the prompt."),
        Column("question_source", pa.string(), "Source of the prompt."),
        Column("answer_source", pa.string(), "Teacher or response tag of the response."),
        Column("verify_score", pa.float64(), "Raw score of the verdict; null where unverified.", nullable=True),
        *SAMPLE_COLUMNS,
    ),
)

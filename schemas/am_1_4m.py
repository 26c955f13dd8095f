"""Released rows of `am-1-4m`: the published shape of AM-DeepSeek-R1-Distilled-1.4M (references 11.1).

After the report's one column stand ours: ids and scalars.
"""

import pyarrow as pa

from schemas.ours import PROMPT_LENGTHS, RESPONSE_LENGTHS
from schemas.table import Column, Table

TEST_CASE = pa.struct([("test_code", pa.string()), ("test_entry_point", pa.string())])
INFO = pa.struct(
    [
        ("source", pa.string()),
        ("reference_answer", pa.string()),
        ("test_case", TEST_CASE),
        ("think_content", pa.string()),
        ("answer_content", pa.string()),
    ]
)
MESSAGES_WITH_INFO = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string()), ("info", INFO)]))

AM_1_4M = Table(
    name="am_1_4m",
    grain="one row per sample",
    key=("sample_id",),
    columns=(
        Column(
            "messages",
            MESSAGES_WITH_INFO,
            "User and assistant turns; the user turn's info has source, reference_answer and test_case, the "
            "assistant turn's has source (the response's), think_content and answer_content; the rest is null.",
        ),
        Column("sample_id", pa.string(), "Sample."),
        Column("prompt_id", pa.string(), "Prompt."),
        Column("category", pa.string(), "Category of the prompt."),
        Column("label", pa.string(), "Magpie's task label."),
        Column("difficulty", pa.string(), "Difficulty label of the prompt."),
        Column("language", pa.string(), "en, zh or other."),
        Column("verify_score", pa.float64(), "Raw score of the verdict; null where unverified.", nullable=True),
        *PROMPT_LENGTHS,
        *RESPONSE_LENGTHS,
    ),
)

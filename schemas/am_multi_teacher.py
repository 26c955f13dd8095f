"""Released rows of `am-multi-teacher`: the shape of AM-Thinking-v1-Distilled and its siblings (references 11.3).

A config per teacher. After the report's two columns stand ours: ids and scalars.
"""

import pyarrow as pa

from schemas.ours import SAMPLE_COLUMNS
from schemas.table import Column, Table

INFO = pa.struct(
    [
        ("source", pa.string()),
        ("category", pa.string()),
        ("ground_truth", pa.string()),
        ("test_case", pa.string()),
        ("instruction_constrain", pa.string()),
        ("think_content", pa.string()),
        ("answer_content", pa.string()),
        ("verify_score", pa.float64()),
        ("model_name", pa.string()),
        ("ppl", pa.float64()),
    ]
)
CONVERSATIONS = pa.list_(pa.struct([("from", pa.string()), ("value", pa.string()), ("info", INFO)]))

AM_MULTI_TEACHER = Table(
    name="am_multi_teacher",
    grain="one row per sample: a prompt under one of the teachers",
    key=("sample_id",),
    columns=(
        Column("system", pa.string(), "System prompt of the teacher; empty where it has none."),
        Column(
            "conversations",
            CONVERSATIONS,
            "Turns, from `human` or `assistant`; the last human turn's info has source, category, ground_truth, "
            "test_case and instruction_constrain, the answer's has think_content, answer_content, verify_score "
            "(0 to 1), model_name and ppl; the rest is null.",
        ),
        Column("category", pa.string(), "Category of the prompt."),
        Column("verify_score", pa.float64(), "Raw score of the verdict: 0 to 1, science 0 to 5."),
        *SAMPLE_COLUMNS,
    ),
)

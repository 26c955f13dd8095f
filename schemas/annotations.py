"""`annotations`: labels and lengths of the prompts that distill sees."""

import pyarrow as pa

from schemas.table import Column, Table

ANNOTATIONS = Table(
    name="annotations",
    grain="one row per prompt",
    key=("prompt_id",),
    columns=(
        Column("prompt_id", pa.string(), "Prompt that was labelled."),
        Column(
            "group_id",
            pa.string(),
            "Hash of the prompt's words with numbers and names masked; prompts that share it share a split.",
        ),
        Column("label", pa.string(), "Task label out of Magpie's twelve (references 12.1)."),
        Column("difficulty", pa.string(), "very easy, easy, medium, hard or very hard (R1 2.3 step 3)."),
        Column("annotator", pa.string(), "rules, or the teacher that labelled it."),
        Column("num_turns", pa.int32(), "Messages of the conversation, system turns left out."),
        Column("length_words", pa.int32(), "Words of all messages; a Chinese character counts as one."),
        Column("verifiable", pa.bool_(), "Whether it brings a reference, tests or constraints."),
    ),
)

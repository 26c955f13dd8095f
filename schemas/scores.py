"""`scores`: figures of each response that need no reference."""

import pyarrow as pa

from schemas.table import Column, Table

SCORES = Table(
    name="scores",
    grain="one row per sample",
    key=("prompt_id", "sample_id"),
    columns=(
        Column("sample_id", pa.string(), "Sample that was scored."),
        Column("prompt_id", pa.string(), "Its prompt."),
        Column("teacher", pa.string(), "Its teacher."),
        Column(
            "perplexity",
            pa.float64(),
            "Perplexity of prompt and response under the scorer; null where no scorer is named.",
            nullable=True,
        ),
        Column("repetition", pa.int32(), "Most consecutive occurrences of one run of words inside the response."),
        Column(
            "frequent_ngrams",
            pa.int64(),
            "Occurrences in the whole dataset of the response's most frequent 20-token string; 0 where it is shorter.",
        ),
        Column("well_formed", pa.bool_(), "Format present, closed and not empty, turns even."),
        Column("language_mixed", pa.bool_(), "Whether the response mixes scripts that its prompt does not."),
        Column("boxed", pa.bool_(), "Whether the answer holds a \\boxed{}."),
        Column("reasoning_tokens", pa.int32(), "Length of the reasoning in tokens of the named tokenizer."),
        Column("answer_tokens", pa.int32(), "Length of the answer in tokens of the named tokenizer."),
        Column(
            "reason",
            pa.string(),
            "First rule that it breaks, as its drop names it; null where it is kept.",
            nullable=True,
        ),
        Column("figure", pa.float64(), "The figure that decided; null where it is kept or none did.", nullable=True),
    ),
)

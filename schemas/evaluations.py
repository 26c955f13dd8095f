"""`evaluations`: how each answer of an evaluated model came out; its text stands in `responses`, its score in `verdicts`."""

import pyarrow as pa

from schemas.table import Column, Table

EVALUATIONS = Table(
    name="evaluations",
    grain="one row per answer: a model, a question, a sample and a round",
    key=("model", "benchmark", "round", "prompt_id", "sample_index"),
    columns=(
        Column("sample_id", pa.string(), "Answer; its text is the row of `evaluation_responses` with this id."),
        Column("prompt_id", pa.string(), "Question that was asked; the same in every round."),
        Column("model", pa.string(), "Stage whose model answered."),
        Column("benchmark", pa.string(), "Benchmark in params."),
        Column("question_id", pa.string(), "The benchmark's own id of the question, else its number."),
        Column("category", pa.string(), "Category of the question; it picked verifier and threshold."),
        Column("round", pa.int32(), "Round of multi-round thinking, from 1."),
        Column(
            "sample_index", pa.int32(), "Index of the sample for its model and question, from 0; a chain over rounds."
        ),
        Column(
            "previous_sample_id",
            pa.string(),
            "Answer of the round before, which this one was shown; null in round 1.",
            nullable=True,
        ),
        Column(
            "correct",
            pa.bool_(),
            "Whether the verdict's score exceeds the threshold of the category; null where unverified.",
            nullable=True,
        ),
        Column("well_formed", pa.bool_(), "Whether the text is an answer, or thinking and an answer, each whole."),
        Column("finish_reason", pa.string(), "stop, or length where it was cut."),
        Column("num_tokens", pa.int32(), "Generated tokens as the engine counted them."),
        Column(
            "words", pa.list_(pa.int32()), "Count of each of evaluate.words in reasoning and answer, in their order."
        ),
    ),
)

"""`verdicts`: what a verifier found of each sample: a raw score and a status, never "passed"."""

import pyarrow as pa

from schemas.table import Column, Table

VERDICTS = Table(
    name="verdicts",
    grain="one row per sample",
    key=("prompt_id", "sample_id"),
    columns=(
        Column("sample_id", pa.string(), "Sample that was verified."),
        Column("prompt_id", pa.string(), "Its prompt."),
        Column("teacher", pa.string(), "Its teacher."),
        Column("category", pa.string(), "Category of the prompt; it picked the verifier."),
        Column("verifier", pa.string(), "math, code, science, instructions, reward, or none where none applies."),
        Column("version", pa.string(), "Version of the verifier and of the library that decides."),
        Column("status", pa.string(), "verified or unverified."),
        Column(
            "score", pa.float64(), "Raw score: 0 to 1, science 0 to 5 (R5 6.4); null where unverified.", nullable=True
        ),
        Column("why", pa.string(), "Why it is unverified: snake_case code; null where verified.", nullable=True),
        Column(
            "detail",
            pa.string(),
            "Evidence as JSON: answers compared, first failing test, constraint results.",
            nullable=True,
        ),
    ),
)

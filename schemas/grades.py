"""`grades`: how a teacher did on a prompt, under the thresholds of params."""

import pyarrow as pa

from schemas.table import Column, Table

GRADES = Table(
    name="grades",
    grain="one row per prompt and teacher",
    key=("prompt_id", "teacher"),
    columns=(
        Column("prompt_id", pa.string(), "Prompt that was answered."),
        Column("teacher", pa.string(), "Teacher that answered."),
        Column("category", pa.string(), "Category of the prompt."),
        Column("num_samples", pa.int32(), "Samples, verified or not."),
        Column("num_verified", pa.int32(), "Samples with a verdict."),
        Column(
            "num_passed", pa.int32(), "Verified samples whose score exceeds the threshold of the category (R5 6.5)."
        ),
        Column(
            "pass_rate", pa.float64(), "num_passed over num_verified; null where nothing was verified.", nullable=True
        ),
        Column(
            "mean_score",
            pa.float64(),
            "Mean raw score of the verified samples; null where there are none.",
            nullable=True,
        ),
        Column(
            "cv_population",
            pa.float64(),
            "Coefficient of variation with 1/n (R5 Eq. 6); null where the mean is 0 or nothing was verified.",
            nullable=True,
        ),
        Column(
            "cv_sample",
            pa.float64(),
            "The same with 1/(n-1), as R5's printed examples; null also for one sample.",
            nullable=True,
        ),
        Column(
            "best_sample_id",
            pa.string(),
            "Verified sample with the highest score, ties by id; null where there is none.",
            nullable=True,
        ),
        Column(
            "worst_sample_id",
            pa.string(),
            "Verified sample with the lowest score, ties by id; null where there is none.",
            nullable=True,
        ),
    ),
)

"""`selections`: what a dataset's recipe kept: ids, roles, splits and figures, no text."""

import pyarrow as pa

from schemas.table import Column, Table

SELECTIONS = Table(
    name="selections",
    grain="one row per sample, or per prompt, that a config of the dataset holds",
    key=("prompt_id", "sample_id", "config", "dataset"),
    columns=(
        Column("dataset", pa.string(), "Dataset in params."),
        Column("config", pa.string(), "Config of the dataset; default where it has one only."),
        Column(
            "sample_id", pa.string(), "Sample that was selected; null where the dataset is of prompts.", nullable=True
        ),
        Column("prompt_id", pa.string(), "Its prompt, or the prompt that was selected."),
        Column("role", pa.string(), "What the row is for: response, prompt; chosen or rejected in a preference pair."),
        Column("split", pa.string(), "train, validation or test; by the hash of the prompt."),
        Column(
            "figure", pa.float64(), "Figure by which the recipe ranked it; null where it ranked nothing.", nullable=True
        ),
    ),
)

"""`selections`: what a dataset's recipe kept: ids, roles, splits and figures, no text."""

import pyarrow as pa

from schemas.table import Column, Table

SELECTIONS = Table(
    name="selections",
    grain="one row per sample that the dataset holds",
    key=("dataset", "config", "sample_id"),
    columns=(
        Column("dataset", pa.string(), "Dataset in params."),
        Column("config", pa.string(), "Config of the dataset; default where it has one only."),
        Column("sample_id", pa.string(), "Sample that was selected."),
        Column("prompt_id", pa.string(), "Its prompt."),
        Column("role", pa.string(), "What the sample is for: response; chosen or rejected in a preference pair."),
        Column("split", pa.string(), "train, validation or test; by the hash of the prompt."),
        Column(
            "figure", pa.float64(), "Figure by which the recipe ranked it; null where it ranked nothing.", nullable=True
        ),
    ),
)

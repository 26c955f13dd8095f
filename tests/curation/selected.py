"""Selections made by hand in the tiny project, and their releases."""

from collections.abc import Sequence
from pathlib import Path

from curation import release, select
from curation.params import load
from curation.stage import Run
from curation.tables import connect, from_rows, write
from schemas.selections import SELECTIONS


def choose(folder: Path, dataset: str, samples: Sequence[tuple[str, ...]]) -> None:
    """Write a selection of some samples, as select would: (sample_id, prompt_id), then config and split if others."""
    names = ("sample_id", "prompt_id", "config", "split")
    fixed = {"dataset": dataset, "config": "default", "role": "response", "split": "train"}
    rows = [{**fixed, **dict(zip(names, sample, strict=False))} for sample in samples]
    to = folder / "data/select" / dataset / "selections"
    write(from_rows(connect(memory_gb=1), rows, SELECTIONS), to, SELECTIONS)


def released(folder: Path, dataset: str) -> Path:
    """Release what is selected, with the statistics that select would have written of it."""
    con = connect(memory_gb=1)
    run = Run("select", dataset, load(), con, folder / "data/select" / dataset)
    select._write_statistics(run, select.read_curated(con), dataset, None)
    assert release.main([dataset]) == 0
    return folder / "data/release" / dataset

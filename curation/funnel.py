"""The funnel: what came into each stage, what it kept, and what it dropped for which reason.

Read from the stages' counts.json in the order of dvc.yaml, then the releases with their sizes.
A stage that has not run is left out.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import yaml

from curation import render
from curation.errors import DataError
from curation.places import DATA

Format = Literal["table", "csv", "json", "markdown"]
HEADER = ("stage", "dataset", "unit", "in", "kept", "reason", "dropped", "share")


@dataclass(frozen=True)
class Counts:
    """The account of one stage, or of one dataset in it."""

    stage: str
    dataset: str | None
    unit: str
    rows_in: int
    rows_kept: int
    dropped: dict[str, int]
    """Rows dropped by reason, the most frequent first."""


@dataclass(frozen=True)
class Released:
    """A release that dvc repro wrote."""

    dataset: str
    rows: int
    megabytes: float
    path: str


def funnel(data: Path = DATA, pipeline: Path = Path("dvc.yaml")) -> list[Counts]:
    """The accounts of all stages that ran, in the pipeline's order.

    Raises:
        DataError: This is no project's root, no stage has run, or a counts.json is not what a stage writes.
    """
    if not pipeline.exists():
        raise DataError(
            f"funnel: no {pipeline} in {Path.cwd()}. Run from the project's root, or make one: curate init DIR"
        )
    stages = yaml.safe_load(pipeline.read_text(encoding="utf-8"))["stages"]
    files = [(stage, path) for stage in stages for path in _counts_files(data / stage)]
    if not files:
        raise DataError(f"funnel: no stage has run in {Path.cwd()} yet. Run: dvc repro")
    return [_read(stage, path, data) for stage, path in files]


def releases(data: Path = DATA) -> list[Released]:
    """The releases with rows, size of their data files, and place."""
    return [
        _released(folder) for folder in sorted((data / "release").glob("[!.]*")) if (folder / "manifest.json").exists()
    ]


def report(counts: list[Counts], released: list[Released], output_format: Format) -> str:
    """The funnel as text for a terminal, CSV (a row per reason), JSON or Markdown."""
    if output_format == "json":
        return json.dumps(
            {"stages": [asdict(one) for one in counts], "releases": [asdict(one) for one in released]}, indent=2
        )
    if output_format == "csv":
        return _csv(counts)
    releases_header = ("release", "rows", "MB", "path")
    sizes = [(one.dataset, f"{one.rows:,}", f"{one.megabytes:,.2f}", one.path) for one in released]
    rows = [row for one in counts for row in _lines(one)]
    if output_format == "markdown":
        parts = [render.markdown(HEADER, rows), render.markdown(releases_header, sizes)]
    else:
        size = render.width()
        parts = [render.table(HEADER, rows, max_columns=size), render.table(releases_header, sizes, max_columns=size)]
    return "\n\n".join(parts if released else parts[:1])


def _counts_files(folder: Path) -> list[Path]:
    own = folder / "counts.json"
    return [own] if own.exists() else sorted(folder.glob("[!.]*/counts.json"))


def _read(stage: str, path: Path, data: Path) -> Counts:
    dataset = None if path.parent == data / stage else path.parent.name
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        dropped = dict(sorted(raw["dropped"].items(), key=lambda item: (-item[1], item[0])))
        return Counts(stage, dataset, raw["unit"], raw["rows_in"], raw["rows_kept"], dropped)
    except (json.JSONDecodeError, KeyError) as error:
        raise DataError(
            f"funnel: {path} is not a stage's account ({error}). Run the stage again: dvc repro -f {stage}"
        ) from error


def _released(folder: Path) -> Released:
    files = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    data = [file for file in files if file["config"] != "drops"]
    rows, num_bytes = (sum(file[name] for file in data) for name in ("rows", "bytes"))
    return Released(folder.name, rows, num_bytes / 1e6, str(folder.absolute()))


def _lines(counts: Counts) -> list[tuple[str, ...]]:
    """The lines of one account: the first reason stands beside the totals."""
    reasons = [(reason, f"{dropped:,}", _share(dropped, counts.rows_in)) for reason, dropped in counts.dropped.items()]
    first, *others = reasons or [("", "", "")]
    totals = (counts.stage, counts.dataset or "", counts.unit, f"{counts.rows_in:,}", f"{counts.rows_kept:,}")
    return [(*totals, *first), *(("",) * len(totals) + other for other in others)]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _csv(counts: list[Counts]) -> str:
    """One row per stage, dataset and reason; a stage that dropped nothing has one with an empty reason."""
    header = ("stage", "dataset", "unit", "rows_in", "rows_kept", "reason", "rows_dropped")
    rows = [
        (one.stage, one.dataset, one.unit, one.rows_in, one.rows_kept, *dropped)
        for one in counts
        for dropped in (one.dropped or {"": 0}).items()
    ]
    return render.rows_as("csv", header, rows)

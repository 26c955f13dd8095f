"""The catalog: a DuckDB file with a view per table, over what the stages wrote.

The views hold absolute paths, so that any DuckDB shell opens `.curate/catalog.duckdb` from any
folder; the file's storage version is 1.0.0 for older shells. It holds no rows: every command
that needs it builds it anew (about 0.1 s), beside the old one, and renames it into place.
"""

import glob
import re
import uuid
from dataclasses import dataclass
from pathlib import Path

import duckdb

from curation import places
from curation.errors import DataError
from curation.stage import DATA, disk_errors_told
from curation.tables import quote
from schemas.annotations import ANNOTATIONS
from schemas.drops import DROPS
from schemas.grades import GRADES
from schemas.prompts import PROMPTS
from schemas.reference_checks import REFERENCE_CHECKS
from schemas.responses import RESPONSES
from schemas.scores import SCORES
from schemas.selections import SELECTIONS
from schemas.table import Table
from schemas.verdicts import VERDICTS

# Stages that write prompts, the last first: the view `prompts` is what the furthest one kept.
PROMPT_STAGES = ("annotate", "decontaminate", "deduplicate", "clean", "ingest")


@dataclass(frozen=True)
class View:
    """A view of the catalog."""

    name: str
    stage: str
    """Stage that writes its rows."""
    doc: str
    folders: tuple[Path, ...]
    """Folders of shards; none where the stage has not run."""
    table: Table | None = None
    """Contract of its columns; of a release it depends on params."""
    configs: bool = False
    """Whether the folders are configs of a release, which the view then tells in a column `config`."""


def views(data: Path = DATA) -> tuple[View, ...]:
    """All views, those whose stage has not run without folders."""
    prompts = next((found for stage in PROMPT_STAGES if (found := _shards(data / stage / "prompts"))), ())
    kept = f"Prompts that {prompts[0].parent.name if prompts else 'annotate'} kept; {PROMPTS.grain}."
    responses = _shards(data / "distill" / "responses") or _shards(data / "ingest" / "responses")
    selected = sorted((data / "select").glob("*/selections"))
    dropping = [*sorted(data.glob("[!.]*/drops")), *sorted((data / "select").glob("[!.]*/drops"))]
    return (
        View("records", "ingest", "All records as ingest read them.", _shards(data / "ingest" / "prompts"), PROMPTS),
        View("prompts", "annotate", kept, prompts, PROMPTS),
        _view(data, "annotate", ANNOTATIONS),
        View(
            "ready_responses",
            "ingest",
            "Responses as sources brought them.",
            _shards(data / "ingest" / "responses"),
            RESPONSES,
        ),
        View("responses", "distill", f"What teachers wrote; {RESPONSES.grain}.", responses, RESPONSES),
        _view(data, "verify", VERDICTS),
        _view(data, "score", SCORES),
        _view(data, "grade", GRADES),
        _view(data, "grade", REFERENCE_CHECKS),
        View("selections", "select", f"All datasets: {SELECTIONS.grain}.", _shards(*selected), SELECTIONS),
        View("drops", "ingest", f"All stages and datasets: {DROPS.grain}.", _shards(*dropping), DROPS),
        *_releases(data),
    )


def _view(data: Path, stage: str, table: Table) -> View:
    """The view of a table that one stage writes."""
    return View(
        table.name, stage, f"{table.grain[0].upper()}{table.grain[1:]}.", _shards(data / stage / table.name), table
    )


def _releases(data: Path) -> list[View]:
    """A view per released dataset: `am-40m` is called `am_40m`."""
    views = []
    for manifest in sorted((data / "release").glob("[!.]*/manifest.json")):
        root = manifest.parent
        folders = _shards(*(folder for folder in sorted(root.iterdir()) if folder.name != "drops"))
        doc, name = f"Released rows of {root.name}.", re.sub(r"\W", "_", root.name)
        views.append(View(name, "release", doc, folders, configs=folders != (root / "data",)))
    return views


def _shards(*folders: Path) -> tuple[Path, ...]:
    """Those of the folders that hold shards."""
    return tuple(folder for folder in folders if next(folder.glob("*.parquet"), None))


def connect() -> duckdb.DuckDBPyConnection:
    """Build the catalog and open it to read.

    Raises:
        DataError: No stage has run in this folder yet, or a shard cannot be read.
    """
    con = duckdb.connect(str(build(views())), read_only=True)
    con.execute("SET enable_progress_bar = false")
    return con


def build(wanted: tuple[View, ...]) -> Path:
    """Write the catalog with the views that have shards; returns its path."""
    there = [view for view in wanted if view.folders]
    if not there:
        raise DataError(f"catalog: no tables in {DATA.absolute()} yet. Run from the project's root: dvc repro")
    target = places.catalog()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{uuid.uuid4().hex}.duckdb")
    try:
        with disk_errors_told("catalog"), duckdb.connect() as con:
            con.execute(f"ATTACH {quote(str(part))} AS catalog (STORAGE_VERSION 'v1.0.0')")
            con.execute("USE catalog")
            con.execute("BEGIN")
            for view in there:
                _create(con, view)
            con.execute("COMMIT")
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _create(con: duckdb.DuckDBPyConnection, view: View) -> None:
    """Create a view with the comments of its contract."""
    # Folders are escaped and hive columns switched off: a project's path may hold [ or =.
    shards = ", ".join(quote(f"{glob.escape(str(folder.absolute()))}/*.parquet") for folder in view.folders)
    config = ", parse_path(filename)[-2] AS config" if view.configs else ""
    columns = f"* EXCLUDE (filename){config}" if view.configs else "*"
    options = f"hive_partitioning = false{', filename = true' if view.configs else ''}"
    try:
        con.execute(f'CREATE VIEW "{view.name}" AS SELECT {columns} FROM read_parquet([{shards}], {options})')
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise DataError(
            f"{view.name}: a shard cannot be read: {str(error).splitlines()[0]}. "
            f"Delete it and run its stage again: dvc repro -f {view.folders[0].parent.name}"
        ) from error
    con.execute(f'COMMENT ON VIEW "{view.name}" IS {quote(view.doc)}')
    # A table that older code wrote may lack a column; whoever reads it is told.
    there = {row[0] for row in con.execute(f'DESCRIBE "{view.name}"').fetchall()}
    for column in (column for column in (view.table.columns if view.table else ()) if column.name in there):
        con.execute(f'COMMENT ON COLUMN "{view.name}"."{column.name}" IS {quote(column.doc)}')

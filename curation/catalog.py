"""The catalog: a DuckDB file with a view per table, release and frozen version, and the macros of `curation.macros`.

The views hold absolute paths, so that any DuckDB shell opens `.curate/catalog.duckdb` from any folder; the file's
storage version is 1.0.0 for older shells. It holds no rows. Every command that needs it looks whether a shard has
changed since it was built; if so it is built anew beside the old one and renamed into place.
"""

import glob
import hashlib
import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from curation import macros, pass_rate_history, places
from curation.disk import disk_errors_told
from curation.errors import DataError
from curation.places import DATA
from curation.progress import say
from curation.tables import identifier, quote
from schemas.annotations import ANNOTATIONS
from schemas.drops import DROPS
from schemas.evaluations import EVALUATIONS
from schemas.grades import GRADES
from schemas.prompts import PROMPTS
from schemas.reference_checks import REFERENCE_CHECKS
from schemas.responses import RESPONSES
from schemas.rollouts import ROLLOUTS
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
    columns: tuple[tuple[str, str], ...]
    """Names and meanings of its columns."""
    configs: bool = False
    """Whether the folders are configs of a release, which the view then tells in a column `config`."""


def views(data: Path = DATA) -> tuple[View, ...]:
    """All views, those whose stage has not run without folders; a release that is not whole has none."""
    prompts = next((found for stage in PROMPT_STAGES if (found := _shards(data / stage / "prompts"))), ())
    kept = f"Prompts that {prompts[0].parent.name if prompts else 'annotate'} kept; {PROMPTS.grain}."
    ready = _shards(data / "ingest" / "responses")
    responses = _shards(data / "distill" / "responses") or ready
    selected = sorted((data / "select").glob("*/selections"))
    dropping = [*sorted(data.glob("[!.]*/drops")), *sorted((data / "select").glob("[!.]*/drops"))]
    records = _shards(data / "ingest" / "prompts")
    rolled, rewarded = (_shards(data / "rl" / table.name) for table in (RESPONSES, VERDICTS))
    answered, judged = (_shards(data / "evaluate" / table.name) for table in (RESPONSES, VERDICTS))
    return (
        View("records", "ingest", "All records as ingest read them.", records, _told(PROMPTS)),
        View("prompts", "annotate", kept, prompts, _told(PROMPTS)),
        _view(data, "annotate", ANNOTATIONS),
        View("ready_responses", "ingest", "Responses as sources brought them.", ready, _told(RESPONSES)),
        View("responses", "distill", f"What teachers wrote; {RESPONSES.grain}.", responses, _told(RESPONSES)),
        _view(data, "verify", VERDICTS),
        _view(data, "score", SCORES),
        _view(data, "grade", GRADES),
        _view(data, "grade", REFERENCE_CHECKS),
        View("selections", "select", f"All datasets: {SELECTIONS.grain}.", _shards(*selected), _told(SELECTIONS)),
        _view(data, "rl", ROLLOUTS),
        View("rollout_responses", "rl", "What policies in training wrote.", rolled, _told(RESPONSES)),
        View("rollout_verdicts", "rl", "Verdicts of what they wrote: the rewards.", rewarded, _told(VERDICTS)),
        _view(data, "evaluate", EVALUATIONS),
        View("evaluation_responses", "evaluate", "What evaluated models wrote.", answered, _told(RESPONSES)),
        View("evaluation_verdicts", "evaluate", "Verdicts of what they wrote.", judged, _told(VERDICTS)),
        View("drops", "ingest", f"All stages and datasets: {DROPS.grain}.", _shards(*dropping), _told(DROPS)),
        *(view for root in _release_roots(data) if not _broken(root) for view in _release_views(root)),
    )


def _view(data: Path, stage: str, table: Table) -> View:
    """The view of a table that one stage writes."""
    doc = f"{table.grain[0].upper()}{table.grain[1:]}."
    return View(table.name, stage, doc, _shards(data / stage / table.name), _told(table))


def _told(table: Table) -> tuple[tuple[str, str], ...]:
    return tuple((column.name, column.doc) for column in table.columns)


def _shards(*folders: Path) -> tuple[Path, ...]:
    """Those of the folders that hold shards."""
    return tuple(folder for folder in folders if next(folder.glob("*.parquet"), None))


def view_name(dataset: str, version: str = "") -> str:
    """The name of a release's view: `am-40m` is called am_40m, its version 1.0.0 am_40m_v1_0_0.

    Example:
        >>> view_name("am-40m"), view_name("am-40m", "1.0.0"), view_name("am-40m", "main")
        ('am_40m', 'am_40m_v1_0_0', 'am_40m_main')
    """
    numbered = f"v{version}" if version[:1].isdigit() else version
    return re.sub(r"\W", "_", f"{dataset}_{numbered}" if numbered else dataset)


def _release_roots(data: Path) -> list[Path]:
    """Folders of releases and of frozen versions, whole or not."""
    found = [*(data / "release").glob("[!.]*"), *(data / "releases").glob("[!.]*/[!.]*")]
    return sorted(path for path in found if path.is_dir())


def _broken(root: Path) -> str | None:
    """What is wrong with a release's folder; None where it is whole."""
    manifest = root / "manifest.json"
    if not manifest.exists():
        return "no manifest.json"
    try:
        files = [(root / file["path"], file["bytes"]) for file in json.loads(manifest.read_bytes())["files"]]
    except (ValueError, KeyError, TypeError) as error:
        return f"manifest.json is not that of a release ({error})"
    for path, size in files:
        if not path.exists():
            return f"{path.name} is missing"
        if path.stat().st_size != size:
            return f"{path.name} has {path.stat().st_size:,} bytes, its manifest says {size:,}"
    return None


def _release_views(root: Path) -> list[View]:
    """The rows and the drops of a release or of a frozen version."""
    is_version = root.parent.parent.name == "releases"
    dataset, version = (root.parent.name, root.name) if is_version else (root.name, "")
    manifest: dict[str, Any] = json.loads((root / "manifest.json").read_bytes())
    folders = sorted({root / Path(file["path"]).parent for file in manifest["files"]})
    drops = tuple(folder for folder in folders if folder.name == "drops")
    rows = tuple(folder for folder in folders if folder.name != "drops")
    columns = tuple((column["name"], column["doc"]) for column in manifest.get("schema", ()))
    name, title = view_name(dataset, version), f"{dataset} {version}".rstrip()
    stage = "publish" if is_version else "release"
    views = [View(name, stage, f"Released rows of {title}.", rows, columns, configs=rows != (root / "data",))]
    told = f"What the release {title} left out: {DROPS.grain}."
    return views + ([View(f"{name}_drops", stage, told, drops, _told(DROPS))] if drops else [])


def connect(*, alone: bool = True) -> duckdb.DuckDBPyConnection:
    """Open the catalog to read, built anew where a shard has changed; tell of releases that are not whole.

    Args:
        alone: Whether nothing but the project's tables will be asked. If not, a folder without tables is none
            to refuse, and gives a catalog of the macros in memory.

    Raises:
        DataError: No stage has run in this folder yet, or a shard cannot be read.
    """
    for root in _release_roots(DATA):
        if told := _broken(root):
            again = "dvc repro -f release" if root.parent.name == "release" else "dvc checkout, or dvc pull"
            say(f"warning: {root} is left out: {told}. Get it whole: {again}")
    wanted = views()
    if not alone and not any(view.folders for view in wanted):
        con = duckdb.connect()
        for statement in macros.of_text():
            con.execute(statement)
    else:
        con = duckdb.connect(str(build(wanted)), read_only=True)
    con.execute("SET enable_progress_bar = false")
    return con


def build(wanted: tuple[View, ...]) -> Path:
    """Write the catalog with the views that have shards, where it is not there as wanted; returns its path."""
    there = [view for view in wanted if view.folders]
    if not there:
        raise DataError(f"catalog: no tables in {DATA.absolute()} yet. Run from the project's root: dvc repro")
    target = places.catalog()
    names = {view.name for view in there}
    statements = [*macros.of_text(), macros.explain(names, _stages_run())]
    if ROLLOUTS.name in names:
        statements += pass_rate_history.statements()
    key = _key(there, statements)
    if _key_of(target) == key:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{uuid.uuid4().hex}.duckdb")
    try:
        with disk_errors_told("catalog"), duckdb.connect() as con:
            con.execute(f"ATTACH {quote(str(part))} AS catalog (STORAGE_VERSION 'v1.0.0')")
            con.execute("USE catalog")
            columns = {view: _columns_there(con, view) for view in there}
            con.execute("BEGIN")
            for view, found in columns.items():
                if found:
                    _create(con, view, found)
            for statement in statements:
                con.execute(statement)
            if all(columns.values()):
                con.execute(f"CREATE SCHEMA catalog.built; CREATE MACRO catalog.built.key() AS {quote(key)}")
            con.execute("COMMIT")
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _stages_run() -> list[str]:
    """Stages that prompts pass, in order, as far as they have run."""
    return [stage for stage in reversed(PROMPT_STAGES) if (DATA / stage).is_dir()]


def _key(wanted: Iterable[View], statements: list[str]) -> str:
    """A digest of all that decides what the catalog is: views, macros, and every shard's place, size and time."""
    digest = hashlib.sha256(repr((duckdb.__version__, Path.cwd(), statements)).encode())
    for view in wanted:
        digest.update(repr(view).encode())
        for folder in view.folders:
            for shard in sorted(folder.glob("*.parquet")):
                facts = shard.stat()
                digest.update(f"{shard}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _key_of(path: Path) -> str | None:
    """The digest that a catalog was built for; None where there is none that can be read."""
    if not path.exists():
        return None
    try:
        with duckdb.connect(str(path), read_only=True) as con:
            return str(con.execute("SELECT built.key()").fetchall()[0][0])
    except duckdb.Error:
        return None


def _columns_there(con: duckdb.DuckDBPyConnection, view: View) -> set[str]:
    """Columns of a view's shards; none, with a warning, where those of a release cannot be read."""
    try:
        return {row[0] for row in con.execute(f"DESCRIBE {_sql(view)}").fetchall()}
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        root = view.folders[0].parent
        told = f"{view.name}: a shard cannot be read: {str(error).splitlines()[0]}"
        if view.stage not in ("release", "publish"):
            raise DataError(f"{told}. Delete it and run its stage again: dvc repro -f {root.name}") from error
        say(f"warning: {told}. It is left out; {root} has to be written again")
        return set()


def _create(con: duckdb.DuckDBPyConnection, view: View, columns: set[str]) -> None:
    """Create a view with the comments of its contract."""
    name = identifier(view.name)
    con.execute(f"CREATE VIEW {name} AS {_sql(view)}")
    con.execute(f"COMMENT ON VIEW {name} IS {quote(view.doc)}")
    # A table that older code wrote may lack a column; whoever reads it is told.
    for column, doc in view.columns:
        if column in columns:
            con.execute(f"COMMENT ON COLUMN {name}.{identifier(column)} IS {quote(doc)}")


def _sql(view: View) -> str:
    shards = [f"{glob.escape(str(folder.absolute()))}/*.parquet" for folder in view.folders]
    return select_sql(shards, configs=view.configs)


def select_sql(shards: Iterable[str], *, configs: bool) -> str:
    """SQL of the rows of shards; with their folder's name as the column `config`, where folders are configs."""
    # Hive columns are switched off: a project's path may hold a =.
    listed = ", ".join(map(quote, shards))
    if not configs:
        return f"SELECT * FROM read_parquet([{listed}], hive_partitioning = false)"
    config = "CASE parse_path(filename)[-2] WHEN 'data' THEN 'default' ELSE parse_path(filename)[-2] END AS config"
    options = "hive_partitioning = false, filename = true"
    return f"SELECT * EXCLUDE (filename), {config} FROM read_parquet([{listed}], {options})"

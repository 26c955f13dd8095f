"""The two sides of a diff: from what a user names to files by config and split, with sidecars and drops.

A side is named by a path (a release's folder, a folder of Parquet or JSONL shards, one such file), by a dataset's
name in data/release, by `dataset@version` in data/releases, by `ns/name@revision` on a Hub, or by `REV:path` or
`dataset@REV` of git. The first of `PLACES` that knows a name decides what it means.
"""

import glob
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import duckdb

from curation import git, render
from curation.diff.git_side import at_revision
from curation.diff.hub_side import on_hub
from curation.diff.place import Place
from curation.diff.session import Session
from curation.errors import DataError
from curation.places import DATA, MANIFEST
from curation.sidecar import columns_of, read_sql
from curation.tables import quote

JSONL = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".jsonl.zst", ".ndjson.gz", ".json.gz")
_NO_TEXT = re.compile(r'(?<!")\b(UUID|JSON)\b(?!")|"NULL"')
RELEASE_KEYS = ("sample_id", "prompt_id")


@dataclass(frozen=True)
class Part:
    """The rows of one split of one config."""

    config: str
    split: str
    sql: str
    """Table function that reads the rows."""
    sidecar: Path | None = None


@dataclass(frozen=True)
class Side:
    """One of the two versions that are compared."""

    name: str
    """As the user named it."""
    root: Path
    parts: tuple[Part, ...]
    columns: dict[str, Any]
    """Names and DuckDB types of the columns."""
    release: bool
    drops: tuple[Path | str, ...] = ()

    def default_key(self) -> tuple[str, ...]:
        """The key of a released layout: the sample where a row is one, else the prompt."""
        return next(((name,) for name in RELEASE_KEYS if self.release and name in self.columns), ())

    def without_places(self) -> Self:
        """The same rows for a comparison with a side that has no configs and splits."""
        return replace(self, parts=tuple(replace(part, config="", split="") for part in self.parts))

    def sql(self, columns: str) -> str:
        """SQL of all rows; `columns` may name @config and @split."""
        return " UNION ALL BY NAME ".join(
            f'SELECT {columns} FROM (SELECT {quote(part.config)} AS "@config", {quote(part.split)} AS "@split", * '
            f"FROM {part.sql})"
            for part in self.parts
        )


def side(name: str, session: Session) -> Side:
    """Find what a user named.

    Raises:
        DataError: Nothing of that name is there, it holds no rows, or a file cannot be read.
    """
    place = next((found for finds in PLACES if (found := finds(name, session))), None)
    if place is None:
        without = "" if git.is_installed() else " (git is not installed)"
        raise DataError(
            f"diff: nothing is called {name!r}: no file or folder, no dataset in {DATA / 'release'}, no version in "
            f"{DATA / 'releases'}, no revision of git{without}; {render.nearest(name, _known())}. Name two of these, or "
            f"NS/NAME@TAG of a Hub"
        )
    con = session.con
    try:
        return _release(con, name, place) if (place.path / MANIFEST).exists() else _files(con, name, place.path)
    except duckdb.Error as error:
        raise DataError(f"diff: {name} cannot be read ({str(error).splitlines()[0]}). Write it again") from error


def _path(name: str, session: Session) -> Place | None:
    return Place(path) if (path := Path(name)).exists() else None


def _dataset(name: str, session: Session) -> Place | None:
    path = DATA / "release" / name
    way_back = f"Get it back: dvc checkout {path}, or write it again: dvc repro -f release@{name}"
    return Place(path, way_back=way_back) if (path / MANIFEST).exists() else None


def _version(name: str, session: Session) -> Place | None:
    dataset, _, version = name.partition("@")
    path = DATA / "releases" / dataset / version.removeprefix("v")
    way_back = f"Get it back: curate checkout {name}"
    if version and (path / MANIFEST).exists():
        return Place(path, way_back=way_back)
    if version and path.with_name(f"{path.name}.dvc").exists():
        raise DataError(f"diff: {path} is not there, DVC tracks it. {way_back}")
    return None


PLACES: tuple[Callable[[str, Session], Place | None], ...] = (_path, _dataset, _version, on_hub, at_revision)


def _known() -> list[str]:
    """Names of the datasets and versions that are there."""
    released = [manifest.parent.name for manifest in sorted((DATA / "release").glob(f"[!.]*/{MANIFEST}"))]
    frozen = sorted((DATA / "releases").glob(f"[!.]*/*/{MANIFEST}"))
    return [*released, *(f"{one.parent.parent.name}@{one.parent.name}" for one in frozen)]


def _release(con: duckdb.DuckDBPyConnection, name: str, place: Place) -> Side:
    """A release: what its manifest lists."""
    root = place.path
    try:
        manifest = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
        files = [(file["config"], file["split"], place.rows(file["path"])) for file in manifest["files"]]
        listed = [(one["config"], one["split"], root / one["path"]) for one in manifest.get("sidecars", ())]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(
            f"diff: {MANIFEST} of {name} is not that of a release ({error}). Release it again: dvc repro -f release"
        ) from error
    missing = [path for _, _, path in files if isinstance(path, Path) and not path.exists()]
    if missing:
        raise DataError(f"diff: {missing[0]} is not there, and {MANIFEST} of {name} lists it. {place.way_back}")
    sidecars = {(config, split): path for config, split, path in listed if path.exists()}
    places = sorted({(config, split) for config, split, _ in files if config != "drops"})
    parts = tuple(
        Part(*place, read_sql([path for *one, path in files if tuple(one) == place]), sidecars.get(place))
        for place in places
    )
    drops = tuple(path for config, _, path in files if config == "drops")
    if not parts:
        raise DataError(f"diff: {MANIFEST} of {name} lists no file with rows. Release it again: dvc repro -f release")
    return Side(name, root, parts, _columns(con, parts), release=True, drops=drops)


def _files(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> Side:
    """A Parquet or JSONL file, or a folder of such."""
    shards = sorted(path.glob("*.parquet")) or _jsonl_in(path) if path.is_dir() else [path]
    if not shards:
        raise DataError(
            f"diff: {name} holds neither {MANIFEST} nor Parquet nor JSONL files. Name the folder with the rows"
        )
    if shards[0].suffix == ".parquet":
        sql = read_sql(shards)
    elif shards[0].name.endswith(JSONL):
        sql = _jsonl_sql(con, shards)
    else:
        raise DataError(
            f"diff: {name} is no Parquet and no JSONL file, by its name. Wanted .parquet, {', '.join(JSONL)}"
        )
    parts = (Part("", "", sql),)
    return Side(name, path, parts, _columns(con, parts), release=False)


def _jsonl_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.endswith(JSONL) and path.name != MANIFEST)


def _jsonl_sql(con: duckdb.DuckDBPyConnection, shards: list[Path]) -> str:
    """Table function for JSONL in which a text stays a text, whatever it looks like."""
    paths = ", ".join(quote(glob.escape(str(path))) for path in shards)
    options = "format = 'newline_delimited', sample_size = -1, union_by_name = true"
    guessed = columns_of(con.sql(f"FROM read_json([{paths}], {options}, dateformat = '-', timestampformat = '-')"))
    texts = {name: _NO_TEXT.sub("VARCHAR", str(kind)) for name, kind in guessed.items()}
    columns = ", ".join(f"{quote(name)}: {quote(kind)}" for name, kind in texts.items())
    return f"read_json([{paths}], format = 'newline_delimited', columns = {{{columns}}})"


def _columns(con: duckdb.DuckDBPyConnection, parts: tuple[Part, ...]) -> dict[str, Any]:
    """Columns of all parts; a part that lacks one has it as null."""
    every = " UNION ALL BY NAME ".join(f"FROM {part.sql}" for part in parts)
    return columns_of(con.sql(every))

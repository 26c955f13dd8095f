"""Releases on a Hub as views of a query, read by ranges over http: a column that is not asked for is not fetched."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

import duckdb

from curation.catalog import select_sql, view_name
from curation.errors import ParamsError
from curation.hub_client import Hub, default_hub, opened_hub
from curation.remote_release import ReleaseFiles, RemoteRelease, find_release, release_files
from curation.tables import identifier, quote

_NAME = re.compile(r"([\w.-]+/([\w.-]+))(?:@(\S+))?")


@contextmanager
def attached(con: duckdb.DuckDBPyConnection, names: tuple[str, ...], hub_name: str | None) -> Iterator[dict[str, str]]:
    """Views of releases on a Hub, as long as the context is open.

    Of ns/am-40m@v1.0.0 the rows are am_40m_v1_0_0 and the drops am_40m_v1_0_0_drops.

    Args:
        con: Where the temporary views are made.
        names: Each a dataset's repository and a tag, a branch or a commit; without one, main.
        hub_name: Address or folder of the Hub; None: HF_ENDPOINT, else that of params.

    Yields:
        The view of the rows of each name.

    Raises:
        ParamsError: A name is not of that form.
        DataError: The Hub refuses, has no such repository or revision, or it is not a release.
    """
    with opened_hub(hub_name or default_hub()) as hub:
        files = release_files(con, hub)
        yield {name: _attach(con, hub, files, name) for name in names}


def _attach(con: duckdb.DuckDBPyConnection, hub: Hub, files: ReleaseFiles, name: str) -> str:
    """Make the views of one release."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ParamsError(f"query: {name!r} is not NAMESPACE/NAME@TAG, as in ada/am-40m@v1.0.0")
    repository, dataset, revision = found[1], found[2], found[3] or "main"
    release = find_release(hub, files, repository, revision, verb="query")
    view = view_name(dataset, revision)
    _create(con, view, release, drops=False)
    if any(file["config"] == "drops" for file in release.manifest["files"]):
        _create(con, f"{view}_drops", release, drops=True)
    for column in release.manifest.get("schema", ()):
        con.execute(f"COMMENT ON COLUMN {identifier(view)}.{identifier(column['name'])} IS {quote(column['doc'])}")
    return view


def _create(con: duckdb.DuckDBPyConnection, view: str, release: RemoteRelease, *, drops: bool) -> None:
    """Make a view of a release's rows, or of its drops."""
    paths = [file["path"] for file in release.manifest["files"] if (file["config"] == "drops") == drops]
    folders = {PurePosixPath(path).parent.name for path in paths}
    rows = select_sql([f"{release.address}/{path}" for path in paths], configs=not folders <= {"data", "drops"})
    con.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(view)} AS {rows}")

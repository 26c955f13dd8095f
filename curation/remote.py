"""Releases on a Hub as views of a query, read by ranges over http: a column that is not asked for is not fetched.

DuckDB reads through the file system of huggingface_hub; the Hub, its token and private repositories are those of
`curate pull`. A tag is resolved once, so that all that is read is of one commit.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import duckdb
from huggingface_hub import HfFileSystem
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from curation.catalog import select_sql, view_name
from curation.errors import DataError, ParamsError
from curation.hub_client import Hub, default_hub, opened_hub
from curation.release import MANIFEST
from curation.tables import identifier, quote

PROTOCOL = "curate-release"
UNCHANGED_SINCE = datetime(2000, 1, 1, tzinfo=UTC)
_NAME = re.compile(r"([\w.-]+/([\w.-]+))(?:@(\S+))?")


class ReleaseFiles(HfFileSystem):
    """The Hub's files for DuckDB, which asks for the ranges that it needs: reading ahead would fetch others.

    Files of a commit never change: what a listing said of one is not asked again, and DuckDB keeps the footers.
    """

    protocol = PROTOCOL
    listed: Mapping[str, Any] = {}

    def info(self, path: str, refresh: bool = False, revision: str | None = None, **options: Any) -> Any:
        """Size and kind of a file; those that were listed are not asked for again."""
        return self.listed.get(self._strip_protocol(path)) or super().info(path, refresh, revision, **options)

    def modified(self, path: str, **options: Any) -> datetime:  # noqa: ARG002 (the signature is the base class's)
        """Long ago: what a commit holds never changes."""
        return UNCHANGED_SINCE

    def _open(
        self, path: str, mode: str = "rb", block_size: int | None = None, revision: str | None = None, **options: Any
    ) -> Any:
        return super()._open(path, mode, block_size, revision, **{**options, "cache_type": "none"})


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
        files = ReleaseFiles(endpoint=hub.api.endpoint, token=hub.token, skip_instance_cache=True)
        con.register_filesystem(files)
        con.execute("SET parquet_metadata_cache = true")
        yield {name: _attach(con, hub, files, name) for name in names}


def _attach(con: duckdb.DuckDBPyConnection, hub: Hub, files: ReleaseFiles, name: str) -> str:
    """Make the views of one release."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ParamsError(f"query: {name!r} is not NAMESPACE/NAME@TAG, as in ada/am-40m@v1.0.0")
    repository, dataset, revision = found[1], found[2], found[3] or "main"
    root = f"datasets/{repository}@{_commit(hub, repository, revision)}"
    listed: Any = hub.ask(f"listing {name}", lambda: files.find(root, detail=True))
    files.listed = {**files.listed, **listed}
    if f"{root}/{MANIFEST}" not in listed:
        raise DataError(
            f"query: {name} is not a release: it has no {MANIFEST}. Fetch its files: curate pull, or hf download"
        )
    manifest = json.loads(hub.ask(f"reading {name}", lambda: files.cat_file(f"{root}/{MANIFEST}")))
    missing = [file["path"] for file in manifest["files"] if f"{root}/{file['path']}" not in listed]
    if missing:
        raise DataError(f"query: {name} has no {missing[0]}, which its {MANIFEST} lists. Publish it anew")
    view = view_name(dataset, revision)
    _create(con, view, root, [file["path"] for file in manifest["files"] if file["config"] != "drops"])
    drops = [file["path"] for file in manifest["files"] if file["config"] == "drops"]
    if drops:
        _create(con, f"{view}_drops", root, drops)
    for column in manifest["schema"]:
        con.execute(f"COMMENT ON COLUMN {identifier(view)}.{identifier(column['name'])} IS {quote(column['doc'])}")
    return view


def _create(con: duckdb.DuckDBPyConnection, view: str, root: str, paths: list[str]) -> None:
    folders = {PurePosixPath(path).parent.name for path in paths}
    shards = [f"{PROTOCOL}://{root}/{path}" for path in paths]
    rows = select_sql(shards, configs=not folders <= {"data", "drops"})
    con.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(view)} AS {rows}")


def _commit(hub: Hub, repository: str, revision: str) -> str:
    """The commit of a revision."""
    try:
        call = f"reading {repository}@{revision}"
        return str(hub.ask(call, lambda: hub.api.repo_info(repository, repo_type="dataset", revision=revision)).sha)
    except DataError as error:
        if isinstance(error.__cause__, RepositoryNotFoundError):
            raise DataError(
                f"query: {hub.name} shows no dataset {repository!r}. Look at its name; if it is private, set HF_TOKEN to "
                f"a token that may read it; --hub names another Hub"
            ) from error
        if isinstance(error.__cause__, RevisionNotFoundError):
            raise DataError(
                f"query: {repository} has no revision {revision!r}; {_revisions(hub, repository)}"
            ) from error
        raise


def _revisions(hub: Hub, repository: str) -> str:
    """The tags and branches that there are."""
    refs = hub.ask(f"reading {repository}", lambda: hub.api.list_repo_refs(repository, repo_type="dataset"))
    return f"there are: {', '.join(one.name for one in [*refs.tags, *refs.branches])}"

"""A release on a Hub, found once: its commit, its manifest, and the files that DuckDB reads by ranges.

DuckDB reads through the file system of huggingface_hub; the Hub, its token and private repositories are those of
`curate pull`. A revision is resolved once, so that all that is read is of one commit.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
from huggingface_hub import HfFileSystem
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from curation.errors import DataError
from curation.hub_client import Hub
from curation.places import MANIFEST

PROTOCOL = "curate-release"
UNCHANGED_SINCE = datetime(2000, 1, 1, tzinfo=UTC)


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


@dataclass(frozen=True)
class RemoteRelease:
    """A release at a commit of a Hub."""

    commit: str
    root: str
    """Where its files stand among the Hub's."""
    manifest: Mapping[str, Any]

    @property
    def address(self) -> str:
        """Where DuckDB finds its files."""
        return f"{PROTOCOL}://{self.root}"


def release_files(con: duckdb.DuckDBPyConnection, hub: Hub) -> ReleaseFiles:
    """The files of a Hub, which a connection can read from now on."""
    files = ReleaseFiles(endpoint=hub.api.endpoint, token=hub.token, skip_instance_cache=True)
    con.register_filesystem(files)
    con.execute("SET parquet_metadata_cache = true")
    return files


def find_release(hub: Hub, files: ReleaseFiles, repository: str, revision: str, *, verb: str) -> RemoteRelease:
    """Resolve a tag, a branch or a commit, list its files and read its manifest.

    Args:
        hub: Where it is looked for.
        files: Remembers what the listing says.
        repository: ns/name.
        revision: Tag, branch or commit.
        verb: Who asks, for what is told where it goes wrong.

    Raises:
        DataError: The Hub refuses, has no such repository or revision, or it is not a release that is whole.
    """
    name = f"{repository}@{revision}"
    commit = _commit(hub, repository, revision, verb)
    root = f"datasets/{repository}@{commit}"
    listed: Any = hub.ask(f"{verb}: listing {name}", lambda: files.find(root, detail=True))
    files.listed = {**files.listed, **listed}
    if f"{root}/{MANIFEST}" not in listed:
        raise DataError(
            f"{verb}: {name} is not a release: it has no {MANIFEST}. Fetch its files and name these: hf download"
        )
    text = hub.ask(f"{verb}: reading {name}", lambda: files.cat_file(f"{root}/{MANIFEST}"))
    try:
        manifest: Mapping[str, Any] = json.loads(text)
        paths = [one["path"] for one in (*manifest["files"], *manifest.get("sidecars", ()))]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(f"{verb}: {MANIFEST} of {name} is not that of a release ({error}). Publish it anew") from error
    if lacking := [path for path in paths if f"{root}/{path}" not in listed]:
        raise DataError(f"{verb}: {name} has no {lacking[0]}, which its {MANIFEST} lists. Publish it anew")
    return RemoteRelease(commit, root, manifest)


def _commit(hub: Hub, repository: str, revision: str, verb: str) -> str:
    """The commit of a revision."""
    try:
        call = f"{verb}: reading {repository}@{revision}"
        return str(hub.ask(call, lambda: hub.api.repo_info(repository, repo_type="dataset", revision=revision)).sha)
    except DataError as error:
        if isinstance(error.__cause__, RepositoryNotFoundError):
            raise DataError(
                f"{verb}: {hub.name} shows no dataset {repository!r}. Look at its name; if it is private, set HF_TOKEN to "
                f"a token that may read it; HF_ENDPOINT names another Hub"
            ) from error
        if isinstance(error.__cause__, RevisionNotFoundError):
            raise DataError(
                f"{verb}: {repository} has no revision {revision!r}; {_revisions(hub, repository)}"
            ) from error
        raise


def _revisions(hub: Hub, repository: str) -> str:
    """The tags and branches that there are."""
    refs = hub.ask(f"reading {repository}", lambda: hub.api.list_repo_refs(repository, repo_type="dataset"))
    return f"there are: {', '.join(one.name for one in [*refs.tags, *refs.branches])}"

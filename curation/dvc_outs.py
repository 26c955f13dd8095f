"""The outs of DVC at a git revision, by `dvc.lock` and `.dvc` files, and where its cache has their files.

Both kinds of file are read directly, 0.1 s for a commit; asking DVC for them takes longer, and only where its cache lies
is asked of it. Nothing is written and no remote is asked.

Example: outs_at(commit)["data/release/am-40m"] is Out("data/release/am-40m", "b854efe0c66dd49370b7e832f7261373.dir")
"""

import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from curation import git
from curation.errors import DataError

LOCK = "dvc.lock"
OF_A_FOLDER = ".dir"
FETCH = "dvc fetch --all-commits"


@dataclass(frozen=True)
class Out:
    """A file or a folder that DVC tracks."""

    path: str
    md5: str
    """Of its bytes; of a folder, that of the list of its files, with .dir at the end."""


def outs_at(commit: str) -> dict[str, Out]:
    """The outs of a commit, by path.

    Raises:
        DataError: dvc.lock, or a .dvc file, is not one.
    """
    found = dict(_of_stages(commit))
    for path in git.files(commit):
        if path.endswith(".dvc") and not path.startswith(".dvc/"):
            listed = _outs(_parsed(commit, path).get("outs", ()), posixpath.dirname(path))
            found.update((out.path, out) for out in listed)
    return found


def cache_folder() -> Path:
    """Where DVC keeps the files of this project, by its configuration.

    Raises:
        DataError: This is no DVC project.
    """
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            return Path(repo.cache.local.path)
    except NotDvcRepoError as error:
        raise DataError(f"no DVC project is in {Path.cwd()}. Run this where dvc.yaml is, or: dvc init") from error


def files_of(out: Out, folder: Path) -> dict[str, Path] | None:
    """The files of an out in DVC's cache, whether they are there or not, by path below the out, "" for a lone file.

    None where the cache has not even the list of the folder's files.
    """
    if not out.md5.endswith(OF_A_FOLDER):
        return {"": cached(folder, out.md5)}
    listing = cached(folder, out.md5)
    if not listing.exists():
        return None
    return {one["relpath"]: cached(folder, one["md5"]) for one in json.loads(listing.read_bytes())}


def missing(outs: Iterable[Out], folder: Path) -> list[str]:
    """The outs of which DVC's cache lacks a file, by path."""
    return [out.path for out in outs if not _whole(files_of(out, folder))]


def cached(folder: Path, md5: str) -> Path:
    """Where a cache has the bytes of a hash."""
    return folder / md5[:2] / md5[2:]


def _whole(files: Mapping[str, Path] | None) -> bool:
    return files is not None and all(path.exists() for path in files.values())


def _of_stages(commit: str) -> Iterator[tuple[str, Out]]:
    for stage in _parsed(commit, LOCK).get("stages", {}).values():
        for out in _outs(stage.get("outs", ()), ""):
            yield out.path, out


def _outs(listed: Iterable[Mapping[str, Any]], folder: str) -> list[Out]:
    return [Out(posixpath.normpath(posixpath.join(folder, one["path"])), one["md5"]) for one in listed if "md5" in one]


@cache
def _parsed(commit: str, path: str) -> Mapping[str, Any]:
    """A YAML file at a commit; empty where it was not there."""
    try:
        told = yaml.load(git.read(commit, path) or b"", Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise DataError(f"{path} at {commit[:12]} is not YAML ({error}). Name another revision") from error
    if told is not None and not isinstance(told, dict):
        raise DataError(f"{path} at {commit[:12]} holds no mapping. Name another revision")
    return told or {}

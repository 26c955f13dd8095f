"""The outs of DVC at a git revision, by `dvc.lock` and `.dvc` files, and where its cache has their files.

Both kinds of file are read directly, 0.1 s for a commit; asking DVC for them takes longer, and only where its cache lies
and what its remotes are called is asked of it. Nothing is written and no remote is asked.

Example: outs_at(commit)["data/release/am-40m"] is Out("data/release/am-40m", "b854efe0c66dd49370b7e832f7261373.dir")
"""

import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from curation import git
from curation.errors import DataError

LOCK = "dvc.lock"
PIPELINE = "dvc.yaml"
TRACKED = ".dvc"
"""Suffix of a file that tells of an out which no stage writes, beside that out."""
OF_A_FOLDER = ".dir"
FETCH = "dvc fetch --all-commits"


@dataclass(frozen=True)
class Out:
    """A file or a folder that DVC tracks."""

    path: str
    md5: str
    """Of its bytes; of a folder, that of the list of its files, with .dir at the end."""


@cache
def outs_at(commit: str) -> Mapping[str, Out]:
    """The outs of a commit at and below the working directory, by path.

    Raises:
        DataError: dvc.lock, dvc.yaml or a .dvc file is not one, or a stage works in a folder that only DVC can tell.
    """
    wanted = {path: one for path, one in git.files(commit).items() if _tells_of_outs(path)}
    texts = dict(zip(wanted, git.contents(wanted.values()), strict=True))
    told = {path: _parsed(text, f"{path} at {commit[:12]}") for path, text in texts.items()}
    outs: list[Out] = []
    for path, one in told.items():
        folder = posixpath.dirname(path)
        if path.endswith(TRACKED):
            outs += _outs(one, folder)
        elif posixpath.basename(path) == LOCK:
            pipeline = posixpath.join(folder, PIPELINE)
            outs += _of_stages(one, told.get(pipeline, {}), pipeline)
    return {out.path: out for out in outs}


def tracked_by(path: Path) -> Out:
    """The out of a .dvc file in the working tree.

    Raises:
        DataError: It is not there or tells of no out, or of several.
    """
    try:
        outs = _outs(_parsed(path.read_bytes(), str(path)), path.parent.as_posix())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Get it back: git checkout {path}") from error
    if len(outs) != 1:
        raise DataError(f"{path} tells of {len(outs)} outs where one is wanted. Get it back: git checkout {path}")
    return outs[0]


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


def remotes() -> list[str]:
    """What the remotes of this project's DVC are called, the default one first."""
    from dvc.repo import Repo

    with Repo() as repo:
        default = repo.config["core"].get("remote")
        return sorted(repo.config["remote"], key=lambda name: name != default)


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


def cached(folder: Path, md5: str) -> Path:
    """Where a cache has the bytes of a hash."""
    return folder / md5[:2] / md5[2:]


def _tells_of_outs(path: str) -> bool:
    """Whether a file of git's is one of DVC's; those in its own folder are settings."""
    name = posixpath.basename(path)
    return ".dvc/" not in f"/{path}" and (name in (LOCK, PIPELINE) or (name.endswith(TRACKED) and name != TRACKED))


def _of_stages(lock: Mapping[str, Any], pipeline: Mapping[str, Any], name: str) -> Iterator[Out]:
    """The outs in dvc.lock, whose paths start where their stage works: dvc.yaml alone tells that."""
    for stage, told in lock.get("stages", {}).items():
        listed = pipeline.get("stages", {}).get(stage.partition("@")[0], {})
        workplace = listed.get("do", listed).get("wdir", ".")
        if "$" in workplace:
            raise DataError(
                f"the stage {stage} of {name} works in {workplace!r}, which only DVC can fill in. Write the folder's name "
                f"there, or get what you want: dvc get . PATH --rev REV"
            )
        yield from _outs(told, posixpath.join(posixpath.dirname(name), workplace))


def _outs(told: Mapping[str, Any], folder: str) -> list[Out]:
    """What a stage of dvc.lock or a .dvc file tells; the paths of the latter start at its `wdir`, where it has one."""
    start = posixpath.join(folder, told.get("wdir", "."))
    listed = [one for one in told.get("outs", ()) if "md5" in one]
    return [Out(posixpath.normpath(posixpath.join(start, one["path"])), one["md5"]) for one in listed]


def _parsed(text: bytes, name: str) -> Mapping[str, Any]:
    """A YAML file of DVC's."""
    import yaml  # only a revision of git needs it

    try:
        told = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise DataError(f"{name} is not YAML ({error}). Name another revision, or mend it") from error
    if told is not None and not isinstance(told, dict):
        raise DataError(f"{name} holds no mapping. Name another revision, or mend it")
    return told or {}

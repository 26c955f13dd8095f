"""A git revision as a side: `REV:path`, or `dataset@REV` for the release that `dvc.lock` had at it.

What DVC tracked is linked from its cache into a folder of the diff; what git itself tracked is written there. The
working tree is not touched.
"""

import posixpath
from pathlib import Path

from curation import dvc_outs, git, render
from curation.diff.place import Place
from curation.diff.session import Session
from curation.errors import DataError
from curation.places import DATA


def at_revision(name: str, session: Session) -> Place | None:
    """Link or write what a revision has at a path; None where the name tells no revision of this repository.

    Raises:
        DataError: The revision has nothing there, or DVC's cache lacks it.
    """
    revision, path = _parsed(name)
    commit = git.commit_of(revision) if revision and path else None
    if commit is None:
        return None
    outs = dvc_outs.outs_at(commit)
    out = next((outs[above] for above in _and_above(path) if above in outs), None)
    target = session.folder / "git" / commit
    if out is not None:
        _link(out, target, name)
    elif not _write(commit, path, target):
        known = render.nearest(path, list(outs)) if outs else f"no {dvc_outs.LOCK} is in {Path.cwd()} or below at it"
        raise DataError(f"diff: {revision} has no {path}, neither in git nor in DVC; {known}")
    if not (target / path).exists():
        raise DataError(
            f"diff: {out and out.path} at {revision} holds no {path}. Name the whole: {revision}:{out and out.path}"
        )
    return Place(target / path, way_back=f"{revision} has no more of it: name another revision")


def _parsed(name: str) -> tuple[str, str]:
    """Revision and path of a name; both empty where it has none."""
    revision, _, path = name.partition(":")
    if path:
        return revision, posixpath.normpath(path)
    dataset, _, revision = name.partition("@")
    return revision, (DATA / "release" / dataset).as_posix()


def _and_above(path: str) -> list[str]:
    return [path, *(parent.as_posix() for parent in Path(path).parents)]


def _link(out: dvc_outs.Out, target: Path, name: str) -> None:
    """Make links to an out's files in DVC's cache."""
    folder = dvc_outs.cache_folder()
    files = dvc_outs.files_of(out, folder)
    lacking = [path for path in (files or {}).values() if not path.exists()]
    if files is None or lacking:
        told = f"{len(lacking):,} of {len(files):,} files" if files else "the list of the files"
        raise DataError(
            f"diff: {told} of {out.path} at {name} is not in DVC's cache, {folder}. Get it: {dvc_outs.FETCH} {out.path}"
        )
    for path, cached in files.items():
        link = target / out.path / path
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(cached)


def _write(commit: str, path: str, target: Path) -> bool:
    """Write the files that git has at a path; returns whether there are any."""
    found = git.files(commit, path)
    for name, data in zip(found, git.contents(found.values()), strict=True):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(data)
    return bool(found)

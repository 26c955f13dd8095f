"""Bring back a frozen version that DVC tracks: data/releases/<dataset>/<version>.dvc -> the folder beside it, verified.

Files come from DVC's cache, and what it lacks from its remotes, the default one first. Then each file is held against
`manifest.json` (bytes and sha256), and those that it does not list, itself too, against the md5 that DVC tracks. A folder
that is whole is left alone, and so is one with files of the user's, unless they may be overwritten.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from curation import dvc_outs, freeze, verified
from curation.disk import disk_errors_told
from curation.dvc_outs import Out
from curation.errors import DataError, ParamsError
from curation.places import DATA, MANIFEST
from curation.progress import progress, say
from curation.render import nearest

FOREIGN = "is not of the version"


def checkout(name: str, *, force: bool) -> Path:
    """Restore a frozen version and verify it; returns its folder.

    Args:
        name: DATASET@VERSION.
        force: Whether files that were changed, or came in addition, are given up.

    Raises:
        ParamsError: The name is not of that form.
        DataError: DVC tracks no such version, neither its cache nor a remote has all of it, files were changed and may
            not be overwritten, or what comes back is not what was frozen.
    """
    tracked = _tracked(name)
    out = dvc_outs.tracked_by(tracked)
    target, cache = Path(out.path), dvc_outs.cache_folder()
    with disk_errors_told("checkout"):
        files = dvc_outs.files_of(out, cache)
        if files is None:
            files = _fetched(name, tracked, out, cache)
        wrong = _wrong(target, files)
        if not wrong:
            say(f"checkout: {target} is {name} already, {len(files):,} files verified")
            return target
        changed = {path: what for path, what in wrong.items() if what != verified.MISSING}
        if changed and not force:
            raise DataError(
                f"checkout: {target} has files that are not those of {name}, and would lose them: "
                f"{verified.shown(changed)}. Move them elsewhere, or give them up: curate checkout {name} --force"
            )
        _remove_spoiled(changed, files)
        if not all(files[path].exists() for path in wrong if path in files):
            files = _fetched(name, tracked, out, cache)
        for path in changed:
            # DVC may take a file for what it was when it linked it.
            (target / path).unlink()
        _run_dvc("checkout", str(tracked))
        wrong = _wrong(target, files)
    if wrong:
        raise DataError(
            f"checkout: {target} is not {name}: {verified.shown(wrong)}. DVC's cache has other bytes than were frozen. "
            f"Fetch them from a remote: curate checkout {name} --force"
        )
    say(f"checkout: {target} is {name}, {len(files):,} files verified")
    return target


def _tracked(name: str) -> Path:
    """The .dvc file of a version."""
    dataset, _, version = name.partition("@")
    folder = DATA / freeze.RELEASES
    known = [f"{path.parent.name}@{path.name.removesuffix('.dvc')}" for path in sorted(folder.glob("*/*.dvc"))]
    if not dataset or not version or "/" in name:
        raise ParamsError(f"checkout: {name!r} is not DATASET@VERSION; {nearest(name, known)}")
    path = folder / dataset / f"{version.removeprefix('v')}.dvc"
    if path.exists():
        return path
    if path.with_suffix("").exists():
        raise DataError(
            f"checkout: {path.with_suffix('')} is there and DVC does not track it: dvc add it, then commit {path}"
        )
    raise DataError(
        f"checkout: no version {name}, as {path} is not there; {nearest(name, known)}. Where another branch has it: git "
        f"checkout BRANCH {path}; where it was published: curate pull NAMESPACE/{dataset}@v{version.removeprefix('v')}"
    )


def _wrong(target: Path, files: Mapping[str, Path]) -> dict[str, str]:
    """What is wrong with the files of a folder, by path: missing, changed, or none of the version's."""
    there = {path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir()}
    wrong = dict.fromkeys(sorted(there - set(files)), FOREIGN)
    md5 = {path: _md5(cached) for path, cached in files.items()}
    manifest = target / MANIFEST
    trusted = manifest.is_file() and verified.digest(manifest, "md5") == md5.get(MANIFEST)
    listed = freeze.listed_files(json.loads(manifest.read_text(encoding="utf-8"))) if trusted else {}
    missing = set(files) - there
    wrong |= dict.fromkeys(sorted({*missing, *(listed.keys() - there)}), verified.MISSING)
    with progress("checkout: verifying", len(files) - len(missing), "files") as shown:
        for path in sorted(files.keys() & there):
            if path in listed:
                what = verified.problem(target / path, listed[path])
            else:
                what = (
                    None if verified.digest(target / path, "md5") == md5[path] else "has other bytes than were frozen"
                )
            wrong |= {path: what} if what else {}
            shown.update(1)
    return wrong


def _remove_spoiled(changed: Iterable[str], files: Mapping[str, Path]) -> None:
    """Remove from DVC's cache what has other bytes than its name says: a file edited in place was a link to it."""
    for path in changed:
        cached = files.get(path)
        if cached and cached.exists() and verified.digest(cached, "md5") != _md5(cached):
            cached.unlink()
            say(f"checkout: DVC's cache had other bytes of {path} than were frozen; they are fetched")


def _md5(cached: Path) -> str:
    return cached.parent.name + cached.name


def _fetched(name: str, tracked: Path, out: Out, cache: Path) -> dict[str, Path]:
    """The files of a version in DVC's cache, once a remote has given those that it lacked."""
    tried = {}
    for remote in dvc_outs.remotes():
        say(f"checkout: fetching {name} from DVC's remote {remote}")
        # DVC ends well where a remote lacks files, so that its cache is asked.
        told = _run_dvc("fetch", "--remote", remote, str(tracked), check=False)
        files = dvc_outs.files_of(out, cache)
        if files is not None and all(path.exists() for path in files.values()):
            return files
        tried[remote] = told or "has not got it"
    dataset, _, version = name.partition("@")
    remotes = (
        f"of its remotes: {verified.shown(tried)}" if tried else "there is no remote: dvc remote add --default NAME URL"
    )
    raise DataError(
        f"checkout: {name} is not whole in DVC's cache, {cache}, and {remotes}. Send it from where it is: dvc push "
        f"{tracked}; or fetch what was published: curate pull NAMESPACE/{dataset}@v{version.removeprefix('v')}"
    )


def _run_dvc(*arguments: str, check: bool = True) -> str:
    """Run DVC, whose bars show on a terminal; returns its error, empty where there was none or it was shown.

    Raises:
        DataError: It refuses, and that is checked.
    """
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=None if sys.stderr.isatty() else subprocess.PIPE,
        text=True,
        check=False,
    )
    lines = [line for line in (done.stderr or "").splitlines() if line.startswith("ERROR: ")]
    told = "; ".join(line.removeprefix("ERROR: ") for line in lines)
    if check and done.returncode:
        raise DataError(f"checkout: dvc {' '.join(arguments)} failed. {told}")
    return told

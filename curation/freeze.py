"""Freeze a release under a version: `data/release/<dataset>` -> `data/releases/<dataset>/<version>`.

A frozen version has the release's files (Parquet as hard links where the disk allows them, else copies; croissant.json
with the version), `receipt.json`, and the dataset's `CHANGELOG.md`. It never changes: freezing an equal release again does
nothing, another one is refused with the version that the diff proposes. It is built aside and renamed, so one that is
there is whole.
"""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curation import changelog, receipt, versions
from curation.croissant import CROISSANT, add_version, unversioned
from curation.diff.compare import Diff, compare, opened
from curation.diff.sides import RELEASE_KEYS
from curation.errors import DataError, InstallError
from curation.places import DATA, MANIFEST
from curation.progress import say
from curation.versions import Manifest, Proposal

RELEASE = "release"
RELEASES = "releases"
# The accounts of the run that wrote a release belong to the run.
NOT_RELEASED = ("counts.json", "outcomes.csv")
READ_ONLY = 0o444
WRITTEN_HERE = (receipt.RECEIPT, changelog.CHANGELOG)


@dataclass(frozen=True)
class Frozen:
    """A frozen version."""

    dataset: str
    version: str
    folder: Path
    manifest: Manifest

    @property
    def release_id(self) -> str:
        """Identity of data, schema and params."""
        return str(self.manifest["release_id"])


def freeze(dataset: str, version: str) -> Frozen:
    """Freeze the dataset's release under a version; what is frozen already and equal stays as it is.

    Raises:
        DataError: There is no release, it is not what its manifest says, or another content has that version.
        ParamsError: The version is below the one that the diff proposes.
    """
    target = DATA / RELEASES / dataset / version
    with prepared(dataset, version) as (folder, manifest):
        if folder != target:
            _place(folder, target)
            say(f"publish: froze {dataset} as {target}")
    return Frozen(dataset, version, target, manifest)


@contextmanager
def prepared(dataset: str, version: str) -> Iterator[tuple[Path, Manifest]]:
    """A version as it would be frozen, in a folder aside that is gone at the end unless it was moved.

    Where the version is frozen already the folder is that one.

    Raises:
        DataError: As `freeze`.
        ParamsError: As `freeze`.
    """
    versions.parse(version)
    source, target = DATA / RELEASE / dataset, DATA / RELEASES / dataset / version
    manifest = read_manifest(source)
    if target.exists():
        _check_equal(source, target, dataset)
        yield target, manifest
        return
    part = DATA / f".{RELEASES}.{dataset}.{version}.{os.getpid()}.part"
    for left in DATA.glob(f".{RELEASES}.{dataset}.{version}.*.part"):
        if not _is_running(left.suffixes[-2][1:]):
            shutil.rmtree(left, ignore_errors=True)
    try:
        _build(part, source, version, manifest)
        yield part, manifest
    finally:
        shutil.rmtree(part, ignore_errors=True)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a release, whose files are there and have the sizes that it says.

    Raises:
        DataError: It is missing or no manifest, or a file is missing or of another size.
    """
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        listed = listed_files(manifest)
    except FileNotFoundError as error:
        raise DataError(
            f"publish: {path} is missing. Write the release: dvc repro release@{folder.name}, or get it: dvc pull"
        ) from error
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(f"publish: {path} is not the manifest of a release ({error}). Release it again") from error
    for name, file in listed.items():
        size = (folder / name).stat().st_size if (folder / name).is_file() else None
        if size != file["bytes"]:
            told = "is missing" if size is None else f"has {size:,} bytes"
            raise DataError(
                f"publish: {folder / name} {told}, {MANIFEST} says {file['bytes']:,}. "
                f"Release it again: dvc repro -f release@{folder.name}"
            )
    return manifest


def listed_files(manifest: Manifest) -> dict[str, Any]:
    """What a manifest says of each file with rows or hashes of rows, by path."""
    return {file["path"]: file for file in [*manifest["files"], *manifest.get("sidecars", ())]}


def frozen_versions(dataset: str) -> list[str]:
    """The frozen versions of a dataset, the lowest first."""
    names = [path.parent.name for path in (DATA / RELEASES / dataset).glob(f"*/{MANIFEST}")]
    return sorted(names, key=versions.parse)


def track(folders: Sequence[Path]) -> None:
    """Give frozen versions to DVC, a .dvc file each beside its folder; in a project without DVC does nothing.

    Raises:
        InstallError: DVC refuses.
    """
    new = [str(folder) for folder in folders if not folder.with_name(f"{folder.name}.dvc").exists()]
    if not new or not Path(".dvc").is_dir():
        return
    command = [sys.executable, "-m", "dvc", "add", "--quiet", *new]
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallError(f"publish: dvc add {' '.join(new)} failed: {(done.stderr or done.stdout).strip()}")


def _build(part: Path, source: Path, version: str, manifest: Manifest) -> None:
    """Fill a folder with everything that a frozen version has."""
    dataset = source.name
    known = frozen_versions(dataset)
    before = DATA / RELEASES / dataset / known[-1] if known else None
    proposal, diff = _proposal(source, manifest, before)
    versions.check(dataset, version, proposal)
    part.mkdir(parents=True)
    listed = listed_files(manifest)
    for name in _released(source):
        _take_over(source / name, part / name, link=name in listed)
    add_version(part, version)
    entry = changelog.entry(version, proposal, manifest, diff)
    older = before / changelog.CHANGELOG if before else None
    (part / changelog.CHANGELOG).write_text(changelog.with_entry(older, dataset, entry), encoding="utf-8")
    told = {
        "dataset": dataset,
        "version": version,
        "release_id": manifest["release_id"],
        "proposed": asdict(proposal),
        "previous": {"version": before.name, "release_id": read_manifest(before)["release_id"]} if before else None,
        "recipe": receipt.recipe_digest(manifest),
    }
    receipt.write_receipt(part, told)


def _proposal(source: Path, manifest: Manifest, before: Path | None) -> tuple[Proposal, Diff | None]:
    """The version that follows one that is frozen, with the diff to it where rows can be compared."""
    if before is None:
        return versions.propose(None, versions.Change()), None
    old = read_manifest(before)
    diff = _diff(before, source, old, manifest)
    text = receipt.recipe_digest(manifest)
    recipe_text = receipt.read_receipt(before).get("recipe", text) != text
    change = versions.changed(old, manifest, rows=diff is None or _rows_differ(diff), recipe_text=recipe_text)
    if _contents(before) != _contents(source) and not change.metadata:
        change = versions.Change(change.schema, change.recipe, change.rows, metadata=True)
    return versions.propose(before.name, change), diff


def _diff(before: Path, source: Path, old: Manifest, new: Manifest) -> Diff | None:
    """The differences of two releases; None where no column that both have tells their rows apart."""
    names = [{one["name"] for one in manifest["schema"]} for manifest in (old, new)]
    key = next((name for name in RELEASE_KEYS if name in names[0]), None)
    if key not in names[1]:
        return None
    with opened(str(before), str(source)) as both:
        return compare(both, num_samples=0)


def _rows_differ(diff: Diff) -> bool:
    return bool(diff.added or diff.removed or diff.modified)


def _check_equal(source: Path, target: Path, dataset: str) -> None:
    """Refuse a release that is not the one frozen under this version."""
    read_manifest(target)
    if _contents(source) == _contents(target):
        return
    latest = DATA / RELEASES / dataset / frozen_versions(dataset)[-1]
    proposal, _ = _proposal(source, read_manifest(source), latest)
    # Equal to the latest one, but asked for under an older number.
    if proposal.bump is None:
        told = f"it equals {latest.name}. Set publish.datasets.{dataset}: {latest.name}"
    else:
        told = (
            f"{proposal.because} since {latest.name}, so that the diff proposes {proposal.version}. "
            f"Set publish.datasets.{dataset}: {proposal.version}"
        )
    raise DataError(f"publish: {target} is frozen, and {source} is another release: {told}")


def _contents(folder: Path) -> dict[str, str]:
    """What identifies a release as it is published: the sha256 of each file, those of Parquet as the manifest has them."""
    listed = listed_files(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    return {
        name: listed[name]["sha256"] if name in listed else hashlib.sha256(_as_released(folder / name)).hexdigest()
        for name in _released(folder)
    }


def _as_released(path: Path) -> bytes:
    """The bytes of a file as release wrote it, which knows of no version."""
    return unversioned(path) if path.name == CROISSANT else path.read_bytes()


def _released(folder: Path) -> list[str]:
    """Paths of the files of a release that a version takes over."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name for name in files if name not in (*NOT_RELEASED, *WRITTEN_HERE)]


def _take_over(source: Path, target: Path, *, link: bool) -> None:
    """Link a file, read-only from now on as DVC's links are, or copy it: small ones, which people edit in place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if link:
        try:
            os.link(source, target)
        except OSError:
            # Another disk, or one without hard links.
            link = False
        else:
            target.chmod(READ_ONLY)
    if not link:
        shutil.copyfile(source, target)


def _place(part: Path, target: Path) -> None:
    """Rename a whole version to its place; one that another process froze meanwhile must be equal."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        _check_equal(part, target, target.parent.name)


def _is_running(pid: str) -> bool:
    """Whether a process of this number is there."""
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True

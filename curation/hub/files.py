"""Files that are whole or not there: written aside, forced to disk, then renamed; and a lock per repository.

A server that is killed leaves at most files under `incoming`, which the next one empties.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import quote

from curation.errors import DataError

INCOMING = "incoming"
LOCKS = "locks"


def open_root(root: Path) -> BinaryIO:
    """Make the folder ready for one server; it stays ours until the returned file is closed."""
    for name in (INCOMING, LOCKS):
        (root / name).mkdir(parents=True, exist_ok=True)
    lock = (root / LOCKS / "server").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise DataError(f"hub: another server has {root} open; stop it first, or give another --root") from error
    for path in (root / INCOMING).iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return lock


@contextmanager
def locked(root: Path, name: str) -> Iterator[None]:
    """Hold the lock of this name against all other requests; the kernel lifts it when we are killed."""
    with (root / LOCKS / quote(name, safe="")).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def incoming_file(root: Path) -> Iterator[IO[bytes]]:
    """A new file aside, gone at the end unless it was placed."""
    with tempfile.NamedTemporaryFile(dir=root / INCOMING, delete=False) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)


@contextmanager
def incoming_folder(root: Path) -> Iterator[Path]:
    """A new folder aside, gone at the end with what is still in it."""
    folder = Path(tempfile.mkdtemp(dir=root / INCOMING))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def place(file: IO[bytes], path: Path) -> None:
    """Give a file from aside its name, once its bytes are on disk."""
    file.flush()
    os.fsync(file.fileno())
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        sync_folder(path.parent.parent)
    Path(file.name).rename(path)
    sync_folder(path.parent)


def write(root: Path, path: Path, data: bytes) -> None:
    """Write a file at once or not at all."""
    with incoming_file(root) as file:
        file.write(data)
        place(file, path)


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

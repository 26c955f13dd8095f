"""The bytes of files, each under its sha256; the parts of uploads that are under way.

A repository keeps its own blobs: one who knows the hash of a private file does not get it by naming it.
A blob is checked against hash and size before it gets its name, so what has a name is whole.
"""

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from curation.hub import files
from curation.hub.messages import RefusalError, pieces_of
from curation.hub.repos import Repo

SHA256 = re.compile(r"[0-9a-f]{64}")


def check_oid(oid: str, size: object) -> int:
    """The size of an LFS object, when its id and size are what they should be."""
    if not SHA256.fullmatch(oid):
        raise RefusalError(400, f"an LFS oid is a sha256 in 64 hexadecimal digits, not {oid!r}")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise RefusalError(400, f"the size of {oid} is a number of bytes, not {size!r}")
    return size


def blob_path(repo: Repo, oid: str) -> Path:
    """Where a blob is, or would be."""
    return repo.folder / "blobs" / oid[:2] / oid


def blob_size(repo: Repo, oid: str) -> int | None:
    """Size of a blob; null when there is none."""
    try:
        return blob_path(repo, oid).stat().st_size
    except FileNotFoundError:
        return None


def put_blob(repo: Repo, pieces: Iterable[bytes], *, oid: str | None = None, size: int | None = None) -> str:
    """Store bytes and return their sha256; refuse those that are not what was announced."""
    digest, length = hashlib.sha256(), 0
    with files.incoming_file(repo.root) as file:
        for piece in pieces:
            length += len(piece)
            if size is not None and length > size:
                raise RefusalError(400, f"{oid} was announced with {size} bytes, and more came")
            digest.update(piece)
            file.write(piece)
        if size is not None and length != size:
            raise RefusalError(400, f"{oid} was announced with {size} bytes, and {length} came")
        found = digest.hexdigest()
        if oid is not None and found != oid:
            raise RefusalError(400, f"{oid} was announced, and bytes with sha256 {found} came")
        if blob_size(repo, found) is None:
            files.place(file, blob_path(repo, found))
    return found


def put_part(repo: Repo, oid: str, number: int, pieces: Iterable[bytes], *, size: int) -> str:
    """Store one part of an upload and return its sha256."""
    digest, length = hashlib.sha256(), 0
    with files.incoming_file(repo.root) as file:
        for piece in pieces:
            length += len(piece)
            digest.update(piece)
            file.write(piece)
        if length != size:
            raise RefusalError(400, f"part {number} of {oid} has {size} bytes, and {length} came")
        files.place(file, _parts(repo, oid) / str(number))
    return digest.hexdigest()


def join_parts(repo: Repo, oid: str, *, num_parts: int, size: int) -> None:
    """Make a blob of its parts. Asked again, when the first answer was lost, it is content with the blob."""
    if blob_size(repo, oid) is None:
        missing = [number for number in range(1, num_parts + 1) if not (_parts(repo, oid) / str(number)).is_file()]
        if missing:
            raise RefusalError(400, f"{oid} lacks the parts {missing} of {num_parts}")
        put_blob(repo, _joined(_parts(repo, oid), num_parts), oid=oid, size=size)
    shutil.rmtree(_parts(repo, oid), ignore_errors=True)


def _joined(folder: Path, num_parts: int) -> Iterator[bytes]:
    for number in range(1, num_parts + 1):
        with (folder / str(number)).open("rb") as file:
            yield from pieces_of(file)


def _parts(repo: Repo, oid: str) -> Path:
    return repo.folder / "parts" / oid

"""Uploads with Xet by clients on this computer: they write to a folder, and a commit takes its files in.

A client that asks for a Xet token gets the address `local://FOLDER`, where hf-xet itself writes chunks and shards. A
shard tells the sha256 and the Xet hash of each file. When a commit names a file that is not there yet, hf-xet puts
the files of that folder together again; they are checked and become blobs like any other, and the folder goes. Those that no commit named go after a day.
Downloads are plain HTTP: no answer mentions a Xet hash.

The layout of shards is that of xet-core, MDB shard format version 2: a header of 48 bytes, then for each file a
record (hash, flags, number of segments), its segments, their verification and its metadata, 48 bytes each.
"""

import os
import secrets
import shutil
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.hub import files
from curation.hub.access import check_write
from curation.hub.blobs import blob_size, put_blob
from curation.hub.messages import Answer, RefusalError, Request, json_answer, pieces_of
from curation.hub.repos import Repo

TOKEN_SECONDS = 24 * 3600
RECORD = struct.Struct("<32sII8x")
RECORD_BYTES = 48
MAGIC = b"HFRepoMetaData"
END_OF_FILES = b"\xff" * 32
HAS_VERIFICATION = 1 << 31
HAS_METADATA = 1 << 30


@dataclass(frozen=True)
class XetFile:
    """A file that was uploaded with Xet."""

    sha256: str
    hash: str


def write_token(request: Request, repo: Repo, revision: str) -> Answer:
    """Give an upload a folder of its own; hf-xet opens one for a single process only."""
    check_write(request.hub, repo, request.user)
    if not request.is_local:
        raise RefusalError(400, "Xet works on the hub's own computer only: set HF_HUB_DISABLE_XET=1 to upload with LFS")
    now = int(time.time())
    for path in _folder(repo).glob("*"):
        if path.stat().st_mtime < now - TOKEN_SECONDS:
            shutil.rmtree(path)
    folder = _folder(repo) / secrets.token_hex(16)
    folder.mkdir(parents=True)
    url, expires = f"local://{folder}", now + TOKEN_SECONDS
    headers = (
        ("X-Xet-Cas-Url", url),
        ("X-Xet-Access-Token", "local"),
        ("X-Xet-Token-Expiration", str(expires)),
    )
    return json_answer({"casUrl": url, "accessToken": "local", "exp": expires}, headers=headers)


def take_in(repo: Repo, oid: str) -> None:
    """Make blobs of the files that were uploaded together with this one, if it was uploaded with Xet."""
    with files.locked(repo.root, f"{repo.key}/xet"):
        for folder in sorted(_folder(repo).glob("*")):
            uploaded = _uploaded(folder)
            if blob_size(repo, oid) is None and any(one.sha256 == oid for one in uploaded):
                _store(repo, folder, uploaded)
                shutil.rmtree(folder)


def shard_files(shard: bytes) -> Iterator[XetFile]:
    """The files that a shard describes, as far as it tells their sha256."""
    if not shard.startswith(MAGIC):
        raise RefusalError(
            400, "an upload with Xet left a shard of an unknown format: update hf-xet, or set HF_HUB_DISABLE_XET=1"
        )
    at = RECORD_BYTES
    while at + RECORD_BYTES <= len(shard):
        name, flags, num_segments = RECORD.unpack_from(shard, at)
        if name == END_OF_FILES:
            return
        num_records = 1 + num_segments * (2 if flags & HAS_VERIFICATION else 1) + bool(flags & HAS_METADATA)
        at += num_records * RECORD_BYTES
        if flags & HAS_METADATA and at <= len(shard):
            sha256, _, _ = RECORD.unpack_from(shard, at - RECORD_BYTES)
            yield XetFile(_hex(sha256), _hex(name))


def _store(repo: Repo, folder: Path, uploaded: list[XetFile]) -> None:
    with files.incoming_folder(repo.root) as aside:
        _copy(folder, aside)
        for one in uploaded:
            path = _joined(aside, one)
            with path.open("rb") as file:
                put_blob(repo, pieces_of(file), oid=one.sha256)
            path.unlink()


def _copy(folder: Path, aside: Path) -> None:
    """Links in place of the files: the client may still hold the lock of the folder's index, which is copied."""
    source, target = folder / "xet" / "xorbs", aside / "xet" / "xorbs"
    shutil.copytree(source, target, copy_function=os.link, ignore=shutil.ignore_patterns("*.redb"))
    for path in source.glob("*.redb"):
        shutil.copy(path, target)


def _joined(folder: Path, wanted: XetFile) -> Path:
    import hf_xet  # type: ignore[import-untyped]

    path = folder / wanted.sha256
    try:
        with hf_xet.XetSession().new_file_download_group(endpoint=f"local://{folder}") as group:
            group.start_download_file(hf_xet.XetFileInfo(wanted.hash, None), str(path))
    except RuntimeError as error:
        raise RefusalError(400, f"{wanted.sha256} was uploaded with Xet and cannot be read: {error}") from error
    return path


def _uploaded(folder: Path) -> list[XetFile]:
    shards = sorted((folder / "xet" / "xorbs" / "shards").glob("*.mdb"))
    return [one for path in shards for one in shard_files(path.read_bytes())]


def _folder(repo: Repo) -> Path:
    return repo.folder / "xet"


def _hex(words: Any) -> str:
    """A hash as text: Xet writes the four words of a hash with their bytes turned round."""
    return b"".join(words[start : start + 8][::-1] for start in range(0, 32, 8)).hex()

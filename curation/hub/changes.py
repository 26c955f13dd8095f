"""A commit as a client sends it: a line of JSON per change, applied together or not at all.

{"key": "header", "value": {"summary": "...", "description": "...", "parentCommit": "..."}}
{"key": "file", "value": {"path": "README.md", "content": "...", "encoding": "base64"}}
{"key": "lfsFile", "value": {"path": "data/a.parquet", "algo": "sha256", "oid": "...", "size": 12}}
{"key": "deletedFile", "value": {"path": "b.txt"}}
{"key": "deletedFolder", "value": {"path": "old/"}}
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from curation.hub import files
from curation.hub.blobs import blob_size, check_oid, put_blob
from curation.hub.commits import Commit, Entry, lfs_entry, read_commit, regular_entry, write_commit
from curation.hub.messages import RefusalError, json_object, text_of
from curation.hub.refs import HEADS, ref, revision_not_found, write_ref
from curation.hub.repos import Repo, now, require
from curation.hub.trees import check_path, is_below
from curation.hub.xet import take_in

LINE_BYTES_MAX = 64 << 20
NUM_DIGITS_MIN = 7


@dataclass(frozen=True)
class Header:
    """What a commit says of itself."""

    title: str
    message: str
    parent: str | None
    """The commit that the branch must be at; null takes it where it is."""


@dataclass(frozen=True)
class Change:
    """One file written, or one file or folder removed."""

    path: str
    entry: Entry | None
    """The file's new content; null removes it."""
    is_folder: bool = False


def commit(repo: Repo, branch: str, body: BinaryIO, author: str) -> str:
    """Read a commit and put it on a branch; return its id.

    Blobs are stored while the lines are read. What decides and what others see (the branch's commit, its
    parent, the new tree) is read and written under the repository's lock.
    """
    lines = _lines(body)
    header = _header(next(lines, {}))
    changes = [_change(repo, line) for line in lines]
    with files.locked(repo.root, repo.key):
        require(repo)
        head = ref(repo, HEADS, branch)
        if head is None:
            raise revision_not_found(repo, branch)
        if header.parent is not None and not _is_id_of(header.parent, head):
            message = f"A commit has happened since {header.parent}: {branch} is at {head}. Read it and try again."
            raise RefusalError(412, message)
        tree = applied(read_commit(repo, head).files, changes)
        new = Commit(head, header.title, header.message, author, now(), tree)
        oid = write_commit(repo, new)
        write_ref(repo, HEADS, branch, oid)
    return oid


def applied(tree: Mapping[str, Entry], changes: list[Change]) -> dict[str, Entry]:
    """The tree after these changes, one after the other."""
    result = dict(tree)
    for change in changes:
        if change.entry is not None:
            result[change.path] = change.entry
            continue
        gone = [path for path in result if is_below(path, change.path)] if change.is_folder else [change.path]
        if not gone or gone[0] not in result:
            raise RefusalError(404, f"cannot delete {change.path!r}: there is none", code="EntryNotFound")
        for path in gone:
            del result[path]
    folders = {path[:end] for path in result for end, sign in enumerate(path) if sign == "/"}
    if both := sorted(folders & result.keys()):
        raise RefusalError(400, f"{both[0]!r} would be a file and a folder")
    return result


def _lines(body: BinaryIO) -> Iterator[dict[str, Any]]:
    while line := body.readline(LINE_BYTES_MAX + 1):
        if len(line) > LINE_BYTES_MAX:
            raise RefusalError(413, f"a file of more than {LINE_BYTES_MAX * 3 // 4} bytes has to be uploaded with LFS")
        if line.strip():
            yield json_object(line)


def _value(line: Mapping[str, Any]) -> dict[str, Any]:
    value = line.get("value")
    if not isinstance(value, dict):
        raise RefusalError(400, f"a line of a commit has an object under 'value', not {value!r}")
    return value


def _header(line: Mapping[str, Any]) -> Header:
    if line.get("key") != "header":
        raise RefusalError(400, f"a commit begins with its header, not with {line.get('key')!r}")
    value = _value(line)
    parent = None if value.get("parentCommit") is None else text_of(value, "parentCommit")
    if not (title := text_of(value, "summary", "").strip()):
        raise RefusalError(400, "a commit has a summary")
    return Header(title, text_of(value, "description", ""), parent)


def _change(repo: Repo, line: Mapping[str, Any]) -> Change:
    """A line's change; a file's bytes are stored, those of a file in LFS must be there."""
    key, value = line.get("key"), _value(line)
    path = text_of(value, "path")
    if key == "deletedFolder":
        return Change(check_path(path.removesuffix("/")), None, is_folder=True)
    check_path(path)
    if key == "deletedFile":
        return Change(path, None)
    if key == "file":
        data = _content(value)
        return Change(path, regular_entry(put_blob(repo, [data]), data))
    if key == "lfsFile":
        return Change(path, _uploaded(repo, value))
    raise RefusalError(400, f"a commit has header, file, lfsFile, deletedFile and deletedFolder, no {key!r}")


def _content(value: Mapping[str, Any]) -> bytes:
    content, encoding = text_of(value, "content"), value.get("encoding", "utf-8")
    try:
        return base64.b64decode(content, validate=True) if encoding == "base64" else content.encode()
    except (binascii.Error, UnicodeEncodeError) as error:
        raise RefusalError(400, f"the content of {value['path']!r} is not {encoding}: {error}") from error


def _uploaded(repo: Repo, value: Mapping[str, Any]) -> Entry:
    oid = text_of(value, "oid")
    # A copy within the repository comes without its size.
    size = value.get("size")
    check_oid(oid, 0 if size is None else size)
    if blob_size(repo, oid) is None:
        take_in(repo, oid)
    stored = blob_size(repo, oid)
    if stored is None or size not in (None, stored):
        raise RefusalError(400, f"{value['path']!r}: no {oid} of {size} bytes was uploaded to {repo.key}")
    return lfs_entry(oid, stored)


def _is_id_of(parent: str, head: str) -> bool:
    return len(parent) >= NUM_DIGITS_MIN and head.startswith(parent)

"""Commits: a small file each, which is never changed and names every file of its tree.

    commits/<id>.json    {"parent": null, "title": "initial commit", "message": "", "author": "ada", "date": "...",
                          "files": {"data/a.parquet": {"sha256": "...", "size": 12, "oid": "...", "lfs": true}}}

The id is the sha1 of that file, so two commits never share one. The ids of files and folders are those of git for
files that are not in LFS; for the others they are that of the LFS pointer, as on the Hub.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from curation.hub import files
from curation.hub.repos import Repo


@dataclass(frozen=True)
class Entry:
    """A file of a tree."""

    sha256: str
    """Names its blob."""
    size: int
    oid: str
    """Its id in git."""
    lfs: bool

    @property
    def etag(self) -> str:
        """What tells its content from any other, as the clients expect it."""
        return self.sha256 if self.lfs else self.oid


@dataclass(frozen=True)
class Commit:
    """A tree and how it came about."""

    parent: str | None
    title: str
    message: str
    author: str
    date: str
    files: Mapping[str, Entry]
    """By path, in the order of paths."""


def git_oid(data: bytes) -> str:
    """The id of a blob in git."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def pointer(sha256: str, size: int) -> bytes:
    """The file that git holds in place of one that is in LFS."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def lfs_entry(sha256: str, size: int) -> Entry:
    """A file in LFS."""
    return Entry(sha256, size, git_oid(pointer(sha256, size)), lfs=True)


def regular_entry(sha256: str, data: bytes) -> Entry:
    """A file that git would hold itself."""
    return Entry(sha256, len(data), git_oid(data), lfs=False)


def write_commit(repo: Repo, commit: Commit) -> str:
    """Store a commit and return its id. No branch names it yet."""
    tree = {path: asdict(entry) for path, entry in sorted(commit.files.items())}
    data = json.dumps({**vars(commit), "files": tree}, separators=(",", ":")).encode()
    oid = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    files.write(repo.root, repo.folder / "commits" / f"{oid}.json", data)
    return oid


def read_commit(repo: Repo, oid: str) -> Commit:
    """A commit by its id, which must be there."""
    return _read(repo.folder / "commits" / f"{oid}.json")


def history(repo: Repo, oid: str) -> Iterator[tuple[str, Commit]]:
    """A commit and those before it, the newest first, with their ids."""
    following: str | None = oid
    while following:
        commit = read_commit(repo, following)
        yield following, commit
        following = commit.parent


@lru_cache(maxsize=16)
def _read(path: Path) -> Commit:
    stored = json.loads(path.read_bytes())
    return Commit(**{**stored, "files": {name: Entry(**entry) for name, entry in stored["files"].items()}})

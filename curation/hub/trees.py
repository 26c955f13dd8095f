"""Listings of a commit's files and folders, in the form and the pages of the Hub."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from curation.hub.commits import Commit, Entry, history, pointer
from curation.hub.messages import RefusalError
from curation.hub.repos import Repo

PATH_BYTES_MAX = 1024
NAME_BYTES_MAX = 255
FORBIDDEN_SIGNS = re.compile(r"[\x00-\x1f\x7f\\]")
FORBIDDEN_NAMES = ("", ".", "..", ".git")

Node = dict[str, Any]


def check_path(path: str) -> str:
    """A path that is safe to create below any folder; refuse all others."""
    try:
        length = max(len(path.encode()) - PATH_BYTES_MAX, *(len(n.encode()) - NAME_BYTES_MAX for n in path.split("/")))
    except UnicodeEncodeError as error:
        raise RefusalError(400, f"the path {path!r} is not Unicode") from error
    if any(name in FORBIDDEN_NAMES for name in path.split("/")):
        raise RefusalError(
            400, f"the path {path!r} is empty, absolute, or has a part that is empty, '.', '..' or '.git'"
        )
    if FORBIDDEN_SIGNS.search(path):
        raise RefusalError(400, f"the path {path!r} has a backslash or a control sign")
    if length > 0:
        raise RefusalError(
            400, f"the path {path!r} is longer than {PATH_BYTES_MAX} bytes, or a part than {NAME_BYTES_MAX}"
        )
    return path


def is_below(path: str, folder: str) -> bool:
    """Whether a file is in a folder, at whatever depth; all are below the root, ''."""
    return not folder or path.startswith(f"{folder}/")


def nodes(files: Mapping[str, Entry], folder: str, *, recursive: bool, after: str = "") -> Iterator[Node]:
    """The files and folders in a folder, by path, from the one that follows `after`."""
    start = len(folder) + 1 if folder else 0
    listed: set[str] = set()
    for path in files:
        if is_below(path, folder):
            ends = [end for end, sign in enumerate(path) if sign == "/" and end > start] + [len(path)]
            listed |= {path[:end] for end in (ends if recursive else ends[:1])}
    for path in sorted(path for path in listed if path > after):
        yield file_node(path, files[path]) if path in files else folder_node(files, path)


def file_node(path: str, entry: Entry) -> Node:
    """A file as the Hub describes it."""
    node: Node = {"type": "file", "path": path, "oid": entry.oid, "size": entry.size}
    if entry.lfs:
        size = len(pointer(entry.sha256, entry.size))
        node["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": size}
    return node


def folder_node(files: Mapping[str, Entry], folder: str) -> Node:
    """A folder as the Hub describes it; its id changes with what is in it."""
    digest = hashlib.sha1(usedforsecurity=False)
    for path in sorted(path for path in files if is_below(path, folder)):
        digest.update(f"{path[len(folder) :]}\0{files[path].oid}\n".encode())
    return {"type": "directory", "path": folder, "oid": digest.hexdigest(), "size": 0}


def node_at(files: Mapping[str, Entry], path: str) -> Node | None:
    """The file or folder of this path; null when there is none."""
    if path in files:
        return file_node(path, files[path])
    return folder_node(files, path) if any(is_below(one, path) for one in files) else None


def with_last_commits(repo: Repo, head: str, listed: list[Node]) -> list[Node]:
    """Add to each file or folder the last commit that changed it."""
    found: dict[str, Node] = {}
    newer: tuple[str, Commit] | None = None
    for oid, commit in history(repo, head):
        now_at = {node["path"]: node_at(commit.files, node["path"]) for node in listed if node["path"] not in found}
        if newer is not None:
            found |= {n["path"]: _summary(*newer) for n in listed if n["path"] in now_at and now_at[n["path"]] != n}
        newer = (oid, commit)
        if len(found) == len(listed):
            break
    assert newer is not None, "a history has at least the commit that it begins with"
    return [{**node, "lastCommit": found.get(node["path"], _summary(*newer))} for node in listed]


def _summary(oid: str, commit: Commit) -> Node:
    return {"id": oid, "title": commit.title, "date": commit.date}

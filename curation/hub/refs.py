"""Branches and tags: a file each that holds the id of a commit. A tag is never moved.

refs/heads/main        40 hexadecimal digits
refs/tags/v1.0.0       the same; a slash in a name is written %2F
"""

import re
from pathlib import Path
from urllib.parse import quote, unquote

from curation.hub import files
from curation.hub.messages import RefusalError
from curation.hub.repos import Repo, require

HEADS = "heads"
TAGS = "tags"
MAIN = "main"
NAME_BYTES_MAX = 200
COMMIT = re.compile(r"[0-9a-f]{40}")
SHORT_COMMIT = re.compile(r"[0-9a-f]{7,40}")
FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|^[/.-]|[/.]$|\.lock$|^refs/|^HEAD$")


def all_refs(repo: Repo, kind: str) -> dict[str, str]:
    """Commit by name, for HEADS or TAGS."""
    found = {unquote(path.name): _read(path) for path in sorted(_folder(repo, kind).glob("*"))}
    return {name: commit for name, commit in found.items() if commit}


def ref(repo: Repo, kind: str, name: str) -> str | None:
    """The commit that a branch or a tag names; null when there is none of that name."""
    return _read(_path(repo, kind, name)) if len(quote(name, safe="")) <= NAME_BYTES_MAX else None


def resolve(repo: Repo, revision: str) -> str:
    """The commit that a branch, a tag, an id or the first 7 digits of an id name."""
    name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
    commit = ref(repo, HEADS, name) or ref(repo, TAGS, name)
    if commit is None and SHORT_COMMIT.fullmatch(revision):
        found = list((repo.folder / "commits").glob(f"{revision}*.json"))
        commit = found[0].stem if len(found) == 1 else None
    if commit is None:
        raise revision_not_found(repo, revision)
    return commit


def revision_not_found(repo: Repo, revision: str) -> RefusalError:
    """What to raise when a revision is not there."""
    return RefusalError(404, f"{repo.key} has no revision {revision!r}", code="RevisionNotFound")


def add_ref(repo: Repo, kind: str, name: str, commit: str) -> None:
    """Make a branch or a tag; refuse when there is one of that name, whatever it names."""
    if FORBIDDEN.search(name) or COMMIT.fullmatch(name) or not 0 < len(quote(name, safe="")) <= NAME_BYTES_MAX:
        raise RefusalError(400, f"{name!r} is no name for a branch or a tag")
    with files.locked(repo.root, repo.key):
        require(repo)
        if known := ref(repo, kind, name):
            raise RefusalError(409, f"{name!r} exists already and names {known}; it is not moved")
        write_ref(repo, kind, name, commit)


def write_ref(repo: Repo, kind: str, name: str, commit: str) -> None:
    """Let a name stand for a commit; to be called under the repository's lock."""
    files.write(repo.root, _path(repo, kind, name), commit.encode())


def delete_ref(repo: Repo, kind: str, name: str) -> None:
    """Remove a branch or a tag."""
    if kind == HEADS and name == MAIN:
        raise RefusalError(403, "the branch main stays")
    with files.locked(repo.root, repo.key):
        if ref(repo, kind, name) is None:
            raise revision_not_found(repo, name)
        _path(repo, kind, name).unlink()
        files.sync_folder(_folder(repo, kind))


def _folder(repo: Repo, kind: str) -> Path:
    return repo.folder / "refs" / kind


def _path(repo: Repo, kind: str, name: str) -> Path:
    # No slash is left in a quoted name; "." and ".." are folders, which no ref is.
    return _folder(repo, kind) / quote(name, safe="")


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii")
    except (FileNotFoundError, IsADirectoryError):
        return None

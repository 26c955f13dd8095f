"""Repositories: a folder each, which is there when its repo.json is.

    datasets/NAMESPACE/NAME/repo.json      {"private": false, "created": "2026-01-31T12:00:00.000Z"}
                            refs/          branches and tags, see `refs`
                            commits/       see `commits`
                            blobs/ parts/  see `blobs`

repo.json is written last and vanishes with the folder at once, by a rename. What an upload writes to a folder without
one is nobody's, and does no harm.
"""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from curation.hub import files
from curation.hub.messages import RefusalError

KINDS = ("datasets", "models")
NAME = re.compile(r"(?!.*(\.\.|--))[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}(?<![.-])")


@dataclass(frozen=True)
class Repo:
    """A repository that may be there."""

    root: Path
    """Folder of the hub."""
    kind: str
    """One of KINDS."""
    namespace: str
    name: str

    @property
    def id(self) -> str:
        """Its name to the clients."""
        return f"{self.namespace}/{self.name}"

    @property
    def key(self) -> str:
        """Its name among all kinds."""
        return f"{self.kind}/{self.id}"

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return self.root / self.kind / self.namespace / self.name


@dataclass(frozen=True)
class Settings:
    """What repo.json says."""

    private: bool
    created: str


def repo_named(root: Path, kind: str, namespace: str, name: str) -> Repo:
    """A repository by its name, which need not be there; refuses what is no name."""
    if kind not in KINDS:
        raise RefusalError(400, f"this hub has {' and '.join(KINDS)}, no {kind}")
    for word in (namespace, name):
        if not NAME.fullmatch(word):
            raise RefusalError(
                400, f"{word!r} is no name: letters, digits, _ . - (at most 96, no '..' or '--', neither ends it)"
            )
    return Repo(root, kind, namespace, name)


def settings_of(repo: Repo) -> Settings | None:
    """Settings of a repository; null when it does not exist."""
    try:
        return Settings(**json.loads((repo.folder / "repo.json").read_bytes()))
    except FileNotFoundError:
        return None


def not_found(repo: Repo, user: str | None) -> RefusalError:
    """The same answer for what is not there and for what this user may not see."""
    hint = "" if user else "; if it is private, send a token"
    return RefusalError(404 if user else 401, f"there is no {repo.key} for you{hint}", code="RepoNotFound")


def require(repo: Repo) -> None:
    """Refuse when a repository has gone meanwhile; to be called under its lock."""
    if settings_of(repo) is None:
        raise RefusalError(404, f"{repo.key} has just been deleted", code="RepoNotFound")


def write_settings(repo: Repo, settings: Settings) -> None:
    """Replace repo.json."""
    files.write(repo.root, repo.folder / "repo.json", json.dumps(vars(settings)).encode())


def delete_repo(repo: Repo) -> None:
    """Let a repository vanish at once; its files follow."""
    with files.incoming_folder(repo.root) as aside:
        with files.locked(repo.root, repo.key):
            require(repo)
            repo.folder.rename(aside / "repo")
            files.sync_folder(repo.folder.parent)
        shutil.rmtree(aside)


def all_repos(root: Path, kind: str) -> Iterator[Repo]:
    """The repositories of a kind, by name."""
    for path in sorted((root / kind).glob("*/*/repo.json")):
        yield Repo(root, kind, path.parts[-3], path.parts[-2])


def now() -> str:
    """The time as the Hub writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

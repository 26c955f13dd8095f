"""What a repository on a Hub says of its releases: its tags, the head of its branch, and the history that led there.

A commit that holds a release names it in its text, `Release-Id: ...` and `Version: ...`, each on a line of its own.
"""

import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import GitCommitInfo

from curation import served
from curation.errors import DataError
from curation.freeze import Frozen
from curation.hub_client import Hub
from curation.places import MANIFEST
from curation.served import Tree
from curation.versions import Manifest, Version, parse

BRANCH = "main"
_TRAILER = re.compile(r"^(Release-Id|Version): (\S+)$", re.MULTILINE)
_TAG = re.compile(r"v\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Head:
    """The branch as it was read: the commit that must be the parent, what led to it, and what it holds."""

    commit: str
    history: Sequence[GitCommitInfo]
    """The newest first."""
    tree: Tree


def tags_of(hub: Hub, repo: str) -> dict[str, str] | None:
    """Commit by tag; None where there is no such repository."""

    def asked() -> dict[str, str] | None:
        try:
            refs = hub.api.list_repo_refs(repo, repo_type="dataset")
        except RepositoryNotFoundError:
            return None
        return {one.name: one.target_commit for one in refs.tags}

    return hub.ask(f"reading the tags of {repo}", asked)


def read_head(hub: Hub, repo: str) -> Head:
    """Read the branch that releases stand on, with its history."""
    info = hub.ask(f"reading {repo}", lambda: hub.api.repo_info(repo, repo_type="dataset", revision=BRANCH))
    assert info.sha is not None
    commit = info.sha
    history = hub.ask(
        f"reading the history of {repo}",
        lambda: hub.api.list_repo_commits(repo, repo_type="dataset", revision=commit),
    )
    return Head(commit, history, served.tree_at(hub, repo, commit))


def manifest_at(hub: Hub, repo: str, commit: str) -> Manifest:
    """The manifest of a published release."""
    with tempfile.TemporaryDirectory(prefix="curate-publish-") as folder:
        path = hub.ask(
            f"reading the manifest of {repo}",
            lambda: hub.api.hf_hub_download(repo, MANIFEST, repo_type="dataset", revision=commit, local_dir=folder),
        )
        manifest: Manifest = json.loads(Path(path).read_text(encoding="utf-8"))
    return manifest


def versions_of(tags: Iterable[str]) -> list[Version]:
    """The versions that tags name; those of somebody's own are left out."""
    return [parse(tag[1:]) for tag in tags if _TAG.fullmatch(tag)]


def trailer(release_id: str, version: str) -> str:
    r"""The text by which a commit is found again.

    Example:
        >>> trailer("4f1e", "1.0.0")
        'Release-Id: 4f1e\nVersion: 1.0.0'
    """
    return f"Release-Id: {release_id}\nVersion: {version}"


def find_release(history: Sequence[GitCommitInfo], frozen: Frozen) -> str | None:
    """The commit of a history that holds this release, if there is one.

    Raises:
        DataError: One holds another release under this version.
    """
    for commit in history:
        named = dict(_TRAILER.findall(commit.message or ""))
        if named.get("Version") != frozen.version:
            continue
        if named.get("Release-Id") == frozen.release_id:
            return commit.commit_id
        raise DataError(
            f"publish: another release of {frozen.dataset} was committed as {frozen.version}: {who(commit)}. "
            f"Set publish.datasets.{frozen.dataset} to the next version"
        )
    return None


def who(commit: GitCommitInfo) -> str:
    """A commit in words: its id, title, author and date."""
    authors = ", ".join(commit.authors) or "an unknown author"
    return f"{commit.commit_id} {commit.title!r} by {authors} at {commit.created_at:%Y-%m-%d %H:%M:%S}"

"""What a Hub serves at a revision, held against the files of a release.

In: the tree of a commit, and a folder. Out: the paths that differ, each with what was wanted and what is there. Large
files are compared by size and sha256, which the manifest knows, small ones by the id that git gives their bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.sha import git_hash

from curation.freeze import listed_files
from curation.hub_client import Hub
from curation.verified import digest
from curation.versions import Manifest

OF_THE_HUB = ".gitattributes"
"""A file that a Hub puts into every repository."""
Tree = Mapping[str, RepoFile]


@dataclass(frozen=True)
class LocalFile:
    """A file of a release."""

    path: Path
    size: int
    sha256: str | None
    """As the manifest has it; None of a small file that it does not list."""


def local_files(folder: Path, manifest: Manifest) -> dict[str, LocalFile]:
    """The files of a frozen version, by path in the repository."""
    listed = listed_files(manifest)
    found = sorted(path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts)
    names = [path.relative_to(folder).as_posix() for path in found]
    return {
        name: LocalFile(path, path.stat().st_size, listed[name]["sha256"] if name in listed else None)
        for name, path in zip(names, found, strict=True)
    }


def tree_at(hub: Hub, repo: str, revision: str) -> dict[str, RepoFile]:
    """The files of a revision, without what the Hub itself put there."""

    def listed() -> dict[str, RepoFile]:
        found = hub.api.list_repo_tree(repo, recursive=True, revision=revision, repo_type="dataset")
        return {one.path: one for one in found if isinstance(one, RepoFile) and one.path != OF_THE_HUB}

    return hub.ask(f"listing {repo} at {revision}", listed)


def is_same(file: LocalFile, served: RepoFile | None) -> bool:
    """Whether a file is served with these bytes."""
    if served is None or served.size != file.size:
        return False
    if served.lfs is not None:
        return served.lfs.sha256 == (file.sha256 or digest(file.path, "sha256"))
    return served.blob_id == git_hash(file.path.read_bytes())


def differences(files: Mapping[str, LocalFile], tree: Tree) -> dict[str, str]:
    """The paths in which a revision is not these files, with what is wrong."""
    told = {}
    for name in sorted({*files, *tree}):
        if name not in tree:
            told[name] = "is missing"
        elif name not in files:
            told[name] = "is too much"
        elif not is_same(files[name], tree[name]):
            told[name] = f"has other bytes ({tree[name].size:,} where {files[name].size:,} are wanted)"
    return told

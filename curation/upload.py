"""Put a frozen version on a Hub: bytes first, then one commit that shows all of it, then a tag.

1. A tag of this version that names this release: it is published, nothing is sent. Another release: an error.
2. Files that the branch lacks are uploaded, some at a time; nobody sees them yet, and what is there is not sent again.
3. One commit on the head that was read, with the release's id in its text. Where its answer is lost the history of
   the branch is asked: it holds the release, or it has moved, or the commit is sent again.
4. The tree of the commit is held against the release. 5. The tag.

Each step may be killed and repeated. A published tag never moves; the head of another publisher is never overwritten.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from huggingface_hub import CommitOperationAdd, CommitOperationDelete

from curation import served, verified, versions
from curation.branch import (
    BRANCH,
    Head,
    find_release,
    manifest_at,
    read_head,
    tags_of,
    trailer,
    versions_of,
    who,
)
from curation.errors import DataError
from curation.freeze import WRITTEN_HERE, Frozen, listed_files
from curation.hub_client import FAILURES, Hub
from curation.journal import Journal
from curation.places import MANIFEST
from curation.progress import progress
from curation.served import LocalFile, Tree
from curation.versions import Manifest

GROUP_BYTES = 2 << 30
GROUP_FILES = 50
# What a repository may hold that no release put there.
NOT_OURS = ("README.md",)


@dataclass(frozen=True)
class Publication:
    """A frozen version and the place where it goes."""

    hub: Hub
    repo: str
    frozen: Frozen
    journal: Journal

    @property
    def tag(self) -> str:
        """The tag of the version."""
        return f"v{self.frozen.version}"

    @property
    def name(self) -> str:
        """Dataset and version, in words."""
        return f"{self.frozen.dataset} {self.frozen.version}"

    @property
    def key(self) -> str:
        """The parameter that holds the version."""
        return f"publish.datasets.{self.frozen.dataset}"


@dataclass(frozen=True)
class Changes:
    """What turns the branch into the release."""

    adds: Sequence[CommitOperationAdd]
    deletes: Sequence[CommitOperationDelete]


@dataclass(frozen=True)
class Published:
    """A version as it stands on a Hub, and what this run did for it."""

    commit: str
    tag: str
    sent_files: int = 0
    """Files that were uploaded or committed."""
    sent_bytes: int = 0
    removed_files: int = 0


def upload(one: Publication, *, private: bool) -> Published:
    """Publish a frozen version; what is published already is checked and left alone.

    Raises:
        DataError: The Hub refuses, another release has the version, somebody else commits at this moment, or what is
            served is not the release.
    """
    files = served.local_files(one.frozen.folder, one.frozen.manifest)
    tags = _tags_in_repository(one, private=private)
    if one.tag in tags:
        return _published_already(one, files, tags)
    _check_order(one, tags)
    head = read_head(one.hub, one.repo)
    published = Published(find_release(head.history, one.frozen) or "", one.tag)
    if not published.commit:
        _check_ours(one.repo, head.tree)
        found = changes(files, head.tree)
        sent = sum(files[add.path_in_repo].size for add in found.adds)
        published = Published(_send(one, found, head), one.tag, len(found.adds), sent, len(found.deletes))
    one.journal.reach("verify", commit=published.commit)
    _verify(one, published.commit, files)
    one.journal.reach("tag")
    _tag(one, published.commit)
    one.journal.reach("done")
    return published


def changes(files: Mapping[str, LocalFile], tree: Tree) -> Changes:
    """What turns a tree into these files: those that differ are added, those that are too much deleted."""
    adds = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(file.path))
        for name, file in files.items()
        if not served.is_same(file, tree.get(name))
    ]
    return Changes(adds, [CommitOperationDelete(path_in_repo=name) for name in sorted(set(tree) - set(files))])


def _tags_in_repository(one: Publication, *, private: bool) -> dict[str, str]:
    """The repository's tags; where it is not there it is made."""
    tags = tags_of(one.hub, one.repo)
    if tags is not None:
        return tags
    one.hub.ask(
        f"making the repository {one.repo}",
        lambda: one.hub.api.create_repo(one.repo, repo_type="dataset", private=private, exist_ok=True),
    )
    return tags_of(one.hub, one.repo) or {}


def _published_already(one: Publication, files: Mapping[str, LocalFile], tags: dict[str, str]) -> Published:
    """Check that a tag names this release; receipts of two freezings may differ."""
    tree = served.tree_at(one.hub, one.repo, tags[one.tag])
    told = _differences(files, tree)
    if told:
        raise DataError(
            f"publish: {one.repo} has another release as {one.tag}, and a published tag never moves: "
            f"{verified.shown(told)}. {_proposed(one, tags)}"
        )
    return Published(tags[one.tag], one.tag)


def _differences(files: Mapping[str, LocalFile], tree: Tree) -> dict[str, str]:
    """In what a revision is not the release, receipt and changelog of its freezing left out."""
    return {name: what for name, what in served.differences(files, tree).items() if name not in WRITTEN_HERE}


def _proposed(one: Publication, tags: dict[str, str]) -> str:
    """Which version to take, by the manifest of the highest one that is published: its rows are not here."""
    latest = str(max(versions_of(tags)))
    commit = tags[f"v{latest}"]
    if MANIFEST not in served.tree_at(one.hub, one.repo, commit):
        return f"It has no {MANIFEST}, so no release is there: name another repository: --repo"
    old, new = manifest_at(one.hub, one.repo, commit), one.frozen.manifest
    change = versions.changed(old, new, rows=_hashes(old) != _hashes(new))
    proposal = versions.propose(latest, replace(change, metadata=True))
    return f"By its manifest {proposal.because} since {latest}: set {one.key}: {proposal.version}"


def _hashes(manifest: Manifest) -> list[str]:
    """Hashes of the files with rows."""
    return sorted(file["sha256"] for file in manifest["files"] if file["config"] != "drops")


def _check_order(one: Publication, tags: dict[str, str]) -> None:
    """Refuse to go back: the branch shows the highest version."""
    later = [version for version in versions_of(tags) if version > versions.parse(one.frozen.version)]
    if later:
        raise DataError(
            f"publish: {one.repo} has v{max(later)}, and version {one.frozen.version} would put its branch back. "
            f"Freeze the release as a later version: {one.key}"
        )


def _check_ours(repo: str, tree: Tree) -> None:
    """Refuse a repository that holds files of somebody else: a release is the whole of a revision."""
    others = {name: "" for name in tree if name not in NOT_OURS}
    if others and MANIFEST not in tree:
        raise DataError(
            f"publish: {repo} holds files that no release put there ({verified.shown(others)}). "
            f"Name another repository: --repo, or empty this one"
        )


def _send(one: Publication, found: Changes, head: Head) -> str:
    """Upload what is new and make the commit; returns its id."""
    one.journal.reach("upload", head=head.commit)
    with progress(f"publish: uploading {one.frozen.dataset}", len(found.adds), "files") as bar:
        for group in _groups(found.adds):
            one.hub.ask(
                f"uploading {group[0].path_in_repo}",
                lambda group=group: one.hub.api.preupload_lfs_files(  # type: ignore[misc]
                    one.repo, additions=group, repo_type="dataset", revision=BRANCH
                ),
            )
            _check_hashes(one.frozen, group)
            bar.update(len(group))
    one.journal.reach("commit")
    return _commit(one, found, head)


def _groups(adds: Sequence[CommitOperationAdd]) -> Iterator[list[CommitOperationAdd]]:
    """Files that are uploaded together: a kill costs at most one group."""
    group: list[CommitOperationAdd] = []
    for one in adds:
        if len(group) >= GROUP_FILES or sum(file.upload_info.size for file in group) >= GROUP_BYTES:
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _check_hashes(frozen: Frozen, group: Sequence[CommitOperationAdd]) -> None:
    """Refuse files whose bytes are not those that the manifest names, before anybody sees them."""
    listed = listed_files(frozen.manifest)
    for one in group:
        wanted = listed.get(one.path_in_repo, {}).get("sha256")
        if wanted and one.upload_info.is_hashed and one.upload_info.sha256.hex() != wanted:
            raise DataError(
                f"publish: {frozen.folder / one.path_in_repo} is damaged: its sha256 is not the one of {MANIFEST}. "
                f"Get it back: dvc checkout, or dvc pull"
            )


def _commit(one: Publication, found: Changes, head: Head) -> str:
    """Make the one commit; of a lost answer or a refusal the history tells what became of it.

    A commit that is still under way when it is sent again loses: both name the same parent.
    """
    for attempt in itertools.count():
        try:
            return one.hub.api.create_commit(
                one.repo,
                operations=[*found.adds, *found.deletes],
                commit_message=one.name,
                commit_description=trailer(one.frozen.release_id, one.frozen.version),
                repo_type="dataset",
                revision=BRANCH,
                parent_commit=head.commit,
            ).oid
        except FAILURES as error:
            now = read_head(one.hub, one.repo)
            if landed := find_release(now.history, one.frozen):
                return landed
            if now.commit != head.commit:
                raise DataError(
                    f"publish: {one.repo} was changed by another publisher while {one.name} was uploaded: "
                    f"{who(now.history[0])}. Nothing of this version is visible. Look at it, then run again"
                ) from error
            one.hub.wait_or_raise(f"committing {one.name} to {one.repo}", error, attempt)
    raise AssertionError


def _verify(one: Publication, commit: str, files: Mapping[str, LocalFile]) -> None:
    """Hold what a commit serves against the release."""
    if told := _differences(files, served.tree_at(one.hub, one.repo, commit)):
        raise DataError(
            f"publish: {one.repo} at {commit} is not the release: {verified.shown(told)}. It was not tagged; the bytes "
            f"that were sent are wrong, or the Hub is. Publish it as the next version: {one.key}"
        )


def _tag(one: Publication, commit: str) -> None:
    """Make the tag; one that is there must name this commit."""
    for attempt in itertools.count():
        try:
            one.hub.api.create_tag(one.repo, tag=one.tag, revision=commit, repo_type="dataset")
        except FAILURES as error:
            target = (tags_of(one.hub, one.repo) or {}).get(one.tag)
            if target is None:
                one.hub.wait_or_raise(f"tagging {one.repo} {one.tag}", error, attempt)
                continue
            if target != commit:
                raise DataError(
                    f"publish: {one.repo} got the tag {one.tag} from another publisher, at {target}; ours would be "
                    f"{commit}. A published tag never moves: set {one.key} to the next version"
                ) from error
        return

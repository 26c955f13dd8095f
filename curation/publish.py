"""publish: `data/release/<dataset>` -> `data/releases/<dataset>/<version>` -> a tagged commit on a Hub.

In: the releases that `publish.datasets` names, each with its version, and what validation found. Out:
`data/publish/<dataset>.json`, what was published where. Freezing comes first for all (see `freeze`), then each version
is put on the Hub (see `upload`); both may be killed and repeated, and do nothing where nothing is to do. Commits and
clocks stand in the receipt, the journal and the Hub's history: two clean runs write the same output.

Example of data/publish/am-40m.json: {"dataset": "am-40m", "version": "1.0.0", "tag": "v1.0.0", "repo":
"local/am-40m", "hub": ".curate/hub", "release_id": "4f1e...", "files": 9, "bytes": 1048576}
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.lfs import UploadInfo, post_lfs_batch_info
from huggingface_hub.utils._runtime import is_xet_available

from curation import freeze, served, verified, versions
from curation import params as params_module
from curation.branch import read_head, tags_of
from curation.disk import disk_errors_told
from curation.errors import CurateError, DataError, ParamsError
from curation.freeze import Frozen
from curation.hub_client import Hub, opened_hub
from curation.journal import open_journal
from curation.params import Params
from curation.places import DATA
from curation.progress import say
from curation.publishable import check_publishable
from curation.receipt import RECEIPT
from curation.render import nearest
from curation.served import LocalFile
from curation.stage import Run, run_stage
from curation.upload import Publication, Published, upload
from curation.validate_changes import check_diff

BATCH_FILES = 100


@dataclass(frozen=True)
class Options:
    """What a person may want other than params have it."""

    repo: str | None = None
    """Repository; None: <namespace>/<dataset>."""
    hub: str | None = None
    private: bool = False
    dry_run: bool = False


def publish(dataset: str, options: Options) -> str:
    """Freeze one dataset's release under the version of params and publish it; returns what happened, in a line.

    Raises:
        DataError: The release is not there, differs from what is frozen or published, or must not be seen; or the Hub
            refuses.
        ParamsError: Params name no version for it, or one that promises too little.
    """
    params = params_module.load()
    version = _version_of(dataset, params)
    name, repo = options.hub or params.publish.hub, options.repo or f"{params.publish.namespace}/{dataset}"
    with disk_errors_told("publish"):
        if options.dry_run:
            with freeze.prepared(dataset, version) as (folder, manifest):
                check_publishable(dataset, manifest, params)
                _check_changes(dataset, version, params)
                return _forecast(name, repo, Frozen(dataset, version, folder, manifest))
        frozen = _frozen(dataset, version, params)
        freeze.track([frozen.folder])
        with opened_hub(name) as hub:
            published = _upload(hub, repo, frozen, private=options.private or params.publish.private)
    return _told(repo, frozen, published)


def _version_of(dataset: str, params: Params) -> str:
    if dataset not in params.datasets:
        raise ParamsError(f"publish: no dataset {dataset!r}; {nearest(dataset, list(params.datasets))}")
    if dataset not in params.publish.datasets:
        raise ParamsError(
            f"publish: params.yaml names no version for {dataset}. Add it, as in publish.datasets: {{{dataset}: 1.0.0}}"
        )
    return params.publish.datasets[dataset]


def _frozen(dataset: str, version: str, params: Params) -> Frozen:
    """A dataset's frozen version, once nothing forbids to show it."""
    check_publishable(dataset, freeze.read_manifest(DATA / freeze.RELEASE / dataset), params)
    _check_changes(dataset, version, params)
    return freeze.freeze(dataset, version)


def _check_changes(dataset: str, version: str, params: Params) -> None:
    """Refuse a new version that changes more than `validate.changes` allows; one that is frozen was judged then."""
    known = freeze.frozen_versions(dataset)
    before = versions.latest_before(version, known)
    if before is not None and version not in known:
        check_diff(dataset, f"{dataset}@{before}", dataset, params).refuse_failed()


def _upload(hub: Hub, repo: str, frozen: Frozen, *, private: bool) -> Published:
    journal = open_journal(_place(hub.name), repo, frozen.version, frozen.release_id)
    if journal.phase not in (None, "done"):
        say(f"publish: {repo} {frozen.version}: an earlier run stopped at {journal.phase!r}; going on")
    return upload(Publication(hub, repo, frozen, journal), private=private)


def _place(hub: str) -> str:
    return hub if "://" in hub else str(Path(hub).resolve())


def _told(repo: str, frozen: Frozen, published: Published) -> str:
    where = f"{repo}@{published.tag} (commit {published.commit[:12]})"
    if not published.sent_files:
        return f"publish: {where} is published, and is the release; nothing was sent"
    return (
        f"publish: {where}: one commit with {published.sent_files:,} files, {published.sent_bytes:,} bytes, "
        f"{published.removed_files:,} removed"
    )


def _forecast(name: str, repo: str, frozen: Frozen) -> str:
    """What publishing would send, for `--dry-run`: nothing is written anywhere."""
    files = served.local_files(frozen.folder, frozen.manifest)
    total = sum(file.size for file in files.values())
    line = f"publish: would publish {frozen.dataset} {frozen.version} as {repo}: {len(files):,} files, {total:,} bytes"
    if "://" not in name and not Path(name).exists():
        return f"{line}, all new: {name} is not there yet"
    with opened_hub(name) as hub:
        tags = tags_of(hub, repo)
        if tags is None:
            return f"{line}, all new: the repository is not there yet"
        if f"v{frozen.version}" in tags:
            return f"{line}; v{frozen.version} is published already"
        head = read_head(hub, repo)
        new = {file: one for file, one in files.items() if not served.is_same(one, head.tree.get(file))}
        lacking = _lacking(hub, repo, new)
    size = sum(file.size for file in lacking.values())
    gone = {file: "" for file in head.tree if file not in files}
    bound = "at most " if lacking and is_xet_available() else ""
    removed = f"; {len(gone):,} files removed: {verified.shown(gone)}" if gone else ""
    return f"{line}; {bound}{size:,} bytes of {len(new):,} files are new{removed}"


def _lacking(hub: Hub, repo: str, new: dict[str, LocalFile]) -> dict[str, LocalFile]:
    """Of the files that differ from the branch, those whose bytes the Hub does not hold."""
    large = [(name, file) for name, file in new.items() if file.sha256]
    held: set[str] = set()
    for start in range(0, len(large), BATCH_FILES):
        infos = [
            UploadInfo(size=file.size, sample=b"", sha256=bytes.fromhex(file.sha256 or ""))
            for _, file in large[start : start + BATCH_FILES]
        ]
        actions, _, _ = hub.ask(
            f"asking {repo} what it lacks",
            lambda infos=infos: post_lfs_batch_info(  # type: ignore[misc]
                infos, token=hub.token, repo_type="dataset", repo_id=repo, endpoint=hub.api.endpoint
            ),
        )
        held |= {one["oid"] for one in actions if not one.get("actions")}
    return {name: file for name, file in new.items() if file.sha256 not in held}


def main(argv: Sequence[str] | None = None) -> int:
    """Freeze and publish every dataset that params give a version."""
    return run_stage("publish", _run)


def _run(run: Run) -> None:
    publish_block = run.params.publish
    frozen = _all_frozen(run.params)
    freeze.track([one.folder for one in frozen])
    if not frozen:
        say("publish: publish.datasets names no dataset")
        return
    with opened_hub(publish_block.hub) as hub:
        for one in frozen:
            repo = f"{publish_block.namespace}/{one.dataset}"
            published = _upload(hub, repo, one, private=publish_block.private)
            say(_told(repo, one, published))
            run.write_json(f"{one.dataset}.json", _summary(publish_block.hub, repo, one, published))


def _all_frozen(params: Params) -> list[Frozen]:
    """Every version that params name, frozen; where some cannot be, all of their sentences are told at once."""
    frozen, refused = [], []
    for dataset, version in params.publish.datasets.items():
        try:
            frozen.append(_frozen(dataset, version, params))
        except CurateError as error:
            refused.append(str(error))
    if refused:
        raise DataError("\n".join(refused))
    return frozen


def _summary(hub: str, repo: str, frozen: Frozen, published: Published) -> dict[str, object]:
    """What stands in the stage's output: nothing of it depends on the clock."""
    files = {name: file for name, file in served.local_files(frozen.folder, frozen.manifest).items() if name != RECEIPT}
    return {
        "dataset": frozen.dataset,
        "version": frozen.version,
        "tag": published.tag,
        "hub": hub,
        "repo": repo,
        "release_id": frozen.release_id,
        "files": len(files),
        "bytes": sum(file.size for file in files.values()),
    }


if __name__ == "__main__":
    sys.exit(main())

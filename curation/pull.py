"""Fetch a published version from a Hub, and prove that it is the release: ns/name@tag -> a folder.

Files are fetched beside the folder, where a killed run leaves what it has for the next one, then held against
`manifest.json` (bytes and sha256 of each file that it lists) and against the ids that the Hub gives the others. Only a
version that is whole gets its place; one that is there already is checked and left alone.
"""

import json
import shutil
from pathlib import Path

from huggingface_hub import snapshot_download

from curation import freeze, served, verified
from curation.disk import disk_errors_told
from curation.errors import DataError, ParamsError
from curation.hub_client import Hub, default_hub, opened_hub
from curation.places import DATA, MANIFEST
from curation.progress import say

NUM_WORKERS = 4


def pull(name: str, folder: Path | None, hub_name: str | None) -> Path:
    """Restore a published version and verify it; returns its folder.

    Args:
        name: ns/name@tag; a branch or a commit in the place of the tag works too.
        folder: Where it goes; None: data/releases/<name>/<version>.
        hub_name: Address or folder of the Hub; None: that of params, else the client's own (HF_ENDPOINT).

    Raises:
        ParamsError: The name is not of that form.
        DataError: The Hub refuses, or a file is missing or not what the manifest says.
    """
    repo, tag = _parsed(name)
    target = folder or DATA / freeze.RELEASES / repo.rpartition("/")[2] / tag.removeprefix("v")
    with disk_errors_told("pull"), opened_hub(hub_name or default_hub()) as hub:
        info = hub.ask(f"reading {name}", lambda: hub.api.repo_info(repo, repo_type="dataset", revision=tag))
        assert info.sha is not None
        if not target.exists():
            _fetch(hub, repo, info.sha, target)
            return target
        wrong = problems(target, served.tree_at(hub, repo, info.sha))
    if wrong:
        raise DataError(
            f"pull: {target} is there and is not {name}: {verified.shown(wrong)}. Remove it, or name another place: --to"
        )
    say(f"pull: {target} is {name} already; nothing was fetched")
    return target


def _parsed(name: str) -> tuple[str, str]:
    repo, _, tag = name.partition("@")
    if repo.count("/") != 1 or not all(repo.split("/")) or not tag:
        raise ParamsError(f"pull: {name!r} is not NAMESPACE/NAME@TAG, as in ada/am-40m@v1.0.0")
    return repo, tag


def _fetch(hub: Hub, repo: str, commit: str, target: Path) -> None:
    """Download a commit beside its place, verify it, and rename it."""
    part = target.with_name(f".{target.name}.{commit[:12]}.part")
    hub.ask(
        f"fetching {repo}",
        lambda: snapshot_download(
            repo,
            repo_type="dataset",
            revision=commit,
            local_dir=part,
            endpoint=hub.api.endpoint,
            token=hub.token,
            max_workers=NUM_WORKERS,
        ),
    )
    tree = served.tree_at(hub, repo, commit)
    if wrong := problems(part, tree):
        # They are fetched anew by the next run.
        for path in (part / one for one in wrong if one in tree):
            path.unlink(missing_ok=True)
        raise DataError(
            f"pull: what {hub.name} serves of {repo} is not the release: {verified.shown(wrong)}. Run it again; where it "
            f"stays so, the release has to be published again as the next version"
        )
    shutil.rmtree(part / ".cache", ignore_errors=True)
    (part / served.OF_THE_HUB).unlink(missing_ok=True)
    part.rename(target)
    say(f"pull: {target} holds {repo} at {commit[:12]}: {len(tree):,} files, each with the bytes that it should have")


def problems(folder: Path, tree: served.Tree) -> dict[str, str]:
    """The files of a folder that are missing, or not what its manifest or the Hub's tree says."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        listed = freeze.listed_files(manifest)
    except (OSError, json.JSONDecodeError, KeyError, TypeError):
        return {MANIFEST: "is missing or no manifest"}
    told = {name: what for name, file in sorted(listed.items()) if (what := verified.problem(folder / name, file))}
    told |= {name: "is in the manifest and not served" for name in listed if name not in tree}
    # What stands in the folder beside the release is the user's.
    ours = {name: file for name, file in served.local_files(folder, manifest).items() if name in tree}
    missing = {name: "is missing" for name in tree if name not in ours}
    return {**served.differences(ours, tree), **missing, **told}

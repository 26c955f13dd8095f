"""A release on a Hub as a side: `ns/name@revision`, a tag, a branch or a commit.

The manifest and the sidecars are fetched, about 5 % of the data. The rows stay where they are: DuckDB reads the ranges
that it needs, which are the scalar columns for the distributions, and the rows whose values are shown. A revision is
resolved once, so that all that a diff reads is of one commit.
"""

import json
import re
from pathlib import Path

from curation.diff.place import Place
from curation.diff.session import Session
from curation.places import MANIFEST

_NAME = re.compile(r"([^/@:\s]+/[^/@:\s]+)@(\S+)")


def on_hub(name: str, session: Session) -> Place | None:
    """Fetch what tells a release's rows apart; None where the name is not of that form.

    Raises:
        DataError: The Hub refuses, has no such repository or revision, or it is not a release.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    repo, revision = found.groups()
    from curation.remote_release import find_release

    release = find_release(session.hub, session.hub_files, repo, revision, verb="diff")
    folder = session.folder / "hub" / release.commit
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).write_text(json.dumps(release.manifest), encoding="utf-8")
    for one in release.manifest.get("sidecars", ()):
        _fetch(session, f"{release.root}/{one['path']}", folder / one["path"])
    return Place(folder, release.address)


def _fetch(session: Session, address: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    session.hub.ask(f"diff: fetching {target.name}", lambda: session.hub_files.get_file(address, str(target)))

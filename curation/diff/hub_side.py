"""A release on a Hub as a side: `ns/name@revision`, a tag, a branch or a commit.

The manifest and the sidecars are fetched, about 5 % of the data. The rows stay where they are: DuckDB reads the ranges
that it needs, which are the scalar columns for the distributions, and the rows whose values are shown. A revision is
resolved once, so that all that a diff reads is of one commit.
"""

import json
import re
from pathlib import Path
from typing import Any

from curation.diff.place import Place
from curation.diff.session import Session
from curation.errors import DataError
from curation.release import MANIFEST

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
    hub, files = session.hub, session.hub_files
    info = hub.ask(f"diff: reading {name}", lambda: hub.api.repo_info(repo, repo_type="dataset", revision=revision))
    root = f"datasets/{repo}@{info.sha}"
    there: Any = hub.ask(f"diff: listing {name}", lambda: files.find(root, detail=True))
    files.listed = {**files.listed, **there}
    if f"{root}/{MANIFEST}" not in there:
        raise DataError(
            f"diff: {name} is not a release: it has no {MANIFEST}. Download it and name its files: hf download"
        )
    folder = session.folder / "hub" / str(info.sha)
    _fetch(session, f"{root}/{MANIFEST}", folder / MANIFEST)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        sidecars = [one["path"] for one in manifest.get("sidecars", ())]
        listed = [*(one["path"] for one in manifest["files"]), *sidecars]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(f"diff: {MANIFEST} of {name} is not that of a release ({error}). Publish it anew") from error
    if lacking := [path for path in listed if f"{root}/{path}" not in there]:
        raise DataError(f"diff: {name} has no {lacking[0]}, which its {MANIFEST} lists. Publish it anew")
    for path in sidecars:
        _fetch(session, f"{root}/{path}", folder / path)
    return Place(folder, f"{files.protocol}://{root}")


def _fetch(session: Session, address: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    session.hub.ask(f"diff: fetching {target.name}", lambda: session.hub_files.get_file(address, str(target)))

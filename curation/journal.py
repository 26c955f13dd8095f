"""The journal of a publication: how far it came, on disk before each step, under `.curate/publish/`.

The Hub's own history decides what is published; the journal says which run left what, and where the commit is. A run
that was killed is told of by the next one.

Example: {"hub": "https://huggingface.co", "repo": "ada/am-40m", "version": "1.0.0", "release_id": "4f1e...",
"phase": "commit", "head": "9c0a...", "times": {"upload": "2026-01-31T12:00:00+00:00", ...}}
"""

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from curation import places
from curation.hashing import digest

Phase: TypeAlias = Literal["upload", "commit", "verify", "tag", "done"]


@dataclass
class Journal:
    """What is known of one publication."""

    path: Path
    entries: dict[str, Any] = field(default_factory=dict)

    @property
    def phase(self) -> Phase | None:
        """The step that was begun last."""
        phase: Phase | None = self.entries.get("phase")
        return phase

    def reach(self, phase: Phase, **facts: object) -> None:
        """Write that a step begins, with facts that it rests on; on disk when this returns."""
        times = {**self.entries.get("times", {}), phase: datetime.now(UTC).isoformat(timespec="seconds")}
        self.entries = {**self.entries, **facts, "phase": phase, "times": times}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(f".{os.getpid()}.part")
        with part.open("w", encoding="utf-8") as file:
            json.dump(self.entries, file, indent=2, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)


def open_journal(hub: str, repo: str, version: str, release_id: str) -> Journal:
    """The journal of a version on a Hub; one of another release under this version begins anew."""
    path = places.home() / "publish" / digest(hub, repo) / f"{version}.json"
    named = {"hub": hub, "repo": repo, "version": version, "release_id": release_id}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Journal(path, named)
    return Journal(path, entries if entries.get("release_id") == release_id else named)

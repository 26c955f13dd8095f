"""Where a side lies: its manifest and sidecars in a folder, its rows there or at an address that DuckDB reads."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """What a name of a side leads to."""

    path: Path
    """A release's folder, a folder of shards, or a file."""
    rows_at: str | None = None
    """Address below which a release's files with rows lie; None: they are in the folder."""
    way_back: str = "Copy the release again, whole"
    """What to do where a file that the manifest lists is not there."""

    def rows(self, name: str) -> Path | str:
        """Where a file with rows is, by its path in the release."""
        return self.path / name if self.rows_at is None else f"{self.rows_at}/{name}"

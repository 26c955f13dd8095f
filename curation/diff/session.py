"""What the sides of one diff share: a connection, a folder for what is fetched or linked, and a Hub once it is asked.

All of it is gone at the end of the diff.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from curation.hub_client import Hub
    from curation.remote_release import ReleaseFiles


@dataclass
class Session:
    """Opened at the first use, closed with the diff."""

    con: duckdb.DuckDBPyConnection
    ending: ExitStack

    @cached_property
    def folder(self) -> Path:
        """A folder of its own, removed at the end."""
        return Path(self.ending.enter_context(tempfile.TemporaryDirectory(prefix="curate-sides-")))

    @cached_property
    def hub(self) -> "Hub":
        """The Hub that HF_ENDPOINT names, else that of params."""
        from curation.hub_client import default_hub, opened_hub

        return self.ending.enter_context(opened_hub(default_hub()))

    @cached_property
    def hub_files(self) -> "ReleaseFiles":
        """The Hub's files, which DuckDB reads by ranges."""
        from curation.remote_release import release_files

        return release_files(self.con, self.hub)


@contextmanager
def session(con: duckdb.DuckDBPyConnection) -> Iterator[Session]:
    """What sides that are read through this connection share."""
    with ExitStack() as ending:
        yield Session(con, ending)

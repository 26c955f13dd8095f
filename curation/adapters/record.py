"""A record as its source had it, and the error of one that cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Record:
    """One record of a source, read or not."""

    place: str
    """Where it stands: file and line, or file or dataset and running number from 1."""
    value: Mapping[str, Any] | None
    """Its columns; None where it could not be read."""
    problem: str = ""
    """Why it could not be read: what was wanted and what came."""
    done: int = 0
    """How much of the source was read up to its end, as `read.size` counts it."""


class BadRecordError(Exception):
    """A record cannot become a prompt; the stage ingest turns it into a drop."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail

"""Whether a file is the one that a manifest lists: bytes and sha256. Used wherever a release comes from elsewhere."""

import hashlib
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from curation.places import MANIFEST

MISSING = "is missing"
SHOWN_PATHS = 10


def problem(path: Path, file: Mapping[str, Any]) -> str | None:
    """What is wrong with a file that a manifest lists, None where nothing is; reads it whole.

    Args:
        path: Where it is.
        file: What the manifest says of it; reads `bytes` and `sha256`.
    """
    if not path.is_file():
        return MISSING
    if path.stat().st_size != file["bytes"]:
        return f"has {path.stat().st_size:,} bytes where {file['bytes']:,} are wanted"
    return None if digest(path, "sha256") == file["sha256"] else f"has another sha256 than {MANIFEST} says"


def digest(path: Path, name: str) -> str:
    """Digest of a file's bytes, by the name of the hash."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, name).hexdigest()


def shown(told: Mapping[str, str]) -> str:
    """The first of some paths, with what is said of each, in a sentence."""
    first = [f"{name} {what}".rstrip() for name, what in islice(told.items(), SHOWN_PATHS)]
    more = f" and {len(told) - SHOWN_PATHS:,} more" if len(told) > SHOWN_PATHS else ""
    return f"{'; '.join(first)}{more}"

"""What a full disk or an unreadable shard means for the user."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from curation import places
from curation.errors import DataError
from curation.places import DATA


@contextmanager
def disk_errors_told(name: str) -> Iterator[None]:
    """Turn a full disk and an unreadable shard into a DataError with what to do; for commands that are no stage."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        raise DataError(disk_sentence(name, error)) from error


def disk_sentence(name: str, error: OSError | duckdb.Error) -> str:
    """The sentence for a full disk or an unreadable shard; anything else is raised again."""
    text = str(error).splitlines()[0].rstrip(".")
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "No space left" in str(error):
        return (
            f"{name}: no space left on the disk of {DATA.absolute()} or of {places.home()}. Free some and run it again; "
            f"nothing half-written was left."
        )
    shard = re.search(r"[^\s'\"]+\.parquet", str(error))
    if isinstance(error, duckdb.IOException | duckdb.InvalidInputException) and shard:
        return f"{name}: {shard[0]} cannot be read ({text}). {_way_out(Path(shard[0]))}"
    raise error


def _way_out(shard: Path) -> str:
    """What to do about a shard that cannot be read."""
    if shard.absolute().is_relative_to(places.memo()):
        return "Delete that file and run it again: what it held is reckoned anew."
    parts = (
        shard.absolute().relative_to(DATA.absolute()).parts if shard.absolute().is_relative_to(DATA.absolute()) else ()
    )
    return f"Run the stage that wrote it again: dvc repro -f {parts[0]}" if parts else "Mend or remove that file."

"""What `curate diff` does: compare two sides, write the result in a format, say whether they differ."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

from curation.diff import export, report, rows
from curation.diff.changes import Pair
from curation.diff.compare import compare, opened
from curation.errors import DataError

Format = Literal["text", "json", "markdown", "html", "parquet"]
REPORTS = {"text": report.text, "markdown": report.markdown, "html": report.page}


@dataclass(frozen=True)
class Options:
    """How a diff is made and shown."""

    key: Sequence[str] = ()
    """Columns that tell rows apart; of releases known."""
    output_format: Format = "text"
    output: Path | None = None
    num_samples: int | None = 3
    """Most samples of each kind; None: every row that differs."""


def diff(from_name: str, to_name: str, options: Options) -> bool:
    """Compare two sides and write the result; returns whether they differ.

    Raises:
        DataError: A side is not there, its key does not tell rows apart, or the output cannot be written.
    """
    if options.output_format == "parquet" and options.output is None:
        raise DataError("diff: parquet is not for a terminal; name a file: --output changes.parquet")
    with opened(from_name, to_name, options.key) as both:
        if options.output is None:
            return _write(both, options, sys.stdout)
        part = options.output.with_name(f".{options.output.name}.part")
        try:
            with part.open("w", encoding="utf-8") as file:
                different = _write(both, options, file)
            part.replace(options.output)
        except OSError as error:
            raise DataError(f"diff: cannot write {options.output}: {error.strerror}. Name another file") from error
        finally:
            part.unlink(missing_ok=True)
        return different


def _write(both: Pair, options: Options, file: TextIO) -> bool:
    """Write the result to a file; Parquet to the file's path."""
    streamed = options.output_format == "parquet" or (options.output_format == "json" and options.num_samples is None)
    told = compare(both, num_samples=0 if streamed else options.num_samples)
    if options.output_format == "parquet":
        export.write_parquet(both, Path(file.name))
    elif options.output_format == "json":
        export.write_json(told, rows.as_dicts(rows.values(both)) if streamed else told.samples, file)
    else:
        file.write(REPORTS[options.output_format](told) + "\n")
    return told.different

"""Records of local files: JSONL, JSON arrays, CSV and Parquet; the text formats also as .gz and .zst.

Files are streamed, a JSON array alone is held whole. A line that cannot be read gives a record
with a problem; a file that cannot be read is an error. Formats are told by suffix.
"""

import csv
import glob
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from curation.adapters.compressed import open_bytes
from curation.adapters.record import Record
from curation.errors import DataError

_FIELD_BYTES_MAX = 2**31 - 1
_BATCH_ROWS = 1000
_BOM = b"\xef\xbb\xbf"


class _CorruptError(Exception):
    """A file as a whole is not of its format."""


def find_files(pattern: str, where: str) -> list[Path]:
    """The files that a path or a pattern names, sorted.

    Args:
        pattern: Path of a file, or a pattern with *, ? or **.
        where: What asks for it, the first words of an error.

    Raises:
        DataError: There is no such file, or its suffix names no known format.
    """
    path = Path(pattern)
    if path.is_dir():
        raise DataError(
            f"{where}: {pattern} is a folder; name its files with a pattern: {pattern.rstrip('/')}/*.parquet"
        )
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
    paths = [path] if path.is_file() else sorted(Path(name) for name in matches)
    files = [found for found in paths if found.is_file()]
    if not files:
        kind = "no file matches the pattern" if glob.has_magic(pattern) else "there is no file"
        raise DataError(f"{where}: {kind} {pattern} (looked from {Path.cwd()}). Correct its path in params.yaml.")
    for found in files:
        _format(found, where)
    return files


def fixed_folder(pattern: str) -> str:
    """The path itself, or the folder that stands before a pattern's first wildcard.

    Example:
        >>> fixed_folder("data/sources/*/part-?.parquet"), fixed_folder("data/code.jsonl")
        ('data/sources', 'data/code.jsonl')
    """
    if Path(pattern).is_file() or not glob.has_magic(pattern):
        return pattern
    parts = Path(pattern).parts
    return str(Path(*parts[: next(number for number, part in enumerate(parts) if glob.has_magic(part))]))


def read_file(path: Path, where: str, *, columns: Sequence[str] = ()) -> Iterator[Record]:
    """The records of a file, in its order; `done` counts the file's bytes.

    Args:
        path: A file that `find_files` found.
        where: What asks for it, the first words of an error.
        columns: All that is wanted of a Parquet file, where it has all of them; none: all.

    Raises:
        DataError: The file as a whole is corrupt.
    """
    reader = _format(path, where)
    with _told(path, where):
        yield from _read_parquet(path, columns) if reader is None else reader(path)


def _format(path: Path, where: str) -> Callable[[Path], Iterator[Record]] | None:
    """The reader of a text format; None for Parquet."""
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    suffix = Path(name).suffix.lower()
    if suffix == ".parquet" and name == path.name:
        return None
    if suffix not in _READERS:
        known = ", ".join((*_READERS, ".parquet"))
        raise DataError(
            f"{where}: {path} has an unknown suffix; known: {known}, the text formats also with .gz or .zst."
        )
    return _READERS[suffix]


@contextmanager
def _told(path: Path, where: str) -> Iterator[None]:
    """Turn what decompressors and Parquet say of a corrupt file into a sentence."""
    try:
        yield
    except (_CorruptError, EOFError, OSError, zlib.error, zstandard.ZstdError, pa.ArrowException) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{where}: {path} cannot be read to its end: {told}. Fetch or write it again.") from error


def _read_lines(path: Path) -> Iterator[Record]:
    """One JSON object a line; blank lines are no records."""
    with open_bytes(path) as (stream, raw):
        for number, line in enumerate(stream, start=1):
            text = (line.removeprefix(_BOM) if number == 1 else line).strip()
            if text:
                yield _parse(f"{path}:{number}", text, raw.tell())


def _parse(place: str, line: bytes, done: int) -> Record:
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return Record(place, None, f"wanted a JSON object on one line, came no JSON: {error}", done)
    return _object(place, value, done)


def _object(place: str, value: Any, done: int) -> Record:
    if not isinstance(value, dict):
        return Record(place, None, f"wanted a JSON object, came {type(value).__name__}", done)
    return Record(place, value, done=done)


def _read_array(path: Path) -> Iterator[Record]:
    """An array of objects; a file that begins with an object is read as one record a line."""
    with open_bytes(path) as (stream, _):
        data = stream.read(len(_BOM)).removeprefix(_BOM)
        while data and not data.strip():
            data = stream.read(1)
        if data.lstrip()[:1] != b"{":
            data += stream.read()
    if data.lstrip()[:1] == b"{":
        yield from _read_lines(path)
        return
    try:
        values = json.loads(data.decode("utf-8")) if data else []
    except (ValueError, RecursionError) as error:
        raise _CorruptError(f"wanted a JSON array of objects, came no JSON: {error}") from error
    if not isinstance(values, list):
        raise _CorruptError(f"wanted a JSON array of objects, came {type(values).__name__}")
    size = path.stat().st_size
    for number, value in enumerate(values, start=1):
        yield _object(f"{path}:{number}", value, size * number // len(values))


def _read_csv(path: Path) -> Iterator[Record]:
    """Rows under a header line; a row's place is the line on which it begins."""
    csv.field_size_limit(_FIELD_BYTES_MAX)
    with open_bytes(path) as (stream, raw):
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
        rows = csv.reader(text, strict=True)
        header = next(rows, [])
        if len(set(header)) < len(header):
            raise _CorruptError(f"its header names a column twice: {', '.join(header)}")
        yield from _csv_records(path, rows, header, raw)


def _csv_records(path: Path, rows: Any, header: Sequence[str], raw: IO[bytes]) -> Iterator[Record]:
    while True:
        place = f"{path}:{rows.line_num + 1}"
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                raise _CorruptError(f"the quote that opens at {place} is never closed") from error
            yield Record(place, None, f"wanted a CSV row, came no CSV: {error}", raw.tell())
            continue
        if len(row) == len(header):
            yield Record(place, dict(zip(header, row, strict=True)), done=raw.tell())
        elif row:
            yield Record(place, None, f"wanted {len(header)} CSV fields, came {len(row)}", raw.tell())


def _read_parquet(path: Path, columns: Sequence[str]) -> Iterator[Record]:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        names = file.schema_arrow.names
        wanted = [name for name in names if name in columns] if set(columns) <= set(names) else names
        size, num_rows, number = path.stat().st_size, file.metadata.num_rows, 0
        for batch in file.iter_batches(_BATCH_ROWS, columns=wanted or names):
            for value in batch.to_pylist():
                number += 1
                yield Record(f"{path}:{number}", value, done=size * number // num_rows)


_READERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    ".jsonl": _read_lines,
    ".ndjson": _read_lines,
    ".json": _read_array,
    ".csv": _read_csv,
}

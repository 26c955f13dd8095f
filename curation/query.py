"""SQL over the catalog, as a table, CSV, JSON lines or Parquet.

Reads only. Rows stream; a table for people shows the first rows and counts the others.
"""

import csv
import decimal
import json
import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

import duckdb

from curation import catalog, read_only, render
from curation.errors import DataError
from curation.progress import say
from curation.refusals import sentence
from curation.tables import Relation

Format = Literal["table", "csv", "json", "parquet"]
TABLE_ROWS = 40
BATCH_ROWS = 5_000


@dataclass(frozen=True)
class Options:
    """How rows are written: see `query`."""

    output_format: Format = "table"
    output: Path | None = None
    """File to write; None is stdout."""
    limit: int | None = None
    """Most rows; None is all, of a table the first 40."""


@dataclass(frozen=True)
class Remote:
    """Releases on a Hub, and which Hub: see `curation.remote.attached`."""

    names: tuple[str, ...] = ()
    hub: str | None = None


NOTHING = Remote()


def query(
    sql: str,
    *,
    output_format: Format = "table",
    output: Path | None = None,
    limit: int | None = None,
    remote: Remote = NOTHING,
) -> None:
    """Run SQL over the catalog and write its rows.

    Args:
        sql: One or more statements; the rows of the last one are written.
        output_format: `table` shows 40 rows where `limit` does not say; `json` is one object per line.
        output: File to write, replaced when the rows are whole; parquet needs one. None is stdout.
        limit: Most rows.
        remote: Releases on a Hub to be asked, too; `curation.remote` names their views.

    Raises:
        DataError: The SQL is wrong, names what is not there, or tries to write.
    """
    with connect(remote) as con:
        run(con, sql, Options(output_format, output, limit))


@contextmanager
def connect(remote: Remote) -> Iterator[duckdb.DuckDBPyConnection]:
    """The catalog, with views of releases on a Hub.

    Raises:
        DataError: There is no table to ask, or a release cannot be reached.
    """
    with closing(catalog.connect(alone=not remote.names)) as con:
        if not remote.names:
            yield con
            return
        from curation.remote import attached

        with attached(con, remote.names, remote.hub) as views:
            for name, view in views.items():
                say(f"{name} is the table {view}")
            yield con


def run(con: duckdb.DuckDBPyConnection, sql: str, options: Options) -> None:
    """Run SQL in an open catalog and write the rows of its last statement.

    Raises:
        DataError: The SQL is wrong, names what is not there, or tries to write.
    """
    if options.output_format == "parquet" and options.output is None:
        raise DataError("query: parquet is not for a terminal; name a file: --output rows.parquet")
    try:
        read_only.check(con, sql)
        rows = con.sql(sql)
        if rows is not None:
            _stoppable(con, lambda: _write(rows, options))
    except duckdb.Error as error:
        raise DataError(sentence(error, sql, con)) from error


def _stoppable(con: duckdb.DuckDBPyConnection, work: Callable[[], None]) -> None:
    """Do something with a query's rows that Ctrl-C stops; where DuckDB fetches them it does not look at signals."""
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            working.result()
        except KeyboardInterrupt:
            con.interrupt()
            working.exception()
            raise


def _write(rows: Relation, options: Options) -> None:
    """Write rows to stdout, or to a part file that is renamed when it is whole."""
    output_format, output, limit = options.output_format, options.output, options.limit
    if output is None:
        _write_text(rows, output_format, sys.stdout, limit)
        return
    part = output.with_name(f".{output.name}.part")
    limited = rows if limit is None else rows.limit(limit)
    try:
        if output_format == "parquet":
            limited.write_parquet(str(part), compression="zstd")
        else:
            with part.open("w", encoding="utf-8", newline="") as file:
                _write_text(rows, output_format, file, limit)
        part.replace(output)
    except OSError as error:
        raise DataError(f"query: cannot write {output}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _write_text(rows: Relation, output_format: Format, file: TextIO, limit: int | None) -> None:
    if output_format == "table":
        _write_table(rows, file, TABLE_ROWS if limit is None else limit)
        return
    limited = rows if limit is None else rows.limit(limit)
    if output_format == "csv":
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows.columns)
        writer.writerows([_csv_cell(value) for value in row.values()] for row in _dicts(limited))
        return
    file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in _dicts(limited))


def _write_table(rows: Relation, file: TextIO, limit: int) -> None:
    """Show the first rows; those left are counted by a second run, which reads no column that it need not."""
    head = rows.limit(limit + 1).fetchall()
    shown = head[:limit]
    total = len(head) if len(head) <= limit else int(rows.aggregate("count(*)").fetchall()[0][0])
    file.write(render.table(rows.columns, shown, max_columns=render.width()) + "\n")
    more = f"{len(shown):,} of {total:,} rows (--limit N shows more)" if total > len(shown) else _counted(total)
    file.write(f"{more}\n")


def _counted(total: int) -> str:
    return "1 row" if total == 1 else f"{total:,} rows"


def _dicts(rows: Relation) -> Iterator[dict[str, Any]]:
    """Rows as JSON-like values, batch by batch."""
    names = rows.columns
    for batch in rows.to_arrow_reader(BATCH_ROWS):
        columns = [column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            yield dict(zip(names, map(_plain, values), strict=True))


def _plain(value: Any) -> Any:
    """A value that JSON can hold: NaN and infinities become null, dates and bytes text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.hex() if isinstance(value, bytes) else str(value)


def _csv_cell(value: Any) -> Any:
    """Nested values as JSON, null as nothing."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value

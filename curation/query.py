"""SQL over the catalog, as a table, CSV, JSON lines or Parquet.

Reads only. Rows stream; a table for people shows the first rows and counts the others.
"""

import csv
import decimal
import difflib
import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TextIO

import duckdb

from curation import catalog, render
from curation.errors import DataError
from curation.tables import Relation

Format = Literal["table", "csv", "json", "parquet"]
TABLE_ROWS = 40
BATCH_ROWS = 5_000
_NO_TABLE = re.compile(r"Table with name (\S+) does not exist")
_NO_COLUMN = re.compile(r'(?:Referenced column|does not have a column named) "([^"]+)"')


def query(sql: str, *, output_format: Format = "table", output: Path | None = None, limit: int | None = None) -> None:
    """Run SQL and write its rows to `output`, else to stdout.

    Args:
        sql: One or more statements; the rows of the last one are written.
        output_format: `table` shows 40 rows where `limit` does not say; `json` is one object per line.
        output: File to write, replaced when the rows are whole; parquet needs one.
        limit: Most rows.

    Raises:
        DataError: The SQL is wrong, names what is not there, or tries to write.
    """
    if output_format == "parquet" and output is None:
        raise DataError("query: parquet is not for a terminal; name a file: --output rows.parquet")
    con = catalog.connect()
    try:
        rows = con.sql(sql)
        if rows is not None:
            _write(rows, output_format, output, limit)
    except duckdb.Error as error:
        raise DataError(_sentence(error, con)) from error
    finally:
        con.close()


def _write(rows: Relation, output_format: Format, output: Path | None, limit: int | None) -> None:
    """Write rows to stdout, or to a part file that is renamed when it is whole."""
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


def _sentence(error: duckdb.Error, con: duckdb.DuckDBPyConnection) -> str:
    """The sentence for what DuckDB refused."""
    text = str(error)
    table, column = _NO_TABLE.search(text), _NO_COLUMN.search(text)
    if table:
        return _no_table(table[1].strip('"'))
    if column:
        return _no_column(column[1], con)
    if "read-only mode" in text:
        return "query: the catalog is for reading; write rows to a file with --output FILE"
    if isinstance(error, duckdb.IOException):
        return f"query: {text.splitlines()[0]}. A stage may be writing: ask again when dvc repro has ended"
    return "query: " + " ".join(text.partition("\n\n")[0].split())[:300]


def _no_table(name: str) -> str:
    """What to do about a table that is not there: run its stage, or spell it otherwise."""
    views = catalog.views()
    waiting = next((view for view in views if view.name == name.lower() and not view.folders), None)
    if waiting:
        return f"query: the table {name!r} is not there yet; the stage {waiting.stage} writes it: dvc repro {waiting.stage}"
    there = [view.name for view in views if view.folders]
    return f"query: no table {name!r}; {render.nearest(name, there)}. Columns: curate schema TABLE"


def _no_column(name: str, con: duckdb.DuckDBPyConnection) -> str:
    """The columns whose names are nearest, and the tables that have them."""
    rows = con.execute(
        "SELECT column_name, table_name FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
    ).fetchall()
    close = difflib.get_close_matches(name.lower(), {column for column, _ in rows}, n=2)
    known = [f"{one} ({', '.join(table for column, table in rows if column == one)})" for one in close]
    near = f"; nearest: {', '.join(known)}" if known else ""
    return f"query: no column {name!r}{near}. Columns: curate schema TABLE"

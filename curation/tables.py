"""Tables on disk: folders of Parquet shards that keep the contracts of `schemas`.

Rows stream: DuckDB executes, pyarrow writes, nothing is held whole. The same rows give the
same bytes, whatever the number of threads: rows are ordered by the table's key and the
writer's settings are fixed.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import DataError
from schemas.table import Table

Relation: TypeAlias = duckdb.DuckDBPyRelation
SHARD_ROWS = 2_000_000
BATCH_ROWS = 20_000


def connect(*, memory_gb: float, processes: int = 0) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB that spills to a temporary folder beyond `memory_gb`."""
    con = duckdb.connect()
    con.execute(f"SET memory_limit = '{memory_gb}GB'")
    con.execute("SET enable_progress_bar = false")
    if processes:
        con.execute(f"SET threads = {processes}")
    return con


def read(con: duckdb.DuckDBPyConnection, folder: Path, table: Table) -> Relation:
    """Open a table's shards as a relation, in no stated order.

    Raises:
        DataError: The folder has no shard, a shard cannot be read, or a column is missing
            or of another type.
    """
    shards = sorted(folder.glob("*.parquet"))
    if not shards:
        raise DataError(f"{table.name}: no Parquet shard in {folder}. Run the stage that writes it: dvc repro")
    for shard in shards:
        _check_shard(shard, table)
    return con.read_parquet([str(shard) for shard in shards])


def _check_shard(shard: Path, table: Table) -> None:
    """Compare a shard's footer with the contract."""
    stage = shard.parent.parent.name
    try:
        found = pq.read_schema(shard)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"{table.name}: {shard} cannot be read as Parquet ({str(error).splitlines()[0]}). "
            f"Delete it and run the stage again: dvc repro -f {stage}"
        ) from error
    for column in table.columns:
        position = found.get_field_index(column.name)
        if position < 0:
            raise DataError(
                f"{table.name}: {shard} has no column {column.name!r} (has: {', '.join(found.names)}). "
                f"Run the stage again: dvc repro -f {stage}"
            )
        if not found.field(position).type.equals(column.type):
            raise DataError(
                f"{table.name}: {shard} has {column.name!r} as {found.field(position).type}, wanted {column.type}. "
                f"Run the stage again: dvc repro -f {stage}"
            )


def write(
    relation: Relation,
    folder: Path,
    table: Table,
    *,
    shard_rows: int = SHARD_ROWS,
    row_group_rows: int = BATCH_ROWS,
    prefix: str = "",
    order: Sequence[str] | None = None,
) -> int:
    """Write a relation as a table's shards, ordered by its key; returns the number of rows.

    `order` names fewer columns where these decide alone: sorting by each costs as much as by the first.

    An empty relation gives one shard without rows, so that readers need no special case.
    Shards are called `<prefix>00000.parquet` and so on.

    Raises:
        DataError: A column is missing, or a null stands where the contract allows none.
    """
    missing = [name for name in table.column_names if name not in relation.columns]
    if missing:
        raise DataError(
            f"{table.name}: rows for {folder} lack the column {missing[0]!r} (have: {', '.join(relation.columns)})"
        )
    columns = ", ".join(f'"{name}"' for name in table.column_names)
    keys = ", ".join(f'"{name}" NULLS FIRST' for name in order or table.key)
    ordered = relation.query("rows_to_write", f"SELECT {columns} FROM rows_to_write ORDER BY {keys}")
    reader = ordered.to_arrow_reader(row_group_rows)
    folder.mkdir(parents=True, exist_ok=True)
    batches = (_conform(batch, table, folder) for batch in reader)
    return write_batches(batches, folder, table.arrow_schema, shard_rows=shard_rows, prefix=prefix)


def write_batches(
    batches: Iterator[pa.Table], folder: Path, schema: pa.Schema, *, shard_rows: int, prefix: str = ""
) -> int:
    """Write tables of one schema, in order, into shards of at most `shard_rows` rows plus one batch.

    Shards are called `<prefix>00000.parquet` and so on; each batch is a row group.
    """
    writer, in_shard, total, shards = None, 0, 0, 0
    for batch in batches:
        if writer is None or in_shard >= shard_rows:
            if writer is not None:
                writer.close()
            writer = _shard_writer(folder / f"{prefix}{shards:05d}.parquet", schema)
            shards, in_shard = shards + 1, 0
        writer.write_table(batch)
        in_shard += batch.num_rows
        total += batch.num_rows
    if writer is None:
        writer = _shard_writer(folder / f"{prefix}00000.parquet", schema)
    writer.close()
    return total


def _shard_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, compression="zstd", write_page_index=True, use_content_defined_chunking=True)


def _conform(batch: pa.RecordBatch, table: Table, folder: Path) -> pa.Table:
    """Cast a batch to the contract and refuse nulls where it allows none."""
    for column in table.columns:
        if not column.nullable and batch.column(column.name).null_count:
            raise DataError(
                f"{table.name}: column {column.name!r} holds a null in rows for {folder}; the contract allows none"
            )
    return pa.Table.from_batches([batch]).cast(table.arrow_schema)


def count(relation: Relation) -> int:
    """Rows of a relation."""
    return int(relation.aggregate("count(*)").fetchall()[0][0])


def from_rows(con: duckdb.DuckDBPyConnection, rows: Sequence[dict[str, object]], table: Table) -> Relation:
    """A relation of a contract's rows given in Python; columns left out are null."""
    return con.from_arrow(pa.Table.from_pylist(list(rows), schema=table.arrow_schema))


def quote(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'

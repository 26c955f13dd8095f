"""Tables on disk: folders of Parquet shards that keep the contracts of `schemas`.

Rows stream: DuckDB executes, pyarrow writes, nothing is held whole. The same rows give the
same bytes, whatever the number of threads: rows are ordered by the table's key and the
writer's settings are fixed.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Order:
    """Columns by which rows are written."""

    columns: Sequence[str]
    """Fewer than the key where these decide alone: sorting by each costs as much as by the first."""
    likely: bool = False
    """Whether rows are likely to come in order: they are then looked at, and sorted only where they do not."""


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
    order: Order | None = None,
    published: bool = False,
    con: duckdb.DuckDBPyConnection | None = None,
) -> int:
    """Write a relation as a table's shards, ordered by its key; returns the number of rows.

    Rows that are likely in order are read by one thread of `con`, their connection: several lose the order of a join.
    Shards that are `published` are cut by content, so that an upload sends only what is new. An empty relation gives
    one shard without rows, so that readers need no special case. Shards are called `<prefix>00000.parquet` and so on.

    Raises:
        DataError: A column is missing, or a null stands where the contract allows none.
    """
    missing = [name for name in table.column_names if name not in relation.columns]
    if missing:
        raise DataError(
            f"{table.name}: rows for {folder} lack the column {missing[0]!r} (have: {', '.join(relation.columns)})"
        )
    columns = ", ".join(f'"{name}"' for name in table.column_names)
    given = relation.query("rows_to_write", f"SELECT {columns} FROM rows_to_write")
    order = order or Order(table.key)
    ordered = given.order(", ".join(f"{identifier(name)} NULLS FIRST" for name in order.columns))
    folder.mkdir(parents=True, exist_ok=True)

    def write_rows(batches: Iterator[pa.RecordBatch]) -> int:
        conforming = (conform(batch, table, folder) for batch in batches)
        return write_batches(
            conforming, folder, table.arrow_schema, shard_rows=shard_rows, prefix=prefix, published=published
        )

    if order.likely:
        assert con is not None
        try:
            with _one_thread(con), given.to_arrow_reader(row_group_rows) as batches:
                return write_rows(_in_order(batches, order.columns))
        except _OutOfOrderError:
            for shard in folder.glob(f"{prefix}*.parquet"):
                shard.unlink()
    return write_rows(ordered.to_arrow_reader(row_group_rows))


@contextmanager
def _one_thread(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    threads = con.sql("SELECT current_setting('threads')").fetchall()[0][0]
    con.execute("SET threads = 1")
    try:
        yield
    finally:
        con.execute(f"SET threads = {threads}")


class _OutOfOrderError(Exception):
    """Rows that were to come in order do not."""


def _in_order(batches: Iterable[pa.RecordBatch], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The batches, each held against the one before."""
    last = None
    for batch in batches:
        keys = batch.select(columns)
        if not ascends(keys) or (last is not None and not ascends(pa.concat_batches([last, keys.slice(0, 1)]))):
            raise _OutOfOrderError
        last = keys.slice(keys.num_rows - 1)
        yield batch


def ascends(keys: pa.RecordBatch) -> bool:
    """Whether each row comes after the one before or equals it; where a null leaves that open, no."""
    import pyarrow.compute as pc  # takes 40 ms, and many a program only reads

    before, after = keys.slice(0, max(keys.num_rows - 1, 0)), keys.slice(1)
    later = pa.array([True] * before.num_rows, pa.bool_())
    for left, right in reversed(list(zip(before.columns, after.columns, strict=True))):
        later = pc.or_(pc.less(left, right), pc.and_(pc.equal(left, right), later))
    return bool(pc.all(later, skip_nulls=False, min_count=0).as_py())


def write_batches(
    batches: Iterator[pa.Table],
    folder: Path,
    schema: pa.Schema,
    *,
    shard_rows: int,
    prefix: str = "",
    published: bool = False,
    first_shard: int = 0,
) -> int:
    """Write tables of one schema, in order, into shards of at most `shard_rows` rows plus one batch.

    Shards are called `<prefix>00000.parquet` and so on, from the number `first_shard`; each batch is a row group, written
    while the next is made.
    """
    writer, in_shard, total, shards = None, 0, 0, first_shard
    with ThreadPoolExecutor(1) as pool:
        writing: Future[None] | None = None
        for batch in batches:
            if writing is not None:
                writing.result()
            if writer is None or in_shard >= shard_rows:
                if writer is not None:
                    writer.close()
                writer = _shard_writer(folder / f"{prefix}{shards:05d}.parquet", schema, published=published)
                shards, in_shard = shards + 1, 0
            writing = pool.submit(writer.write_table, batch)
            in_shard += batch.num_rows
            total += batch.num_rows
        if writing is not None:
            writing.result()
    if writer is None:
        writer = _shard_writer(folder / f"{prefix}{shards:05d}.parquet", schema, published=published)
    writer.close()
    return total


def _shard_writer(path: Path, schema: pa.Schema, *, published: bool) -> pq.ParquetWriter:
    # Between stages, what helps no reader only costs time: a dictionary of ids or figures, which stand once or a few times,
    # and bounds of ids that no table is ordered by.
    words = [field.name for field in schema if pa.types.is_string(field.type) and not field.name.endswith("_id")]
    bounded = [name for name in schema.names if name not in ("sample_id", "evidence_id")]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        write_page_index=True,
        use_dictionary=published or words,
        write_statistics=published or bounded,
        use_content_defined_chunking=published,
    )


def conform(batch: pa.RecordBatch, table: Table, folder: Path) -> pa.Table:
    """Cast a batch to the contract and refuse nulls where it allows none.

    Args:
        batch: The contract's columns, in its order.
        table: The contract.
        folder: Where the rows go, for the message.

    Raises:
        DataError: A null stands where the contract allows none.
    """
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

"""Rows of a release in the places that they have in a frozen version: kept rows keep shard, row group and order.

Sorted by key, rows that come in fall between the others and change nearly every page; an upload then sends nearly all.
On a base they go to shards of their own, after those of the base (docs/decisions/0007). A row is kept where its key
stands in the same config and split of the base, whatever else became of it; one that is gone leaves its row group.
A release on a base that has the same rows has the same bytes.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation import tables, versions
from curation.errors import DataError
from curation.params import Release
from curation.places import DATA
from curation.tables import Relation, identifier
from schemas.table import Table

LATEST = "latest"
_ONE_SHARD = 1 << 62
_NEW = -1
"""The shard and row group of rows that the base lacks."""


def base_of(dataset: str, named: str | None) -> Path | None:
    """The folder of the frozen version that params name for a dataset.

    Args:
        dataset: Key of the dataset.
        named: A version, `latest` or None.

    Returns:
        None where none is named, or the latest of none is.

    Raises:
        DataError: The version is not frozen, or its files are not there.
    """
    if named is None:
        return None
    frozen = DATA / "releases" / dataset
    known = sorted({path.name.removesuffix(".dvc") for path in frozen.glob("[0-9]*")}, key=versions.parse)
    if named == LATEST and not known:
        return None
    folder = frozen / (known[-1] if named == LATEST else named)
    if not list(folder.rglob("*-*.parquet")):
        raise DataError(
            f"release: {folder}, the base that release.base.{dataset} names, has no files with rows. Get it: dvc pull, or "
            f"curate pull; or name another (frozen: {', '.join(known) or 'none'})"
        )
    return folder


def write_on_base(
    rows: Relation,
    shards: Sequence[Path],
    folder: Path,
    table: Table,
    *,
    release: Release,
    con: duckdb.DuckDBPyConnection,
) -> None:
    """Write the rows of one split: those of the base's shards in their places, the others behind them by key.

    Args:
        rows: Columns of the table, in no stated order.
        shards: The files of this config and split in the base, in their order.
        folder: Where the files go.
        table: Contract of the rows.
        release: How many rows a new shard and its row groups have.
        con: The connection of the rows.

    Raises:
        DataError: A shard of the base lacks a column of the key, or a null stands where the contract allows none.
    """
    _check_keys(shards, table)
    prefix, last = shards[-1].stem.rpartition("-")[0] + "-", int(shards[-1].stem.rpartition("-")[2])
    reader = pa.RecordBatchReader.from_batches(_places_schema(table), _places(shards, table))
    con.execute("CREATE OR REPLACE TEMP TABLE places AS FROM reader")
    key = ", ".join(map(identifier, table.key))
    columns = ", ".join(f"given.{identifier(name)}" for name in table.column_names)
    ordered = rows.query(
        "given",
        f"""
        SELECT {columns}, coalesce(places.shard, {_NEW}) AS shard, coalesce(places.row_group, {_NEW}) AS row_group
        FROM given LEFT JOIN places USING ({key})
        ORDER BY places.place NULLS LAST, {", ".join(f"given.{identifier(name)}" for name in table.key)}
        """,
    )
    folder.mkdir(parents=True, exist_ok=True)
    groups = _row_groups(ordered.to_arrow_reader(release.row_group_rows), table, folder)
    written = 0
    for shard, its in groupby(groups, key=lambda group: group[0]):
        written += tables.write_batches(
            (rows_of for _, rows_of in its),
            folder,
            table.arrow_schema,
            shard_rows=release.shard_rows if shard == _NEW else _ONE_SHARD,
            prefix=prefix,
            published=True,
            first_shard=last + 1 if shard == _NEW else shard,
        )
    if not written:
        tables.write_batches(iter(()), folder, table.arrow_schema, shard_rows=1, prefix=prefix, published=True)
    con.execute("DROP TABLE places")


def _check_keys(shards: Sequence[Path], table: Table) -> None:
    for shard in shards:
        if missing := [name for name in table.key if name not in pq.read_schema(shard).names]:
            raise DataError(f"release: {shard} has no column {missing[0]!r}; name another base in release.base")


def _places_schema(table: Table) -> pa.Schema:
    key = [table.arrow_schema.field(name) for name in table.key]
    return pa.schema([*key, ("shard", pa.int32()), ("row_group", pa.int32()), ("place", pa.int64())])


def _places(shards: Sequence[Path], table: Table) -> Iterator[pa.RecordBatch]:
    """The key of each row of the base with its shard, its row group and its place, counted over all shards."""
    group, start = 0, 0
    for shard in shards:
        with pq.ParquetFile(shard) as file:
            for position in range(file.num_row_groups):
                keys = file.read_row_group(position, columns=list(table.key))
                size = keys.num_rows
                number = pa.array(np.full(size, int(shard.stem.rpartition("-")[2])), pa.int32())
                groups = pa.array(np.full(size, group), pa.int32())
                places = pa.array(np.arange(start, start + size))
                columns = [keys.column(name).combine_chunks() for name in table.key]
                yield pa.record_batch([*columns, number, groups, places], schema=_places_schema(table))
                group, start = group + 1, start + size


def _row_groups(batches: pa.RecordBatchReader, table: Table, folder: Path) -> Iterator[tuple[int, pa.Table]]:
    """The rows as the row groups in which they are written, each with its shard."""
    held: list[pa.Table] = []
    shard, current = _NEW, _NEW
    for batch in batches:
        for piece in _cut(batch):
            group = piece.column("row_group")[0].as_py()
            if held and (group == _NEW or group != current):
                yield shard, pa.concat_tables(held).combine_chunks()
                held = []
            shard, current = piece.column("shard")[0].as_py(), group
            held.append(tables.conform(piece.select(table.column_names), table, folder))
    if held:
        yield shard, pa.concat_tables(held).combine_chunks()


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch where its row group changes."""
    groups = batch.column("row_group").to_numpy()
    starts = [0, *(np.flatnonzero(np.diff(groups)) + 1)]
    for start, stop in zip(starts, [*starts[1:], len(groups)], strict=True):
        yield batch.slice(start, stop - start)

"""The memo: costly per-row work is done once, whatever is changed around it.

A memo is a folder of append-only Parquet files under `.curate/memo/<kind>`. A row's key is a
digest of everything that decides its value (inputs, parameters, version), so the memo is
shared by runs, profiles and pipelines, and never stale. A batch is written when it is done:
a killed run loses at most the batch in hand. Clock times and costs may stand here, never in
a stage's output.
"""

import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.execute import Executor, Work, run_batches
from curation.progress import progress
from curation.tables import Relation, count

COMPACT_FILES = 256


@dataclass(frozen=True)
class Memo:
    """A store of values by key."""

    folder: Path
    values: pa.Schema
    """Columns beside `key`."""
    stores: pc.Expression | None = None
    """Which values are stored; null stores all. The others say nothing of their row, and the next run asks again."""

    @property
    def schema(self) -> pa.Schema:
        """Schema of the stored files."""
        return pa.schema([pa.field("key", pa.string(), nullable=False), *self.values])

    def rows(self, con: duckdb.DuckDBPyConnection) -> Relation:
        """All that is stored, one row per key."""
        files = [str(path) for path in sorted(self.folder.glob("*.parquet"))]
        if not files:
            return con.from_arrow(self.schema.empty_table())
        stored = con.read_parquet(files)
        return stored.query("stored", "SELECT * FROM stored QUALIFY row_number() OVER (PARTITION BY key) = 1")

    def append(self, rows: pa.Table) -> None:
        """Store rows at once or not at all; a key stored already may come again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        temporary = self.folder / f".{name}.tmp"
        pq.write_table(rows.select(self.schema.names).cast(self.schema), temporary, compression="zstd")
        _sync(temporary)
        temporary.rename(self.folder / f"{name}.parquet")

    def compact(self, con: duckdb.DuckDBPyConnection) -> None:
        """Merge many small files into one; readers at work keep the files they opened."""
        files = sorted(self.folder.glob("*.parquet"))
        if len(files) < COMPACT_FILES:
            return
        merged = self.folder / f".{uuid.uuid4().hex}.tmp"
        with pq.ParquetWriter(merged, self.schema, compression="zstd") as writer:
            for batch in self.rows(con).to_arrow_reader(10_000):
                writer.write_table(pa.Table.from_batches([batch]).cast(self.schema))
        _sync(merged)
        merged.rename(self.folder / f"{uuid.uuid4().hex}.parquet")
        for path in files:
            path.unlink()


@dataclass(frozen=True)
class Reuse:
    """How much of a stage's work the memo held already."""

    num_reused: int
    num_computed: int
    unstored: tuple[pa.Table, ...] = field(default=(), compare=False)
    """Values that `Memo.stores` kept out of the memo."""


def compute(
    memo: Memo,
    con: duckdb.DuckDBPyConnection,
    work: Relation,
    function: Work,
    *,
    batch_rows: int,
    label: str,
    executor: Executor = "local",
) -> Reuse:
    """Run `function` on the rows of `work` whose `key` the memo lacks, and store each batch.

    Args:
        memo: Where values are kept.
        con: Connection of `work`.
        work: One row per key: `key` and the columns that the function reads. Worked off in
            the order of its column `position` where it has one, else of `key`.
        function: Called with batches; must answer every key it was given, and leave `con` alone.
        batch_rows: Rows of one batch: what a killed run loses.
        label: What progress calls the work.
        executor: Where the function runs.
    """
    memo.compact(con)
    stored = memo.rows(con)
    order = "position" if "position" in work.columns else "key"
    pending = work.query("work", f"SELECT work.* FROM work ANTI JOIN stored USING (key) ORDER BY {order}")
    num_all, num_pending = count(work), count(pending)
    unstored: list[pa.Table] = []
    if num_pending:
        batches = (pa.Table.from_batches([batch]) for batch in pending.to_arrow_reader(batch_rows))
        with progress(label, num_pending, "rows") as shown:
            for batch, values in run_batches(batches, function, executor=executor):
                assert sorted(values["key"].to_pylist()) == sorted(batch["key"].to_pylist()), f"{label}: keys lost"
                memo.append(values if memo.stores is None else values.filter(memo.stores))
                if memo.stores is not None:
                    unstored.append(values.filter(~memo.stores))
                shown.update(batch.num_rows)
    return Reuse(num_reused=num_all - num_pending, num_computed=num_pending, unstored=tuple(unstored))


def _sync(path: Path) -> None:
    """Force a file to disk before its name promises that it is whole."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

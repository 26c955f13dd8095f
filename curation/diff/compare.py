"""Compare two versions: everything that a report of them tells.

In: the names of two sides (see `sides`) and a key. Out: a `Diff`. Rows that are equal are equal in whatever shard
and order they stand. Memory is bounded: DuckDB spills to a temporary folder, and values are read for the rows shown.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from curation import tables
from curation.diff import changes, drift, leaving, rows
from curation.diff.changes import Pair
from curation.diff.drift import Drift
from curation.diff.rows import KINDS, Row
from curation.diff.session import session
from curation.diff.sides import side
from curation.disk import disk_errors_told

MEMORY_GB = 1.5


@dataclass(frozen=True)
class Diff:
    """What two sides differ in."""

    from_name: str
    to_name: str
    key: tuple[str, ...]
    places: bool
    """Whether rows have configs, then a part of the key, and splits."""
    rows: tuple[int, int]
    """Rows of either side."""
    added: int
    removed: int
    modified: int
    """Rows on both sides that changed in a column or their split."""
    columns: dict[str, int]
    """Modified rows by changed column."""
    schema: tuple[tuple[str, str | None, str | None], ...]
    """Columns that one side lacks or has with another type: name, old and new type."""
    moves: tuple[tuple[str, str, int], ...]
    """Old split, new split, rows."""
    reasons: tuple[tuple[str | None, int], ...]
    """Why rows left, as `stage.reason`; None where no drop tells."""
    drift: tuple[Drift, ...]
    samples: tuple[Row, ...]
    """Rows that differ, as `rows.values` has them."""

    @property
    def different(self) -> bool:
        """Whether the contents differ at all."""
        return bool(self.added or self.removed or self.modified or self.schema)


@contextmanager
def opened(from_name: str, to_name: str, key: Sequence[str] = ()) -> Iterator[Pair]:
    """Two sides with the keys that differ found, in a connection that spills to a temporary folder.

    Raises:
        DataError: A side is not there or cannot be read, or the key does not tell its rows apart.
    """
    with tempfile.TemporaryDirectory(prefix="curate-diff-") as spill, disk_errors_told("diff"):
        con = tables.connect(memory_gb=MEMORY_GB)
        try:
            con.execute(f"SET temp_directory = '{spill}'")
            con.execute("SET preserve_insertion_order = false")
            con.execute("SET parquet_metadata_cache = true")  # a shard of many row groups is opened several times
            con.execute("SET TimeZone = 'UTC'")
            with session(con) as shared:
                both = changes.pair(con, side(from_name, shared), side(to_name, shared), key)
                changes.find_changes(both)
                yield both
        finally:
            con.close()


def compare(both: Pair, *, num_samples: int | None) -> Diff:
    """Everything about two sides, with the values of the first rows of each kind.

    Args:
        both: The two sides, opened.
        num_samples: Most samples of each kind: added, removed, modified; None for all.
    """
    counted = dict(both.con.execute("SELECT diff_type, count(*) FROM changes GROUP BY ALL").fetchall())
    reasons = leaving.find_reasons(both)
    samples = [row for kind in KINDS if num_samples != 0 for row in rows.as_dicts(rows.values(both, kind, num_samples))]
    left, right = both.sides
    return Diff(
        from_name=left.name,
        to_name=right.name,
        key=(("config",) if both.places else ()) + both.key,
        places=both.places,
        rows=(changes.count_rows(both, "from"), changes.count_rows(both, "to")),
        **{kind: counted.get(kind, 0) for kind in KINDS},
        columns=rows.column_counts(both, texts=False),
        schema=_schema(both),
        moves=_moves(both),
        reasons=tuple(reasons),
        drift=tuple(drift.drift(both)),
        samples=tuple(samples),
    )


def _schema(both: Pair) -> tuple[tuple[str, str | None, str | None], ...]:
    old, new = ({name: str(kind) for name, kind in one.columns.items()} for one in both.sides)
    return tuple((name, old.get(name), new.get(name)) for name in {**old, **new} if old.get(name) != new.get(name))


def _moves(both: Pair) -> tuple[tuple[str, str, int], ...]:
    found = both.con.execute(
        "SELECT from_split, to_split, count(*) FROM changes WHERE from_split <> to_split GROUP BY ALL ORDER BY ALL"
    )
    return tuple(found.fetchall())

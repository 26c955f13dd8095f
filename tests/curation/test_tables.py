"""Tables keep their contract on the way in and on the way out."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import tables
from curation.errors import DataError
from curation.tables import Order
from schemas.table import Column, Table

THINGS = Table(
    "things",
    "one row per thing",
    ("id",),
    (Column("id", pa.string(), "Id."), Column("size", pa.int64(), "Size.", nullable=True)),
)


@settings(max_examples=25, deadline=None)
@given(rows=st.dictionaries(st.text(), st.none() | st.integers(-(2**60), 2**60)), order=st.randoms())
def test_rows_round_trip_and_bytes_do_not_depend_on_their_order(tmp_path_factory, rows, order):
    con, folder = tables.connect(memory_gb=1), tmp_path_factory.mktemp("t")
    given_rows = [{"id": key, "size": value} for key, value in rows.items()]
    tables.write(tables.from_rows(con, given_rows, THINGS), folder / "a", THINGS)
    order.shuffle(given_rows)
    tables.write(tables.from_rows(con, given_rows, THINGS), folder / "b", THINGS)
    assert dict(tables.read(con, folder / "a", THINGS).fetchall()) == rows
    assert (folder / "a/00000.parquet").read_bytes() == (folder / "b/00000.parquet").read_bytes()


KEYS = st.lists(st.tuples(st.none() | st.integers(0, 3), st.sampled_from("ab")), max_size=6)


@settings(max_examples=100, deadline=None)
@given(keys=KEYS, batch_rows=st.integers(1, 3), in_order=st.booleans())
def test_rows_that_likely_come_in_order_are_written_as_sorted_ones_are(tmp_path_factory, keys, batch_rows, in_order):
    con, folder = tables.connect(memory_gb=1), tmp_path_factory.mktemp("t")
    if in_order:
        keys = sorted(keys, key=lambda key: (key[0] is not None, key))
    relation = tables.from_rows(con, [{"size": size, "id": name} for size, name in keys], THINGS)
    written = {}
    for likely in (True, False):
        order = Order(["size", "id"], likely=likely)
        where = folder / str(likely)
        tables.write(relation, where, THINGS, row_group_rows=batch_rows, shard_rows=3, order=order, con=con)
        written[likely] = {path.name: path.read_bytes() for path in (folder / str(likely)).iterdir()}
    assert written[True] == written[False]


@pytest.mark.parametrize("sizes", [[1, 2], [2, 1]])
def test_reading_by_one_thread_ends_with_the_write(con, tmp_path, sizes):
    con.execute("SET threads = 2")
    rows = tables.from_rows(con, [{"size": size, "id": "a"} for size in sizes], THINGS)
    tables.write(rows, tmp_path, THINGS, order=Order(["size"], likely=True), con=con)
    assert con.sql("SELECT current_setting('threads')").fetchall() == [(2,)]


@given(keys=KEYS)
def test_rows_ascend_where_python_finds_them_sorted_and_a_null_does_not_tell(keys):
    columns = {"size": [size for size, _ in keys], "id": [name for _, name in keys]}
    batch = pa.record_batch(columns, pa.schema([("size", pa.int64()), ("id", pa.string())]))
    known = len(keys) < 2 or None not in columns["size"]
    assert tables.ascends(batch) == (known and keys == sorted(keys))


def test_shards_roll_over(con, tmp_path):
    rows = con.sql("SELECT i::VARCHAR AS id, i AS size FROM range(50000) t(i)")
    assert tables.write(rows, tmp_path, THINGS, shard_rows=20_000) == 50_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000.parquet", "00001.parquet", "00002.parquet"]


def test_no_rows_still_give_a_shard(con, tmp_path):
    assert tables.write(tables.from_rows(con, [], THINGS), tmp_path, THINGS) == 0
    assert tables.count(tables.read(con, tmp_path, THINGS)) == 0


def test_a_missing_table_says_what_to_run(con, tmp_path):
    with pytest.raises(DataError, match=r"no Parquet shard in .*dvc repro"):
        tables.read(con, tmp_path / "nowhere", THINGS)


def test_a_corrupt_shard_is_named(con, tmp_path):
    folder = tmp_path / "clean" / "things"
    folder.mkdir(parents=True)
    (folder / "00000.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(DataError, match=r"00000\.parquet cannot be read as Parquet.*dvc repro -f clean"):
        tables.read(con, folder, THINGS)


@pytest.mark.parametrize(
    ("shard", "message"),
    [
        ({"id": ["a"]}, "has no column 'size' .has: id."),
        ({"id": ["a"], "size": ["big"]}, "has 'size' as string, wanted int64"),
    ],
)
def test_a_shard_that_breaks_the_contract_is_refused(con, tmp_path, shard, message):
    folder = tmp_path / "clean" / "things"
    folder.mkdir(parents=True)
    pq.write_table(pa.table(shard), folder / "00000.parquet")
    with pytest.raises(DataError, match=message):
        tables.read(con, folder, THINGS)


def test_a_null_where_none_is_allowed_is_refused(con, tmp_path):
    with pytest.raises(DataError, match="'id' holds a null"):
        tables.write(con.sql("SELECT NULL::VARCHAR AS id, 1::BIGINT AS size"), tmp_path, THINGS)

"""On a base kept rows stay where they are, new ones come behind, and nothing is lost."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import tables
from curation.base import base_of, write_on_base
from curation.errors import DataError
from curation.params import Release
from schemas.table import Column, Table

TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
THINGS = Table(
    "things",
    "one row per thing",
    ("thing_id",),
    (
        Column("messages", TURNS, "Turns."),
        Column("thing_id", pa.string(), "Id."),
        Column("score", pa.float64(), "Score."),
    ),
)
RELEASE = Release(shard_rows=4, row_group_rows=2, base={})


def things(numbers, score=0.5):
    return [
        {
            "thing_id": hashlib.md5(str(number).encode()).hexdigest(),
            "messages": [{"role": "user", "content": f"thing {number}"}],
            "score": score,
        }
        for number in numbers
    ]


def write(rows, folder, base=None):
    """The shards of some rows, on those of a base."""
    with tables.connect(memory_gb=1, processes=1) as con:
        relation = tables.from_rows(con, rows, THINGS)
        if base is None:
            sizes = {"shard_rows": RELEASE.shard_rows, "row_group_rows": RELEASE.row_group_rows}
            tables.write(relation, folder, THINGS, prefix="train-", published=True, **sizes)
        else:
            write_on_base(relation, base, folder, THINGS, release=RELEASE, con=con)
    return sorted(folder.glob("*.parquet"))


def groups(shards):
    """Ids by shard and row group."""
    files = {shard.name: pq.ParquetFile(shard) for shard in shards}
    return {
        name: [file.read_row_group(one).column("thing_id").to_pylist() for one in range(file.num_row_groups)]
        for name, file in files.items()
    }


def test_the_same_rows_are_the_same_bytes(tmp_path):
    base = write(things(range(11)), tmp_path / "base")
    again = write(things(range(11)), tmp_path / "again", base)
    assert {path.name: path.read_bytes() for path in again} == {path.name: path.read_bytes() for path in base}
    grown = write(things(range(20)), tmp_path / "grown", base)
    once_more = write(things(range(20)), tmp_path / "once_more", grown)
    assert {path.name: path.read_bytes() for path in once_more} == {path.name: path.read_bytes() for path in grown}


def test_new_rows_leave_the_shards_of_the_base_as_they_are(tmp_path):
    base = write(things(range(11)), tmp_path / "base")
    grown = write(things(range(17)), tmp_path / "grown", base)
    assert [path.name for path in grown] == [f"train-0000{number}.parquet" for number in range(5)]
    assert [path.read_bytes() for path in grown[:3]] == [path.read_bytes() for path in base]
    new = [
        one for name in ("train-00003.parquet", "train-00004.parquet") for group in groups(grown)[name] for one in group
    ]
    assert new == sorted(row["thing_id"] for row in things(range(11, 17)))


def test_a_row_that_is_gone_leaves_its_row_group_and_a_changed_one_stays(tmp_path):
    base = write(things(range(8)), tmp_path / "base")
    gone = groups(base)["train-00000.parquet"][0][1]
    changed = groups(base)["train-00001.parquet"][1][0]
    rows = [
        row | {"score": 0.9 if row["thing_id"] == changed else 0.5}
        for row in things(range(8))
        if row["thing_id"] != gone
    ]
    after = write(rows, tmp_path / "after", base)
    expected = groups(base)
    expected["train-00000.parquet"][0].remove(gone)
    assert groups(after) == expected
    assert pq.read_table(after[1]).column("score").to_pylist().count(0.9) == 1


def test_a_shard_of_which_no_row_is_left_goes_and_its_number_stays_free(tmp_path):
    base = write(things(range(8)), tmp_path / "base")
    kept = {one for group in groups(base)["train-00001.parquet"] for one in group}
    rows = [row for row in things(range(8)) if row["thing_id"] in kept]
    assert [path.name for path in write([*rows, *things([9])], tmp_path / "after", base)] == [
        "train-00001.parquet",
        "train-00002.parquet",
    ]


def test_no_rows_are_one_empty_shard(tmp_path):
    (only,) = write([], tmp_path / "after", write(things(range(3)), tmp_path / "base"))
    assert (only.name, pq.read_metadata(only).num_rows) == ("train-00000.parquet", 0)


@settings(max_examples=25, deadline=None)
@given(before=st.sets(st.integers(0, 30)), after=st.sets(st.integers(0, 30)))
def test_every_row_stands_once_whatever_the_base(tmp_path_factory, before, after):
    folder = tmp_path_factory.mktemp("any")
    written = write(things(sorted(after)), folder / "after", write(things(sorted(before)), folder / "base"))
    assert sorted(one for shard in groups(written).values() for group in shard for one in group) == sorted(
        row["thing_id"] for row in things(after)
    )


def test_a_base_without_the_key_is_refused(tmp_path):
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "train-00000.parquet")
    with pytest.raises(DataError, match="has no column 'thing_id'; name another base"):
        write(things([1]), tmp_path / "after", [tmp_path / "train-00000.parquet"])


def test_the_latest_version_counts_by_its_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert base_of("chats", None) is base_of("chats", "latest") is None
    for version in ("1.9.0", "1.10.0"):
        write(things([1]), Path("data/releases/chats") / version / "data")
    assert base_of("chats", "latest") == Path("data/releases/chats/1.10.0")
    assert base_of("chats", "1.9.0") == Path("data/releases/chats/1.9.0")
    with pytest.raises(DataError, match=r"chats/2\.0\.0, the base .* has no files .*frozen: 1\.9\.0, 1\.10\.0"):
        base_of("chats", "2.0.0")


def test_a_version_that_dvc_knows_and_nobody_fetched_is_no_silent_fresh_start(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data/releases/chats").mkdir(parents=True)
    Path("data/releases/chats/1.0.0.dvc").write_text("outs: []\n")
    with pytest.raises(DataError, match="Get it: dvc pull"):
        base_of("chats", "latest")

"""A diff finds what a naive one finds, from sidecars and without, and refuses keys that tell nothing apart."""

import json
import math
import tempfile
from pathlib import Path
from pprint import pformat

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import sidecar
from curation.diff import changes, rows
from curation.diff.compare import compare, opened
from curation.errors import DataError

TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
COLUMNS = {
    "text": (pa.string(), st.sampled_from(["", "null", "NULL", "a", "a b", 'q"\\\n', "对"])),
    "label": (pa.string(), st.sampled_from(["x", "y"])),
    "score": (pa.float64(), st.sampled_from([0.0, -0.0, 1.0, 0.1, math.nan, math.inf, -math.inf])),
    "number": (pa.int32(), st.integers(-1, 1)),
    "flag": (pa.bool_(), st.booleans()),
    "blob": (pa.binary(), st.sampled_from([b"", b"\x00", b"a"])),
    "messages": (
        pa.list_(TURN),
        st.lists(
            st.none()
            | st.fixed_dictionaries({"role": st.none() | st.just("u"), "content": st.sampled_from(["", "a"])}),
            max_size=2,
        ),
    ),
    "nested": (
        pa.struct([("a", pa.list_(pa.list_(pa.int64()))), ("b", pa.float32())]),
        st.fixed_dictionaries(
            {
                "a": st.lists(st.none() | st.lists(st.none() | st.integers(0, 1), max_size=2), max_size=2) | st.none(),
                "b": st.none() | st.sampled_from([0.0, -0.0, math.nan]),
            }
        ),
    ),
}


@st.composite
def versions(draw):
    """Two tables of the same columns, with many equal rows."""
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True))
    row = st.fixed_dictionaries({name: st.none() | COLUMNS[name][1] for name in names})
    before = draw(st.dictionaries(st.sampled_from("abcdef"), row))
    changed = draw(st.dictionaries(st.sampled_from("abcdefgh"), row, max_size=4))
    gone = draw(st.sets(st.sampled_from("abcdef"), max_size=2))
    after = {key: values for key, values in {**before, **changed}.items() if key not in gone}
    order = draw(st.permutations(sorted(after)))
    return names, before, {key: after[key] for key in order}


def naive(before, after):
    """Keys that were added and removed, and the columns that changed of those on both sides, in whatever order a struct came."""
    added, removed = set(after) - set(before), set(before) - set(after)
    changed = {
        key: {name for name in before[key] if pformat(before[key][name]) != pformat(after[key][name])}
        for key in set(before) & set(after)
    }
    return added, removed, {key: names for key, names in changed.items() if names}


def write(path, names, table):
    schema = pa.schema([("id", pa.string()), *((name, COLUMNS[name][0]) for name in names)])
    pq.write_table(pa.Table.from_pylist([{"id": key, **row} for key, row in table.items()], schema=schema), path)


@settings(max_examples=60, deadline=None)
@given(versions())
def test_a_diff_agrees_with_a_naive_one(drawn):
    names, before, after = drawn
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, "a.parquet"), names, before)
        write(Path(folder, "b.parquet"), names, after)
        with opened(f"{folder}/a.parquet", f"{folder}/b.parquet", ["id"]) as both:
            told, counts = compare(both, num_samples=None), rows.column_counts(both, texts=True)
    added, removed, changed = naive(before, after)
    found = {kind: [row for row in told.samples if row["diff_type"] == kind] for kind in rows.KINDS}
    assert {row["to_id"] for row in found["added"]} == added
    assert {row["from_id"] for row in found["removed"]} == removed
    assert {row["from_id"]: set(row["changed_columns"]) for row in found["modified"]} == changed
    assert counts == {n: sum(n in one for one in changed.values()) for n in counts}
    assert set(counts) == {name for one in changed.values() for name in one}


@settings(max_examples=25, deadline=None)
@given(versions())
def test_sidecars_of_random_tables_tell_the_same_as_the_rows(drawn):
    names, *tables = drawn
    entry = {"config": "default", "split": "train"}
    found = []
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        for side, table in zip("ab", tables, strict=True):
            root = Path(folder, side)
            (root / "data").mkdir(parents=True)
            write(root / "data/train.parquet", names, table)
            rows_of_side = con.sql(f"FROM {sidecar.read_sql([root / 'data/train.parquet'])}")
            sidecar.write(rows_of_side, root / "sidecar", split="train", key=("id",))
        for listed in ([{**entry, "path": "sidecar/train-00000.parquet"}], []):
            manifest = {"files": [{**entry, "path": "data/train.parquet"}], "sidecars": listed}
            for side in "ab":
                Path(folder, side, "manifest.json").write_text(json.dumps(manifest))
            with opened(f"{folder}/a", f"{folder}/b", ["id"]) as both:
                assert changes.has_sidecars(both) == bool(listed and bool(tables[0]) == bool(tables[1]))
                found.append(both.con.execute("FROM changes ORDER BY ALL").fetchall())
    assert found[0] == found[1]


def test_sidecars_tell_the_same_as_the_rows(two_versions, tmp_path):
    def told(old, new):
        with opened(old, new) as both:
            return changes.has_sidecars(both), both.con.execute("FROM changes ORDER BY ALL").fetchall(), compare(
                both, num_samples=None
            )  # fmt: skip

    from_sidecars = told("chats@1.0.0", "chats@1.1.0")
    for manifest in two_versions.glob("*/manifest.json"):
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "sidecars": []}))
    from_rows = told("chats@1.0.0", "chats@1.1.0")
    assert (from_sidecars[0], from_rows[0]) == (True, False)
    assert from_sidecars[1:] == from_rows[1:]


def test_a_diff_tells_rows_columns_splits_and_why_rows_left(two_versions):
    with opened("chats@1.0.0", "chats@1.1.0") as both:
        told = compare(both, num_samples=1)
    assert told.key == ("config", "sample_id")
    assert (told.rows, told.added, told.removed, told.modified) == ((5, 5), 1, 1, 3)
    assert told.columns == {"messages": 1, "verify_score": 1}
    assert (told.moves, told.reasons) == ((("train", "test", 1),), (("deduplicate.near_duplicate", 1),))
    assert [row["diff_type"] for row in told.samples] == ["added", "removed", "modified"]


def test_shares_and_means_of_both_sides_are_told(two_versions):
    with opened("chats@1.0.0", "chats@1.1.0") as both:
        figures = {
            (one.column, one.figure): (one.from_value, one.to_value) for one in compare(both, num_samples=0).drift
        }
    assert figures["category", "share of code"] == (0, 0.2)
    assert figures["category", "total variation"] == (None, 0.2)
    assert figures["verify_score", "mean"] == (1, 0.9)


def test_equal_rows_in_other_shards_and_order_are_equal(tmp_path, make_parquet):
    ordered = [{"id": i, "v": [i]} for i in range(9)]
    (tmp_path / "shards").mkdir()
    for shard in range(3):
        part = pa.Table.from_pylist(ordered[shard::3][::-1])
        pq.write_table(part, tmp_path / f"shards/{shard}=[x].parquet")
    with opened(make_parquet("one", ordered), str(tmp_path / "shards"), ["id"]) as both:
        assert not compare(both, num_samples=3).different


def test_json_lines_equal_the_parquet_that_holds_the_same(tmp_path, make_parquet):
    told = [{"id": "0cc175b9-c0f1-b6a8-31c3-99e269772661", "day": "2020-01-01", "score": 1.0, "turns": [{"role": "u"}]}]
    told += [{"id": "b", "day": "x", "score": 0.5, "turns": []}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))
    with opened(make_parquet("rows", told), str(tmp_path / "rows.jsonl"), ["id"]) as both:
        assert not compare(both, num_samples=3).different
        assert both.types["day"].id == "varchar"


@pytest.mark.parametrize("empty", [(True, False), (False, True), (True, True)])
def test_a_side_may_be_empty(make_parquet, empty):
    schema = pa.schema([("id", pa.string()), ("score", pa.float64()), ("label", pa.string())])
    full = [{"id": "a", "score": 1.0, "label": "x"}]
    paths = [make_parquet(f"side{i}", [] if none else full, schema) for i, none in enumerate(empty)]
    with opened(*paths, ["id"]) as both:
        told = compare(both, num_samples=3)
    assert (told.added, told.removed) == (int(empty == (True, False)), int(empty == (False, True)))


def test_columns_of_another_type_are_compared_as_the_wider_one(make_parquet):
    old = make_parquet("old", [{"id": 1, "a": 1, "b": "7", "c": 1}, {"id": 2, "a": 2, "b": "x", "c": 1}])
    new = make_parquet("new", [{"id": 1, "a": 1.0, "b": 7, "d": 1}, {"id": 2, "a": 2.5, "b": 8, "d": 1}])
    with opened(old, new, ["id"]) as both:
        told = compare(both, num_samples=3)
    assert told.columns == {"a": 1, "b": 1}
    assert told.schema == (
        ("a", "BIGINT", "DOUBLE"), ("b", "VARCHAR", "BIGINT"), ("c", "BIGINT", None), ("d", None, "BIGINT"),
    )  # fmt: skip


@pytest.mark.parametrize("value", [{"b": 1}, "对", 1, [{"b": 1}], b"a", [[1]]])
def test_types_with_nothing_in_common_are_compared_as_text(make_parquet, value):
    old, new = make_parquet("old", [{"id": 1, "a": [2]}]), make_parquet("new", [{"id": 1, "a": value}])
    with opened(old, new, ["id"]) as both:
        assert compare(both, num_samples=3).modified == 1


def test_a_field_that_is_new_within_a_struct_changes_the_rows_that_have_it(make_parquet):
    old = make_parquet("old", [{"id": i, "turns": [{"role": "u"}]} for i in (1, 2)])
    new = make_parquet("new", [{"id": i, "turns": [{"role": "u", "name": name}]} for i, name in ((1, "x"), (2, None))])
    with opened(old, new, ["id"]) as both:
        assert compare(both, num_samples=0).columns == {"turns": 1}


def test_a_release_and_a_file_are_compared_without_splits(two_versions, make_parquet):
    old = str(two_versions / "1.0.0/data/train-00000.parquet")
    with opened(old, "chats@1.1.0") as both:
        told = compare(both, num_samples=1)
    assert (told.key, told.moves, told.modified) == (("sample_id",), (), 2)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (["a", "a", "b"], ["a", "b"], "rows of .*old.parquet apart; 1 of its values .*: a on 2 rows"),
        (["a", "b"], ["a", "b", "b", "b"], "rows of .*new.parquet apart; 1 of its values .*: b on 3 rows"),
        (["a", None], ["a", None], "rows of .*old.parquet apart; 1 of its values .*: null on 1 row"),
        (["a", "a"], ["a", "a"], "old.parquet apart; 1 of its values are null or stand on several rows: a on 2 rows"),
    ],
)
def test_keys_that_are_null_or_on_several_rows_are_listed(make_parquet, old, new, told):
    schema = pa.schema([("id", pa.string())])
    paths = [make_parquet(n, [{"id": key} for key in keys], schema) for n, keys in (("old", old), ("new", new))]
    with pytest.raises(DataError, match=told), opened(*paths, ["id"]):
        pass


def test_a_key_in_two_splits_of_a_release_is_refused(two_versions, tmp_path, make_release):
    split = pq.read_table(two_versions / "1.0.0/data/train-00000.parquet").to_pylist()[:1]
    make_release(tmp_path / "twice", {"train": split, "test": split})
    make_release(tmp_path / "none", {"train": []})
    with pytest.raises(DataError, match="rows of twice apart; 1 of its values"), opened("none", "twice"):
        pass


def test_a_key_of_two_columns_tells_rows_apart(make_parquet):
    old = [{"id": i, "part": part, "v": 0} for i in range(2) for part in "ab"]
    new = [{**row, "v": int(row["part"] == "b" and row["id"] == 1)} for row in old]
    with opened(make_parquet("old", old), make_parquet("new", new), ["id", "part"]) as both:
        (row,) = compare(both, num_samples=3).samples
    assert (row["from_id"], row["from_part"], row["changed_columns"]) == (1, "b", ["v"])

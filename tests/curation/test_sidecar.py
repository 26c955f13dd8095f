"""A sidecar holds a key and stable hashes that tell values apart as their JSON does."""

import hashlib
import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import sidecar
from curation.layouts.named import layout_of
from curation.params import load

TURN = "STRUCT(role VARCHAR, content VARCHAR)"


def stable(text):
    """The last 8 bytes of the MD5, as a little-endian number."""
    return int.from_bytes(hashlib.md5(text.encode()).digest()[8:], "little")


def hashes(con, values, sql_type):
    """The stable hash of each value."""
    rows = con.sql(" UNION ALL ".join(f"SELECT {value}::{sql_type} AS v" for value in values))
    hashed = sidecar.hash_of({"v": rows.types[0]})
    return [row[0] for row in rows.query("rows", f"SELECT {hashed} FROM rows").fetchall()]


@pytest.mark.parametrize(
    ("sql_type", "values"),
    [
        ("VARCHAR", ["NULL", "''", "'null'", "'NULL'", "'a'", "'a '", "'A'"]),
        ("INT[]", ["NULL", "[]", "[NULL]", "[NULL, NULL]", "[0]", "[0, NULL]", "[NULL, 0]", "[1, 2]", "[2, 1]"]),
        ("VARCHAR[]", ["NULL", "[]", "['']", "['', '']", "[NULL]", "['a', 'b']", "['a, b']", "['ab']"]),
        ("DOUBLE", ["NULL", "0.0", "-0.0", "'nan'", "'inf'", "'-inf'", "0.1", "1e300"]),
        (f"{TURN}[]", ["NULL", "[]", "[NULL]", "[{role: NULL, content: 'a'}]", "[{role: 'a', content: NULL}]"]),
        (TURN, ["NULL", "{role: NULL, content: NULL}", "{role: '', content: ''}", "{role: 'a', content: 'a'}"]),
    ],
)
def test_values_that_differ_have_hashes_that_differ(con, sql_type, values):
    assert len(set(hashes(con, values, sql_type))) == len(values)


def test_not_a_number_equals_itself(con):
    assert len(set(hashes(con, ["'nan'", "-'nan'::DOUBLE", "'inf'::DOUBLE - 'inf'::DOUBLE"], "DOUBLE"))) == 1


@pytest.mark.parametrize(
    ("value", "sql_type", "told"),
    [
        ("'a b'", "VARCHAR", {"v": stable("a b")}),
        ("NULL", "VARCHAR", {"v": None}),
        ("0.1", "DOUBLE", {"v": 0.1}),
        ("1e300", "DOUBLE", {"v": 1e300}),
        (
            "[{role: 'u', content: '对'}, NULL]",
            f"{TURN}[]",
            {"v": [{"role": stable("u"), "content": stable("对")}, None]},
        ),
    ],
)
def test_a_hash_is_the_md5_of_json_in_which_texts_are_replaced_by_theirs(con, value, sql_type, told):
    text = json.dumps(told, separators=(",", ":")).replace("e+", "e")
    assert hashes(con, [value], sql_type) == [stable(text)]


def test_the_groups_of_every_layout_hold_each_column_once(con):
    for dataset in load().datasets.values():
        table = layout_of(dataset).table(dataset)
        columns = sidecar.columns_of(con.from_arrow(table.arrow_schema.empty_table()))
        groups = sidecar.column_groups(columns, table.key)
        assert sorted(name for names in groups.values() for name in names) == sorted(set(columns) - set(table.key))


def test_texts_labels_scores_and_ids_are_groups(con):
    rows = con.sql(
        "SELECT [{'role': 'u'}] AS messages, 'a' AS question, 'math' AS category, true AS ok, 1 AS num_turns, "
        "0.5 AS verify_score, 'p' AS prompt_id, 's' AS sample_id"
    )
    assert sidecar.column_groups(sidecar.columns_of(rows), ("sample_id",)) == {
        "text": ("messages", "question"),
        "labels": ("category", "ok"),
        "scores": ("num_turns", "verify_score"),
        "ids": ("prompt_id",),
    }


@pytest.mark.parametrize(
    ("ids", "stored"), [(["0" * 32, "f" * 32], "UUID"), (["0" * 32, "x"], "VARCHAR"), ([], "UUID")]
)
def test_ids_of_hex_take_16_bytes(con, tmp_path, ids, stored):
    table = pa.table({"id": pa.array(ids, pa.string()), "v": pa.array(range(len(ids)), pa.int64())})
    sidecar.write(con.from_arrow(table), tmp_path, split="train", key=("id",))
    rows = con.sql(f"FROM {sidecar.read_sql([tmp_path / 'train-00000.parquet'])}")
    assert [str(kind) for kind in rows.types] == [stored, "UBIGINT"]
    assert [str(row[0]).replace("-", "") for row in rows.fetchall()] == ids
    told = sidecar.contents(tmp_path / "train-00000.parquet")
    assert (told["key"], told["groups"]) == (["id"], {"scores": [["v", "BIGINT"]]})


def test_hashes_stand_in_the_order_of_the_rows_so_that_new_rows_leave_them_in_place(con, tmp_path):
    table = pa.table({"id": ["b", "a", "c"], "text": ["x", None, "z"], "score": [1.0, math.nan, -0.0]})
    for name, rows in {"two": table.slice(0, 2), "three": table, "turned": table.take([2, 1, 0])}.items():
        sidecar.write(con.from_arrow(rows), tmp_path / name, split="train", key=("id",))
    two, three, turned = (pq.read_table(tmp_path / name / "train-00000.parquet") for name in ("two", "three", "turned"))
    assert three.column("id").to_pylist() == ["b", "a", "c"]
    assert three.slice(0, 2).equals(two)
    assert three.take([2, 1, 0]).equals(turned)

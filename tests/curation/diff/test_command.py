"""The formats of a diff, its output file and its exit codes."""

import json
from pathlib import Path

import duckdb
import pytest

from curation.cli import main

GOLDEN = Path(__file__).parents[2] / "fixtures/diff"
KEYS = {"from", "to", "different", "key", "rows", "added", "removed", "modified", "columns", "schema", "moves"}


@pytest.mark.parametrize("output_format", ["text", "json", "markdown", "html"])
def test_a_format_looks_as_it_did(two_versions, capsys, output_format):
    assert main(["diff", "chats@1.0.0", "chats@1.1.0", "--format", output_format]) == 0
    assert capsys.readouterr().out == (GOLDEN / f"two_versions.{output_format}").read_text(encoding="utf-8")


def test_parquet_has_the_columns_of_dolt_and_every_row(two_versions, tmp_path):
    assert main(["diff", "chats@1.0.0", "chats@1.1.0", "--format", "parquet", "--output", "changes.parquet"]) == 0
    rows = duckdb.sql(f"FROM '{tmp_path}/changes.parquet'")
    assert rows.columns[:3] == ["diff_type", "from_messages", "from_sample_id"]
    assert {"to_verify_score", "from_@split", "to_@split", "changed_columns", "reason"} < set(rows.columns)
    told = rows.project("diff_type, from_verify_score, to_verify_score, changed_columns, reason").fetchall()
    assert told == [
        ("added", None, 1, None, None),
        ("modified", 1, 1, ["messages"], None),
        ("modified", 1, 0.5, ["verify_score"], None),
        ("modified", 1, 1, ["@split"], None),
        ("removed", 1, None, None, "deduplicate.near_duplicate"),
    ]


def test_json_has_every_row_where_all_are_asked_for(two_versions, capsys):
    main(["diff", "chats@1.0.0", "chats@1.1.0", "--format", "json", "--samples", "all"])
    told = json.loads(capsys.readouterr().out)
    assert set(told) == KEYS | {"reasons", "drift", "samples"}
    assert len(told["samples"]) == told["added"] + told["removed"] + told["modified"]


@pytest.mark.parametrize(
    ("new", "check", "code"),
    [("chats@1.1.0", ["--check"], 1), ("chats@1.1.0", [], 0), ("chats@1.0.0", ["--check"], 0)],
)
def test_check_exits_with_1_where_versions_differ(two_versions, capsys, new, check, code):
    assert main(["diff", "chats@1.0.0", new, *check]) == code
    assert ("equal" in capsys.readouterr().out) == (new == "chats@1.0.0")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["chats@1.0.0", "chats@1.1.0", "--format", "parquet"], "name a file: --output changes.parquet"),
        (["chats@1.0.0", "chats@1.1.0", "--output", "no/x"], "cannot write no/x: No such file or directory"),
        (["chats@1.0.0", "chats@1.1.0", "--key", "sample"], "no column 'sample' for a key; nearest: sample_id"),
        (["data/releases/chats/1.0.0/data", "chats@1.1.0", "--key", "no"], "there are: messages, sample_id"),
        (["data/releases/chats/1.0.0/data"] * 2, "name it: --key COLUMN[,COLUMN]. Columns: messages"),
    ],
)
def test_an_error_says_what_to_do(two_versions, capsys, arguments, told):
    assert main(["diff", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_an_output_is_whole_or_absent(two_versions, tmp_path, capsys):
    (tmp_path / "told.html").write_text("before")
    assert main(["diff", "chats@1.0.0", "lost", "--format", "html", "--output", "told.html"]) == 2
    assert (tmp_path / "told.html").read_text() == "before"
    assert main(["diff", "chats@1.0.0", "chats@1.1.0", "--format", "html", "--output", "told.html"]) == 0
    assert (tmp_path / "told.html").read_text().startswith("<!doctype html>")
    assert list(tmp_path.glob(".*.part")) == []
    assert capsys.readouterr().out == ""


def test_markup_in_a_text_is_shown_not_run(make_parquet, capsys):
    old, new = (make_parquet(n, [{"id": "<b>", "t": text}]) for n, text in (("old", "a"), ("new", "<script>x")))
    assert main(["diff", old, new, "--key", "id", "--format", "html"]) == 0
    assert "<ins>&lt;script&gt;x</ins>" in capsys.readouterr().out

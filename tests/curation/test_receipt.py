"""A receipt tells of its moment; the recipe's comments are no part of the recipe."""

import json

import pytest

from curation.receipt import read_receipt, recipe_digest, write_receipt

RECIPE = "SELECT sample_id -- the sample\nFROM candidates"


def test_a_receipt_is_read_back_with_clock_and_tools(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write_receipt(tmp_path, {"version": "1.0.0"})
    told = read_receipt(tmp_path)
    assert (told["version"], told["frozen_at"], told["git"]) == ("1.0.0", "1970-01-02T00:00:00+00:00", None)
    assert told["dvc_lock"] is None
    assert read_receipt(tmp_path / "nothing") == {}


def test_the_stage_that_publishes_is_no_part_of_the_digest_of_dvc_lock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    digests = []
    for stages in ({"a": 1}, {"a": 1, "publish": 2}, {"a": 2}):
        (tmp_path / "dvc.lock").write_text(json.dumps({"stages": stages}))
        write_receipt(tmp_path, {})
        digests.append(read_receipt(tmp_path)["dvc_lock"])
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("SELECT   sample_id\n  FROM candidates -- all", True),
        ("SELECT sample_id FROM candidates WHERE true", False),
    ],
)
def test_a_recipe_is_another_where_more_than_comments_differ(tmp_path, other, same):
    digests = []
    for number, text in enumerate((RECIPE, other)):
        (tmp_path / f"{number}.sql").write_text(text)
        digests.append(recipe_digest({"params": {"dataset": {"recipe": str(tmp_path / f"{number}.sql")}}}))
    assert (digests[0] == digests[1]) is same
    assert recipe_digest({"params": {}}) is None

"""A side is found by path, name or version, and one that is not there is told of in a sentence."""

import json

import pytest

from curation.diff import sides
from curation.diff.session import session
from curation.errors import DataError


def side(con, name):
    with session(con) as opened:
        return sides.side(name, opened)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("chats@1.0.1", r"nothing is called 'chats@1.0.1'.*nearest: chats@1.0.0"),
        ("hat", r"no dataset in data/release, no version in data/releases, no revision of git; "),
        ("empty", r"empty holds neither manifest.json nor Parquet nor JSONL files"),
        ("notes.txt", r"notes.txt is no Parquet and no JSONL file"),
        ("broken.parquet", r"broken.parquet cannot be read \(.*\). Write it again"),
        ("broken", r"manifest.json of broken is not that of a release"),
        ("lost", r"data/train-00000.parquet is not there, and manifest.json of lost lists it. Copy the release again"),
        ("bare", r"manifest.json of bare lists no file with rows"),
    ],
)
def test_a_wrong_side_is_told_of(two_versions, tmp_path, con, name, told):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("a")
    (tmp_path / "broken.parquet").write_text("a")
    file = {"config": "default", "split": "train", "path": "data/train-00000.parquet"}
    for folder, text in {"broken": "{", "lost": json.dumps({"files": [file]}), "bare": '{"files": []}'}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=told):
        side(con, name)


def test_a_mistyped_name_is_told_with_the_nearest_where_git_is_not_installed(two_versions, tmp_path, con, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"no revision of git \(git is not installed\); nearest: chats@1.0.0"):
        side(con, "chat@1.0.0")


def test_a_version_that_is_not_there_is_told_with_how_it_comes_back(two_versions, con):
    (two_versions / "1.0.0/data/train-00000.parquet").unlink()
    with pytest.raises(
        DataError, match=r"manifest.json of chats@1.0.0 lists it. Get it back: curate checkout chats@1.0.0"
    ):
        side(con, "chats@1.0.0")
    (two_versions / "1.2.0.dvc").write_text("outs: []")
    with pytest.raises(
        DataError, match=r"chats/1.2.0 is not there, DVC tracks it. Get it back: curate checkout chats@1.2.0"
    ):
        side(con, "chats@1.2.0")


def test_a_side_is_found_by_dataset_version_and_path(tiny_project, con):
    (tiny_project / "data/releases/am-1-4m").mkdir(parents=True)
    (tiny_project / "data/releases/am-1-4m/1.0.0").symlink_to(tiny_project / "data/release/am-1-4m")
    found = [side(con, name) for name in ("am-1-4m", "am-1-4m@1.0.0", "am-1-4m@v1.0.0", "data/release/am-1-4m")]
    assert {one.root.resolve() for one in found} == {(tiny_project / "data/release/am-1-4m").resolve()}
    assert {one.default_key() for one in found} == {("sample_id",)}
    assert {one.release for one in found} == {True}


def test_json_lines_keep_texts_that_look_like_something_else(tmp_path, con):
    row = {"id": "0cc175b9-c0f1-b6a8-31c3-99e269772661", "at": "2020-01-01 10:00:00", "none": None, "n": 1}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    columns = side(con, str(tmp_path / "rows.jsonl")).columns
    assert {name: str(kind) for name, kind in columns.items()} == {
        "id": "VARCHAR", "at": "VARCHAR", "none": "VARCHAR", "n": "BIGINT",
    }  # fmt: skip

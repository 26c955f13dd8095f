"""Commits: what they do to a tree, what is refused, and that only one of two wins."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.hub.changes import Change, applied
from curation.hub.commits import lfs_entry
from curation.hub.messages import RefusalError
from curation.hub.refs import all_refs
from tests.curation.hub.calls import commit_lines, text_line

ENTRY = lfs_entry("0" * 64, 1)
OTHER = lfs_entry("1" * 64, 2)
TRICKS = ("", "/etc/passwd", "../up", "a/../b", "a//b", "./a", "a\\b", "a\0b", "a\nb", ".git/config", "a//", "\ud800")
COMMIT = "/api/datasets/ada/chats/commit/main"


def test_changes_are_applied_one_after_the_other():
    tree = {"a.txt": ENTRY, "old/b.txt": ENTRY, "old/c/d.txt": ENTRY, "older.txt": ENTRY}
    changes = [Change("old", None, is_folder=True), Change("old", OTHER), Change("a.txt", None), Change("z", OTHER)]
    assert applied(tree, changes) == {"older.txt": ENTRY, "old": OTHER, "z": OTHER}
    assert tree["a.txt"] == ENTRY, "the tree before stays what it was"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (Change("none", None), 404),
        (Change("a", None), 404),
        (Change("a/b.txt", None, is_folder=True), 404),
        (Change("a/b.txt/c", ENTRY), 400),
        (Change("a", ENTRY), 400),
    ],
)
def test_what_no_tree_can_hold_is_refused(change, status):
    with pytest.raises(RefusalError) as refused:
        applied({"a/b.txt": ENTRY}, [change])
    assert refused.value.status == status


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-c]{1,2}(/[a-c]{1,2}){0,2}", fullmatch=True), st.booleans(), max_size=8))
def test_a_tree_never_has_a_file_that_is_a_folder(wanted):
    try:
        tree = applied({}, [Change(path, ENTRY) for path in wanted])
    except RefusalError:
        assert any(one.startswith(f"{other}/") for one in wanted for other in wanted)
    else:
        assert tree.keys() == wanted.keys()


@pytest.mark.parametrize("key", ["file", "lfsFile", "deletedFile", "deletedFolder"])
def test_path_tricks_are_refused(ask, repo, key):
    before = all_refs(repo, "heads")
    for path in TRICKS:
        line = (key, {"path": path, "content": "", "encoding": "base64", "oid": "0" * 64, "size": 0})
        status, headers, body = ask("POST", COMMIT, commit_lines(line))
        assert (status, headers["content-type"]) == (400, "application/json"), path
        assert "path" in json.loads(body)["error"]
    assert all_refs(repo, "heads") == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json\n",
        b"[]\n",
        b'{"key": "file", "value": {"path": "a", "content": ""}}\n',
        commit_lines(summary=""),
        commit_lines(summary=3),
        commit_lines(("unknown", {"path": "a"})),
        commit_lines(("file", {"path": "a", "content": "%%%", "encoding": "base64"})),
        commit_lines(("lfsFile", {"path": "a", "oid": "0" * 64, "size": 1})),
        commit_lines(("lfsFile", {"path": "a", "oid": "../../../secret"})),
        commit_lines(text_line("a", "good")) + b'{"key": "file"}\n',
    ],
)
def test_what_is_no_commit_is_refused_whole(ask, repo, body):
    before = all_refs(repo, "heads")
    assert ask("POST", COMMIT, body)[0] == 400
    assert all_refs(repo, "heads") == before


def test_of_two_commits_on_one_parent_one_wins(ask, repo):
    for turn in range(5):
        parent = all_refs(repo, "heads")["main"]
        bodies = [commit_lines(text_line("a", f"{turn} {one}"), parentCommit=parent) for one in range(8)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda body: ask("POST", COMMIT, body), bodies))
        won = [json.loads(body)["commitOid"] for status, _, body in answers if status == 200]
        assert sorted(status for status, _, _ in answers) == [200] + [412] * 7
        assert all_refs(repo, "heads")["main"] == won[0]


def test_without_a_parent_all_commits_land(ask):
    bodies = [commit_lines(text_line(f"{one}.txt", "x")) for one in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert {status for status, _, _ in pool.map(lambda body: ask("POST", COMMIT, body), bodies)} == {200}
    listed = json.loads(ask("GET", "/api/datasets/ada/chats/tree/main")[2])
    assert [node["path"] for node in listed] == [".gitattributes", *(f"{one}.txt" for one in range(8))]


def test_a_commit_to_what_is_no_branch_is_refused(ask):
    status, headers, _ = ask("POST", "/api/datasets/ada/chats/commit/none", commit_lines(text_line("a", "x")))
    assert (status, headers["x-error-code"]) == (404, "RevisionNotFound")


def test_text_need_not_be_base64(ask):
    line = ("file", {"path": "a", "content": "ü"})
    assert ask("POST", COMMIT, commit_lines(line))[0] == 200
    assert ask("GET", "/datasets/ada/chats/resolve/main/a")[2] == "ü".encode()

"""Downloads: headers, ranges and what is not there."""

import hashlib

import pytest

from tests.curation.hub.calls import commit_lines, lfs_actions, text_line

TEXT = "0123456789"
DATA = b"\0" + TEXT.encode()
OID = hashlib.sha256(DATA).hexdigest()
AT = "/datasets/ada/chats/resolve/main"


@pytest.fixture
def files(ask):
    """A hub with a file in LFS and one that is not."""
    ask("PUT", lfs_actions(ask, DATA)[0]["href"], DATA)
    lfs = ("lfsFile", {"path": "data/a.bin", "algo": "sha256", "oid": OID, "size": 11})
    lines = commit_lines(lfs, text_line("a.txt", TEXT), text_line("none.txt", ""))
    assert ask("POST", "/api/datasets/ada/chats/commit/main", lines)[0] == 200
    return ask


def test_head_says_what_get_sends(files):
    for path in ("data/a.bin", "a.txt", "none.txt"):
        said, sent = files("HEAD", f"{AT}/{path}"), files("GET", f"{AT}/{path}")
        assert {**said[1], "date": ""} == {**sent[1], "date": ""}
        assert (said[2], int(said[1]["content-length"])) == (b"", len(sent[2]))


def test_headers_tell_lfs_from_git(files):
    _, lfs, _ = files("HEAD", f"{AT}/data/a.bin")
    _, regular, _ = files("HEAD", f"{AT}/a.txt")
    assert (lfs["etag"], lfs["x-linked-etag"], lfs["x-linked-size"]) == (f'"{OID}"', f'"{OID}"', "11")
    assert regular["etag"] == '"ad471007bd7f5983d273b9584e5629230150fd54"', "what git hash-object prints"
    assert "x-linked-etag" not in regular
    assert regular["x-repo-commit"] == lfs["x-repo-commit"]


@pytest.mark.parametrize(
    ("asked", "status", "sent", "said"),
    [
        ("bytes=0-3", 206, TEXT[:4], "bytes 0-3/10"),
        ("bytes=4-", 206, TEXT[4:], "bytes 4-9/10"),
        ("bytes=-3", 206, TEXT[-3:], "bytes 7-9/10"),
        ("bytes=8-99", 206, TEXT[8:], "bytes 8-9/10"),
        ("bytes=-99", 200, TEXT, None),
        ("bytes=0-9", 200, TEXT, None),
        ("bytes=0-1,3-4", 200, TEXT, None),
        ("bytes=-", 200, TEXT, None),
        ("lines=1-2", 200, TEXT, None),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=5-4", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
    ],
)
def test_ranges(files, asked, status, sent, said):
    found, headers, body = files("GET", f"{AT}/a.txt", Range=asked)
    assert (found, headers.get("content-range")) == (status, said)
    assert sent is None or body.decode() == sent


def test_a_range_of_what_has_changed_is_all_of_it(files):
    assert files("GET", f"{AT}/a.txt", Range="bytes=1-2", If_Range='"other"')[0] == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("main/none", "EntryNotFound"),
        ("main/data", "EntryNotFound"),
        ("main/..%2F..%2Frepo.json", "EntryNotFound"),
        ("main/../../../../secret", "EntryNotFound"),
        ("other/a.txt", "RevisionNotFound"),
        ("..%2F..%2Frepo.json/a.txt", "RevisionNotFound"),
        ("%00/a.txt", "RevisionNotFound"),
        (f"{'x' * 5000}/a.txt", "RevisionNotFound"),
    ],
)
def test_what_is_not_there(files, path, code):
    status, headers, _ = files("GET", f"/datasets/ada/chats/resolve/{path}")
    assert (status, headers["x-error-code"]) == (404, code)
    assert ("x-repo-commit" in headers) == (code == "EntryNotFound"), "the clients remember what a commit lacks"

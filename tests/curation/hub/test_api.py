"""What the clients do not show of /api/."""

import json

import pytest

from curation.hub import api
from tests.curation.hub.calls import commit_lines, text_line


@pytest.mark.parametrize(
    ("content", "status"),
    [("---\na: [1]\n---\n# Card\n", 200), ("---\na: [1\n---\n", 400), ("# Card", 200), ("", 200)],
)
def test_the_metadata_of_a_card_is_read(ask, content, status):
    found, _, body = ask("POST", "/api/validate-yaml", {"content": content, "repoType": "dataset"})
    assert (found, len(json.loads(body)["errors"])) == (status, int(status == 400))


def test_commits_come_in_pages(ask, monkeypatch):
    monkeypatch.setattr(api, "PAGE_COMMITS", 2)
    for number in range(4):
        lines = commit_lines(text_line("a", str(number)), summary=str(number))
        ask("POST", "/api/datasets/ada/chats/commit/main", lines)
    path, titles = "/api/datasets/ada/chats/commits/main", []
    while path:
        _, headers, body = ask("GET", path)
        titles.append([one["title"] for one in json.loads(body)])
        path = headers.get("link", "").partition("/api")[2].partition(">")[0]
        path = path and f"/api{path}"
    assert titles == [["3", "2"], ["1", "0"], ["initial commit"]]


def test_gated_access_is_refused(ask):
    status, _, body = ask("PUT", "/api/datasets/ada/chats/settings", {"gated": "auto"})
    assert (status, b"not gated" in body) == (400, True)


def test_files_that_git_holds_and_those_of_lfs_are_told_apart(ask):
    files = [
        {"path": "a.parquet", "size": 5, "sample": ""},
        {"path": "A.ZIP", "size": 5, "sample": ""},
        {"path": "a.txt", "size": 5, "sample": "AAA="},
        {"path": "b.txt", "size": 11 << 20, "sample": "YWE="},
        {"path": "c.txt", "size": 5, "sample": "YWE="},
        {"path": ".gitattributes", "size": 5, "sample": "YWE="},
    ]
    status, _, body = ask("POST", "/api/datasets/ada/chats/preupload/main", {"files": files})
    modes = [one["uploadMode"] for one in json.loads(body)["files"]]
    assert (status, modes) == (200, ["lfs"] * 4 + ["regular"] * 2)
    assert "oid" in json.loads(body)["files"][-1], "what is there already is told, so that it need not be sent"

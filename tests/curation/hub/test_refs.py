"""Names of branches and tags, and what a revision can be."""

import json

import pytest

from curation.hub import refs
from curation.hub.messages import RefusalError

NO_NAMES = (
    "", ".", "..", "a..b", "../../repo.json", "/a", "a/", "a//b", "-a", "a b", "a\0", "a\\b", "x.lock", "HEAD", "0" * 40,
    "refs/heads/a", "ü" * 100, 3,
)  # fmt: skip


@pytest.mark.parametrize("name", ["v1.0.0", "release/1.0", "20260131", "ü"])
def test_names_come_back_as_they_were(ask, repo, name):
    assert ask("POST", "/api/datasets/ada/chats/tag/main", {"tag": name})[0] == 200
    commit = refs.all_refs(repo, refs.TAGS)[name]
    assert refs.resolve(repo, name) == refs.resolve(repo, f"refs/tags/{name}") == commit


def test_what_is_no_name_is_refused(ask, repo):
    for name in NO_NAMES:
        assert ask("POST", "/api/datasets/ada/chats/tag/main", {"tag": name})[0] == 400, name
    assert refs.all_refs(repo, refs.TAGS) == {}


def test_the_first_digits_of_a_commit_name_it(ask, repo):
    commit = refs.resolve(repo, "main")
    assert refs.resolve(repo, commit[:7]) == refs.resolve(repo, commit) == commit
    for unknown in (commit[:6], "0" * 40, "*", ""):
        with pytest.raises(RefusalError, match="no revision"):
            refs.resolve(repo, unknown)


def test_a_tag_is_not_moved_even_to_where_it_is(ask):
    """The clients tell both cases apart by reading the refs."""
    answers = [ask("POST", "/api/datasets/ada/chats/tag/main", {"tag": "v1"}) for _ in range(2)]
    assert [status for status, _, _ in answers] == [200, 409]
    assert "names" in json.loads(answers[1][2])["error"]

"""Repositories: their names, and that they come and go at once."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from curation.hub import repos
from curation.hub.messages import RefusalError

CHATS = {"name": "chats", "organization": "ada", "type": "dataset"}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a..b", "a--b", "-a", "a-", "a.", "a b", "ü", "a\0", "x" * 97])
def test_what_is_no_name_is_refused(tmp_path, name):
    with pytest.raises(RefusalError, match="is no name"):
        repos.repo_named(tmp_path, "datasets", "ada", name)
    with pytest.raises(RefusalError, match="is no name"):
        repos.repo_named(tmp_path, "datasets", name, "chats")


def test_of_several_that_create_one_does(ask):
    new = {**CHATS, "name": "new"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask("POST", "/api/repos/create", new), range(8)))
    assert sorted(status for status, _, _ in answers) == [200] + [409] * 7
    assert {json.loads(body)["url"].partition("/datasets/")[2] for _, _, body in answers} == {"ada/new"}


def test_what_was_created_in_part_is_not_there_and_can_be_created(ask, repo):
    """As a server leaves it that is killed before its last step."""
    (repo.folder / "repo.json").unlink()
    assert ask("GET", "/api/datasets/ada/chats")[0] == 404
    assert json.loads(ask("GET", "/api/datasets")[2]) == []
    assert ask("POST", "/api/repos/create", CHATS)[0] == 200
    assert len(json.loads(ask("GET", "/api/datasets/ada/chats/commits/main")[2])) == 1


def test_a_deleted_repository_leaves_nothing(ask, repo):
    assert [ask("DELETE", "/api/repos/delete", CHATS)[0] for _ in range(2)] == [200, 404]
    assert not repo.folder.exists()
    assert list((repo.root / "incoming").iterdir()) == []
    assert ask("POST", "/api/repos/create", CHATS)[0] == 200


def test_other_kinds_are_refused(ask):
    assert ask("POST", "/api/repos/create", {**CHATS, "type": "space"})[0] == 400
    assert ask("POST", "/api/repos/create", {**CHATS, "name": 3})[0] == 400

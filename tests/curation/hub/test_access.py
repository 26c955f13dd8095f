"""Tokens and private repositories."""

import json
from types import SimpleNamespace

import pytest

from curation.hub import access
from curation.hub.messages import Hub, RefusalError
from tests.curation.hub.calls import asker, commit_lines, run_client, serving, text_line

READS = (
    ("GET", "/api/datasets/ada/chats"),
    ("GET", "/api/datasets/ada/chats/refs"),
    ("GET", "/api/datasets/ada/chats/tree/main"),
    ("GET", "/api/datasets/ada/chats/commits/main"),
    ("POST", "/api/datasets/ada/chats/paths-info/main"),
    ("GET", "/api/datasets/ada/chats/auth-check"),
    ("GET", "/datasets/ada/chats/resolve/main/.gitattributes"),
)
WRITES = (
    ("POST", "/api/datasets/ada/chats/commit/main", commit_lines(text_line("a", "x"))),
    ("POST", "/api/datasets/ada/chats/preupload/main", {"files": []}),
    ("POST", "/api/datasets/ada/chats/branch/b", {}),
    ("POST", "/api/datasets/ada/chats/tag/main", {"tag": "t"}),
    ("DELETE", "/api/datasets/ada/chats/branch/b", None),
    ("DELETE", "/api/datasets/ada/chats/tag/t", None),
    ("PUT", "/api/datasets/ada/chats/settings", {"visibility": "public"}),
    ("POST", "/datasets/ada/chats.git/info/lfs/objects/batch", {"operation": "upload", "objects": []}),
    ("POST", "/datasets/ada/chats.git/info/lfs/objects/verify", {"oid": "0" * 64, "size": 1}),
    ("DELETE", "/api/repos/delete", {"name": "chats", "organization": "ada", "type": "dataset"}),
)


@pytest.fixture
def people(tmp_path):
    """A hub of two users, and a dataset of the first."""
    with serving(tmp_path / "hub", "ada:hf_ada", "bob:hf_bob") as server:
        ask = {name: asker(server.endpoint, token) for name, token in {"ada": "hf_ada", "bob": "hf_bob"}.items()}
        ask |= {"nobody": asker(server.endpoint, None), "stranger": asker(server.endpoint, "hf_else")}
        chats = {"name": "chats", "organization": "ada", "type": "dataset", "visibility": "private"}
        assert ask["ada"]("POST", "/api/repos/create", chats)[0] == 200
        yield SimpleNamespace(ask=ask, endpoint=server.endpoint)


@pytest.mark.parametrize(("name", "status"), [("ada", 200), ("bob", 404), ("nobody", 401), ("stranger", 401)])
def test_private_is_read_by_its_owner_alone(people, name, status):
    """To all others it is as if it were not there."""
    for method, path in READS:
        found = people.ask[name](method, path)
        missing = people.ask[name](method, path.replace("chats", "missing"))
        assert found[0] == status, path
        assert name == "ada" or (found[0], found[1].get("x-error-code")) == (missing[0], missing[1].get("x-error-code"))
    listed = json.loads(people.ask[name]("GET", "/api/datasets")[2])
    assert name == "stranger" or len(listed) == (name == "ada")


@pytest.mark.parametrize(("name", "status"), [("bob", 403), ("nobody", 401), ("stranger", 401)])
def test_only_the_owner_writes(people, name, status):
    people.ask["ada"]("PUT", "/api/datasets/ada/chats/settings", {"visibility": "public"})
    for method, path, body in WRITES:
        assert people.ask[name](method, path, body)[0] == status, path
    new = {"name": "new", "organization": "ada", "type": "dataset"}
    assert people.ask[name]("POST", "/api/repos/create", new)[0] == status
    assert people.ask[name]("GET", "/api/datasets/ada/chats/refs")[0] == (401 if name == "stranger" else 200)


def errors_of_the_client():
    from huggingface_hub import HfApi
    from huggingface_hub.utils import HfHubHTTPError, RepositoryNotFoundError

    for token in ("hf_bob", False, "hf_else"):
        try:
            HfApi(token=token).dataset_info("ada/chats")
        except RepositoryNotFoundError as error:
            print("not found", error.response.status_code)
        except HfHubHTTPError as error:
            print("refused", error.response.status_code)
    print(HfApi(token="hf_ada").dataset_info("ada/chats").private)


def test_the_client_knows_what_is_wrong(people, tmp_path):
    printed = run_client(errors_of_the_client, people.endpoint, tmp_path)
    assert printed == "not found 404\nnot found 401\nrefused 401\nTrue\n"


def test_signatures_expire(tmp_path, monkeypatch):
    hub = Hub(tmp_path, (), b"key", 1)
    target = access.signed(hub, "/uploads/x", {"size": 1})
    access.check_signature(hub, target)
    with pytest.raises(RefusalError, match="not given out"):
        access.check_signature(Hub(tmp_path, (), b"other", 1), target)
    monkeypatch.setattr(access, "UPLOAD_SECONDS", -1)
    with pytest.raises(RefusalError, match="expired"):
        access.check_signature(hub, access.signed(hub, "/uploads/x", {"size": 1}))


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", "Basic YTpi", "hf_ada"])
def test_what_is_no_token_is_refused(authorization):
    with pytest.raises(RefusalError, match="Invalid credentials"):
        access.user_of((("ada", "hf_ada"),), authorization)

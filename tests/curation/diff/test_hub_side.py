"""A release on a Hub is a side: by tag and by branch, told of where it is none, and read without its unchanged rows."""

import threading
from pathlib import Path

import pytest
import yaml
from huggingface_hub import HfApi, close_session, constants

from curation.diff.compare import compare, opened
from curation.errors import DataError
from curation.hub.server import open_server
from tests.curation.diff.conftest import sample

ROOT = Path(__file__).parents[3]
CHATS = {"repo_id": "ada/chats", "repo_type": "dataset"}


@pytest.fixture
def hub(tmp_path, monkeypatch, make_release):
    """A Hub with ada/chats: two rows at v1.0.0, three on main; and ada/loose, which is no release."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    monkeypatch.chdir(tmp_path)
    with open_server(tmp_path / "hub", quiet=True) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        given = yaml.safe_load((ROOT / "params.yaml").read_text())
        given["publish"]["hub"] = server.endpoint
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(given))
        api = HfApi(endpoint=server.endpoint, token="hf_any")
        for name in ("chats", "loose"):
            api.create_repo(f"ada/{name}", repo_type="dataset")
        api.upload_folder(folder_path=make_release(tmp_path / "one", {"train": [sample("a"), sample("b")]}), **CHATS)
        api.create_tag(tag="v1.0.0", **CHATS)
        later = make_release(tmp_path / "two", {"train": [sample("a", score=0.0), sample("b"), sample("c")]})
        api.upload_folder(folder_path=later, **CHATS)
        yield server
        server.shutdown()
        thread.join()
        close_session()


@pytest.mark.parametrize("new", ["ada/chats@main", "two"])
def test_a_tag_is_compared_with_a_branch_and_with_a_folder(hub, new):
    with opened("ada/chats@v1.0.0", new) as both:
        found = compare(both, num_samples=3)
    assert (found.rows, found.added, found.removed, found.columns) == ((2, 3), 1, 0, {"verify_score": 1})
    assert {row["diff_type"] for row in found.samples} == {"added", "modified"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ada/loose@main", r"ada/loose@main is not a release: it has no manifest.json"),
        ("ada/chats@v9", r"diff: ada/chats has no revision 'v9'; there are: v1.0.0, main"),
        ("ada/none@main", r"diff: .* shows no dataset 'ada/none'. Look at its name"),
    ],
)
def test_what_a_hub_does_not_have_is_told(hub, name, told):
    with pytest.raises(DataError, match=told), opened(name, "two"):
        pass

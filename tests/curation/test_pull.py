"""A pulled version is the published one, byte for byte, or there is none."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from curation.errors import DataError, ParamsError
from curation.freeze import freeze
from curation.hub_client import opened_hub
from curation.journal import open_journal
from curation.pull import pull
from curation.upload import Publication, upload
from tests.curation.faulty_hub import REPO, TOKEN, Fault, faulty_hub, publish_to
from tests.curation.release_folders import DATASET, chats, write_release

NAME = f"{REPO}@v1.0.0"


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A version on a Hub in the folder `hub`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    write_release(chats(1, 2, 3), shards=3)
    frozen = freeze(DATASET, "1.0.0")
    with opened_hub("hub") as hub:
        upload(Publication(hub, REPO, frozen, open_journal("hub", REPO, "1.0.0", frozen.release_id)), private=False)
    return frozen.folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_version_comes_back_as_it_was_frozen_and_only_once(published, capsys):
    assert pull(NAME, Path("back"), "hub") == Path("back")
    assert contents(Path("back")) == contents(published)
    pull(NAME, Path("back"), "hub")
    assert "is ada/chats@v1.0.0 already; nothing was fetched" in capsys.readouterr().err


def test_without_a_place_a_version_goes_to_the_frozen_ones(published, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert pull(NAME, None, "../hub") == Path(f"data/releases/{DATASET}/1.0.0")
    assert contents(Path(f"data/releases/{DATASET}/1.0.0")) == contents(published)


@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        ("data/train-00001.parquet", Path.unlink, "is missing"),
        ("data/train-00001.parquet", lambda path: path.write_bytes(b"x"), "has 1 bytes where"),
        ("data/train-00002.parquet", lambda path: path.write_bytes(path.read_bytes()[::-1]), "has another sha256"),
        ("README.md", lambda path: path.write_text("mine"), "has other bytes"),
        ("croissant.json", Path.unlink, "is missing"),
        ("manifest.json", Path.unlink, "is missing or no manifest"),
    ],
)
def test_what_is_there_and_wrong_is_named(published, name, spoil, told):
    pull(NAME, Path("back"), "hub")
    spoil(Path("back") / name)
    with pytest.raises(DataError, match=f"back is there and is not {NAME}: {name} {told}"):
        pull(NAME, Path("back"), "hub")


def test_wrong_bytes_from_a_hub_give_no_folder_and_a_repeat_mends_it(published):
    """The Hub's blob of a shard is spoiled, then put right."""
    shard = (published / "data/train-00001.parquet").read_bytes()
    [blob] = [path for path in Path("hub").rglob("blobs/*/*") if path.read_bytes() == shard]
    blob.write_bytes(shard[::-1])
    with pytest.raises(DataError, match=r"is not the release: data/train-00001\.parquet has another sha256"):
        pull(NAME, Path("back"), "hub")
    assert not Path("back").exists()
    blob.write_bytes(shard)
    pull(NAME, Path("back"), "hub")
    assert contents(Path("back")) == contents(published)


def test_a_pull_that_broke_off_goes_on_with_what_it_has(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("curation.hub_client.NUM_RETRIES", 0)
    write_release(chats(1, 2, 3), shards=3)
    with faulty_hub(tmp_path / "hub") as (server, record):
        publish_to(server.endpoint)
        record.faults.append(Fault(r"GET .*train-00002", lambda: None, times=100))
        with pytest.raises(DataError, match="fetching ada/chats failed"):
            pull(NAME, Path("back"), server.endpoint)
        record.faults.clear()
        record.requests.clear()
        pull(NAME, Path("back"), server.endpoint)
    fetched = [line for line in record.requests if line.startswith("GET") and "/resolve/" in line]
    assert any("train-00002" in line for line in fetched)
    assert len(fetched) < len(contents(Path("back")))


@pytest.mark.parametrize("name", ["am-40m", "ada/chats", "@v1", "a/b/c@v1", "ada/@v1"])
def test_a_name_without_repository_and_tag_is_refused(name):
    with pytest.raises(ParamsError, match="is not NAMESPACE/NAME@TAG, as in"):
        pull(name, None, "hub")


def test_a_tag_that_is_not_there_is_told(published):
    with pytest.raises(DataError, match=r"reading ada/chats@v9\.0\.0 failed at hub: 404"):
        pull(f"{REPO}@v9.0.0", Path("back"), "hub")

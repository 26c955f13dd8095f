"""A frozen version comes back from DVC's cache or a remote, byte for byte, and never over a user's own files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curation import dvc_outs, freeze
from curation.checkout import checkout
from curation.cli import main
from curation.errors import DataError, ParamsError
from curation.freeze import frozen_versions, track
from tests.curation.release_folders import DATASET, chats, write_release

NAME = f"{DATASET}@1.0.0"
VERSION = Path(f"data/releases/{DATASET}/1.0.0")
TRACKED = Path(f"{VERSION}.dvc")
SHARD = VERSION / "data/train-00001.parquet"


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    """A repository of git and DVC with a frozen version, which its remote has, too."""
    root = tmp_path_factory.mktemp("pushed") / "project"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        run("git", "init", "--quiet")
        dvc("init", "--quiet")
        Path(".dvc/config").write_text("[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n")
        write_release(chats(1, 2, 3), shards=3)
        track([freeze.freeze(DATASET, "1.0.0").folder])
        dvc("push", "--quiet")
    return root


@pytest.fixture
def project(pushed, tmp_path, monkeypatch):
    """A copy of it with a remote of its own, as the working directory."""
    shutil.copytree(pushed, tmp_path / "project")
    shutil.copytree(pushed.parent / "store", tmp_path / "store")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def run(*command):
    subprocess.run(command, check=True, env={**os.environ, "DVC_NO_ANALYTICS": "1"})


def dvc(*arguments):
    run(sys.executable, "-m", "dvc", *arguments)


def cached(path: str) -> Path:
    """Where DVC's cache has a file of the version."""
    files = dvc_outs.files_of(dvc_outs.tracked_by(TRACKED), Path(".dvc/cache/files/md5"))
    assert files is not None
    return files[path]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_pushed_comes_back_by_dvc_pull_and_is_what_its_manifest_says(project):
    frozen = contents(VERSION)
    shutil.rmtree(VERSION)
    shutil.rmtree(".dvc/cache")
    dvc("pull", "--quiet")
    assert contents(VERSION) == frozen
    # Freezing reads the manifest and each file of it: an equal release finds its version in place.
    assert freeze.freeze(DATASET, "1.0.0").folder == VERSION
    assert frozen_versions(DATASET) == ["1.0.0"]


@pytest.mark.parametrize("lost", [[VERSION], [VERSION, Path(".dvc/cache")]], ids=["folder", "folder and cache"])
def test_a_version_comes_back_and_a_repeat_leaves_it_alone(project, lost, capsys):
    frozen = contents(VERSION)
    for folder in lost:
        shutil.rmtree(folder)
    assert main(["checkout", NAME]) == 0
    assert capsys.readouterr().out == f"{VERSION}\n"
    assert contents(VERSION) == frozen
    shutil.rmtree(project.parent / "store")
    before = SHARD.stat().st_mtime_ns
    assert checkout(f"{DATASET}@v1.0.0", force=False) == VERSION
    assert SHARD.stat().st_mtime_ns == before
    assert "already, 9 files verified" in capsys.readouterr().err


def test_a_file_that_is_missing_comes_back_alone(project):
    frozen = contents(VERSION)
    SHARD.unlink()
    checkout(NAME, force=False)
    assert contents(VERSION) == frozen


def test_a_users_own_files_are_named_and_given_up_by_force_alone(project):
    frozen = contents(VERSION)
    for path in (SHARD, VERSION / "README.md", VERSION / "notes.txt"):
        path.unlink(missing_ok=True)
        path.write_text("mine")
    told = (
        r"notes\.txt is not of the version; README\.md has other bytes than were frozen; "
        r"data/train-00001\.parquet has 4 bytes where .* curate checkout chats@1\.0\.0 --force"
    )
    with pytest.raises(DataError, match=told):
        checkout(NAME, force=False)
    assert (SHARD.read_text(), (VERSION / "notes.txt").read_text()) == ("mine", "mine")
    checkout(NAME, force=True)
    assert contents(VERSION) == frozen


def test_a_manifest_that_was_changed_is_not_trusted(project):
    (VERSION / "manifest.json").write_text('{"files": []}')
    with pytest.raises(DataError, match=r"manifest\.json has other bytes than were frozen"):
        checkout(NAME, force=False)


def test_what_neither_the_cache_nor_a_remote_has_is_told_with_what_to_do(project):
    dvc("remote", "add", "--quiet", "other", "nowhere")
    shutil.rmtree(VERSION)
    shutil.rmtree(".dvc/cache")
    shutil.rmtree(project.parent / "store")
    told = (
        rf"chats@1\.0\.0 is not whole in DVC's cache, .*, and of its remotes: store has not got it; other has not got it"
        rf".*dvc push {TRACKED}; or fetch what was published: curate pull NAMESPACE/chats@v1\.0\.0"
    )
    with pytest.raises(DataError, match=told):
        checkout(NAME, force=False)
    assert not VERSION.exists()


def test_without_a_remote_it_says_how_to_name_one(project):
    Path(".dvc/config").write_text("")
    cached("data/train-00001.parquet").unlink()
    shutil.rmtree(VERSION)
    with pytest.raises(DataError, match="there is no remote: dvc remote add --default NAME URL"):
        checkout(NAME, force=False)


def test_bytes_that_the_cache_has_wrong_are_told_and_by_force_fetched(project):
    frozen = contents(VERSION)
    shutil.rmtree(VERSION)
    shard = cached("data/train-00001.parquet")
    shard.chmod(0o644)
    shard.write_bytes(b"wrong")
    with pytest.raises(
        DataError, match=r"DVC's cache has other bytes than were frozen.*checkout chats@1\.0\.0 --force"
    ):
        checkout(NAME, force=False)
    # The folder's file is a link to the cache's by now, as it is of one that was edited in place.
    checkout(NAME, force=True)
    assert contents(VERSION) == frozen


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        (f"{DATASET}@1.0.1", DataError, r"no version chats@1\.0\.1.*nearest: chats@1\.0\.0\. .*curate pull NAMESPACE/chats@v1\.0\.1"),
        ("cats@1.0.0", DataError, r"nearest: chats@1\.0\.0"),
        (DATASET, ParamsError, r"'chats' is not DATASET@VERSION; nearest: chats@1\.0\.0"),
        ("ada/chats@1.0.0", ParamsError, r"is not DATASET@VERSION"),
    ],
)  # fmt: skip
def test_a_version_that_is_not_there_is_told_with_the_nearest(project, name, kind, told):
    with pytest.raises(kind, match=told):
        checkout(name, force=False)


def test_outside_of_dvc_it_says_so(project):
    shutil.rmtree(".dvc")
    with pytest.raises(DataError, match="no DVC project is in"):
        checkout(NAME, force=False)

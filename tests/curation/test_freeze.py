"""A release becomes an immutable version: once, whole, with its changelog and receipt."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curation.errors import DataError, ParamsError
from curation.freeze import freeze, frozen_versions, read_manifest, track
from tests.curation.release_folders import DATASET, chats, write_release

VERSION_1 = Path(f"data/releases/{DATASET}/1.0.0")


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_version_has_the_releases_files_as_links_its_changelog_and_its_receipt():
    source = write_release(chats(1, 2))
    frozen = freeze(DATASET, "1.0.0")
    assert (frozen.folder / "data/train-00000.parquet").samefile(source / "data/train-00000.parquet")
    assert {*contents(frozen.folder)} - {*contents(source)} == {"receipt.json", "CHANGELOG.md"}
    assert not (frozen.folder / "counts.json").exists()
    told = json.loads((frozen.folder / "receipt.json").read_text())
    assert (told["version"], told["release_id"], told["previous"]) == ("1.0.0", frozen.release_id, None)


def test_croissant_tells_the_version_under_which_it_is_frozen():
    source = write_release(chats(1, 2))
    frozen = json.loads((freeze(DATASET, "1.0.0").folder / "croissant.json").read_text())
    assert frozen == {**json.loads((source / "croissant.json").read_text()), "version": "1.0.0"}


def test_freezing_an_equal_release_again_changes_nothing():
    write_release(chats(1, 2))
    before = contents(freeze(DATASET, "1.0.0").folder)
    shutil.rmtree("data/release")
    write_release(chats(1, 2))
    assert contents(freeze(DATASET, "1.0.0").folder) == before
    assert list(Path("data").glob(".releases*")) == []


def test_another_release_under_a_frozen_version_is_refused_with_the_version_to_take():
    write_release(chats(1, 2))
    before = contents(freeze(DATASET, "1.0.0").folder)
    write_release(chats(1, 2, 3))
    with pytest.raises(DataError, match=r"rows differ since 1\.0\.0, so that the diff proposes 1\.1\.0"):
        freeze(DATASET, "1.0.0")
    assert contents(VERSION_1) == before


def test_the_changelog_tells_the_diff_and_keeps_older_entries():
    write_release(chats(1, 2, 3))
    freeze(DATASET, "1.0.0")
    write_release([*chats(1), *chats(2, answer="no"), *chats(4)])
    text = (freeze(DATASET, "1.1.0").folder / "CHANGELOG.md").read_text()
    assert text.index("## 1.1.0") < text.index("## 1.0.0")
    assert "Minor change since 1.0.0: rows differ." in text
    assert "+ 1 added   \N{MINUS SIGN} 1 removed   ~ 1 changed" in text
    assert "- default train: 3 rows" in text


def test_a_card_alone_is_a_patch_and_a_recipes_value_is_major():
    write_release(chats(1))
    freeze(DATASET, "1.0.0")
    write_release(chats(1), card="A better card.")
    assert freeze(DATASET, "1.0.1").version == "1.0.1"
    write_release(chats(1), values={"roles": ["small"]})
    with pytest.raises(ParamsError, match=r"the recipe differs \(values\).*proposes 2\.0\.0 after 1\.0\.1"):
        freeze(DATASET, "1.1.0")
    assert frozen_versions(DATASET) == ["1.0.0", "1.0.1"]


def test_rows_in_other_shards_are_a_patch():
    write_release(chats(1, 2, 3, 4))
    freeze(DATASET, "1.0.0")
    write_release(chats(1, 2, 3, 4), shards=2)
    told = json.loads((freeze(DATASET, "1.0.1").folder / "receipt.json").read_text())
    assert told["proposed"]["bump"] == "patch"


def test_an_older_version_that_is_frozen_stays_fit_to_be_published():
    write_release(chats(1))
    freeze(DATASET, "1.0.0")
    write_release(chats(2))
    freeze(DATASET, "1.1.0")
    write_release(chats(1))
    assert freeze(DATASET, "1.0.0").folder == VERSION_1


@pytest.mark.parametrize("spoil", ["missing", "cut"])
def test_a_release_that_is_not_what_its_manifest_says_is_refused(spoil):
    shard = write_release(chats(1)) / "data/train-00000.parquet"
    shard.unlink() if spoil == "missing" else shard.write_bytes(b"x")
    with pytest.raises(DataError, match=r"train-00000\.parquet (is missing|has 1 bytes), manifest\.json says"):
        freeze(DATASET, "1.0.0")


def test_kill_9_while_freezing_leaves_no_half_version():
    """Killed at the first sight of the folder aside; repeated, the version is whole."""
    write_release(chats(*range(2000)), shards=400)
    process = multiprocessing.get_context("forkserver").Process(target=freeze, args=(DATASET, "1.0.0"))
    process.start()
    while not list(Path("data").glob(".releases.*")) and process.is_alive():
        time.sleep(0.001)
    process.kill()
    process.join()
    assert not VERSION_1.exists() or read_manifest(VERSION_1)
    frozen = freeze(DATASET, "1.0.0")
    assert len(list(frozen.folder.glob("data/*"))) == 400
    assert list(Path("data").glob(".releases*")) == []


def test_the_receipt_tells_of_git_and_of_changes_that_are_not_committed(project):
    write_release(chats(1))
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "x"]):
        subprocess.run(["git", *command], check=True, env=environment)
    clean = json.loads((freeze(DATASET, "1.0.0").folder / "receipt.json").read_text())
    write_release(chats(2))
    dirty = json.loads((freeze(DATASET, "1.1.0").folder / "receipt.json").read_text())
    assert (clean["git"]["dirty"], dirty["git"]["dirty"]) == (False, True)
    assert clean["git"]["commit"] == dirty["git"]["commit"]
    assert {"python", "duckdb", "pyarrow"} <= clean["tools"].keys()


def test_dvc_tracks_a_version_in_a_file_of_its_own(project):
    write_release(chats(1))
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], check=True)
    folder = freeze(DATASET, "1.0.0").folder
    track([folder])
    tracked = Path(f"{folder}.dvc").read_bytes()
    track([folder])
    assert Path(f"{folder}.dvc").read_bytes() == tracked
    assert b"path: 1.0.0" in tracked

"""The command and the stage: freeze, publish, tell; a dry run writes nothing."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import constants

from curation.errors import DataError, ParamsError
from curation.publish import Options, main, publish
from tests.curation.faulty_hub import TOKEN
from tests.curation.release_folders import chats, write_release

ROOT = Path(__file__).parents[2]
DATASET = "am-40m"
DRY = Options(dry_run=True)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CURATE_HOME", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    write_params(**{DATASET: "1.0.0"})
    write_release(chats(1, 2), dataset=DATASET)
    return tmp_path


def write_params(**versions: str) -> None:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["publish"] = {**values["publish"], "datasets": versions}
    Path("params.yaml").write_text(yaml.safe_dump(values))


def files() -> set[str]:
    return {str(path) for path in Path().rglob("*") if path.is_file()}


def bytes_told(line: str) -> int:
    return int(line.split(" bytes of ", maxsplit=1)[0].rsplit(maxsplit=1)[-1].replace(",", ""))


def test_the_command_publishes_once_and_then_says_so():
    assert "publish: local/am-40m@v1.0.0 (commit " in publish(DATASET, Options())
    assert publish(DATASET, Options()).endswith("is published, and is the release; nothing was sent")


def test_a_dry_run_tells_what_would_be_sent_and_writes_nothing():
    before = files()
    assert "bytes, all new: .curate/hub is not there yet" in publish(DATASET, DRY)
    assert files() == before
    publish(DATASET, Options())
    before = files()
    assert "v1.0.0 is published already" in publish(DATASET, DRY)
    assert files() == before


def test_a_dry_run_counts_the_bytes_that_the_hub_lacks(monkeypatch):
    publish(DATASET, Options())
    write_release(chats(1, 2), dataset=DATASET, card="Another card.")
    write_params(**{DATASET: "1.0.1"})
    small = publish(DATASET, DRY)
    write_release(chats(1, 2, 3), dataset=DATASET)
    write_params(**{DATASET: "1.1.0"})
    large = publish(DATASET, DRY)
    shard = Path(f"data/release/{DATASET}/data/train-00000.parquet").stat().st_size
    assert bytes_told(small) < shard < bytes_told(large)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    assert "; at most " in publish(DATASET, DRY)


def test_a_dry_run_refuses_what_publishing_would_refuse():
    publish(DATASET, Options())
    write_release(chats(1, 2, 3), dataset=DATASET)
    with pytest.raises(DataError, match=r"diff proposes 1\.1\.0"):
        publish(DATASET, DRY)
    write_params(**{DATASET: "1.0.1"})
    with pytest.raises(ParamsError, match=r"cannot be version 1\.0\.1: rows differ"):
        publish(DATASET, DRY)


def test_a_dataset_without_a_version_and_one_that_is_not_there_are_told():
    with pytest.raises(ParamsError, match=r"params\.yaml names no version for am-1-4m"):
        publish("am-1-4m", Options())
    with pytest.raises(ParamsError, match="no dataset 'am-40'; nearest: am-40m"):
        publish("am-40", Options())


def test_a_release_that_must_not_be_seen_is_not_even_frozen():
    Path(f"data/validate/{DATASET}.json").write_text('[{"success": false, "description": "rows are there"}]')
    with pytest.raises(DataError, match="validation of am-40m failed"):
        publish(DATASET, Options())
    assert not Path("data/releases").exists()


def test_two_clean_runs_of_the_stage_write_the_same_output():
    assert main() == 0
    first = {path.name: path.read_bytes() for path in Path("data/publish").iterdir()}
    for folder in ("data/publish", "data/releases", ".curate"):
        shutil.rmtree(folder)
    assert main() == 0
    assert {path.name: path.read_bytes() for path in Path("data/publish").iterdir()} == first
    told = json.loads(first[f"{DATASET}.json"])
    assert (told["tag"], told["repo"], told["files"]) == ("v1.0.0", "local/am-40m", 6)


def test_the_stage_tells_of_every_dataset_that_needs_another_version(capsys):
    for dataset in (DATASET, "am-1-4m"):
        write_release(chats(1), dataset=dataset)
    write_params(**{DATASET: "1.0.0", "am-1-4m": "1.0.0"})
    assert main() == 0
    for dataset in (DATASET, "am-1-4m"):
        write_release(chats(2), dataset=dataset)
    assert main() == 1
    told = capsys.readouterr().err
    assert "Set publish.datasets.am-40m: 1.1.0" in told
    assert "Set publish.datasets.am-1-4m: 1.1.0" in told


def test_the_stage_without_datasets_leaves_an_empty_output():
    write_params()
    assert main() == 0
    assert list(Path("data/publish").iterdir()) == []


def test_the_command_in_a_process_of_its_own_offline_with_a_token():
    """As `make repro` runs it; the Hub is a folder."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_TOKEN": TOKEN}
    command = [sys.executable, "-m", "curation.cli", "publish", DATASET, "--repo", "ada/x", "--private"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ada/x@v1.0.0" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    assert json.loads(Path(".curate/hub/datasets/ada/x/repo.json").read_text())["private"] is True


def test_options_stand_above_params(project):
    publish(DATASET, replace(Options(), hub=str(project / "another"), repo="bob/y"))
    assert (project / "another/datasets/bob/y/refs/tags/v1.0.0").exists()


def test_a_version_that_loses_rows_without_a_reason_is_refused_before_it_is_frozen():
    publish(DATASET, Options())
    write_params(**{DATASET: "1.1.0"})
    write_release(chats(1, 3), dataset=DATASET)
    for options in (DRY, Options()):
        with pytest.raises(DataError, match=r"No row disappears without a reason.*unexplained_share"):
            publish(DATASET, options)
    assert not Path("data/releases", DATASET, "1.1.0").exists()
    write_release(chats(1, 2, 3), dataset=DATASET)
    assert "publish: local/am-40m@v1.1.0 (commit " in publish(DATASET, Options())

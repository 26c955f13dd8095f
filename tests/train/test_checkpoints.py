"""Checkpoints: a run finds its own and whole ones only."""

import json

import pytest

from curation.errors import DataError
from train import checkpoints


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_HOME", str(tmp_path))
    return tmp_path


def checkpoint(folder, step, *, told=None):
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    (path / "model.safetensors").write_bytes(b"weights")
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step if told is None else told}))
    return path


def test_other_values_are_another_run(home):
    one = checkpoints.open_folder("sft", {"seed": 1})
    assert checkpoints.open_folder("sft", {"seed": 1}) == one
    assert checkpoints.open_folder("sft", {"seed": 2}) != one
    assert json.loads((one / "identity.json").read_text())["seed"] == 1


def test_a_folder_of_another_run_is_refused(home):
    folder = checkpoints.open_folder("sft", {"seed": 1})
    (folder / "identity.json").write_text("{}")
    with pytest.raises(DataError, match=r"is of another run: its checkpoints are of another model.*Delete"):
        checkpoints.open_folder("sft", {"seed": 1})


def test_the_last_whole_checkpoint_is_taken_by_number_and_half_ones_are_passed_over(home, capsys):
    folder = checkpoints.open_folder("sft", {"seed": 1})
    assert checkpoints.latest(folder) is None
    whole = [checkpoint(folder, step) for step in (9, 10)]
    cut = checkpoint(folder, 11)
    (cut / "trainer_state.json").write_text('{"global_st')
    other = checkpoint(folder, 12, told=3)
    empty = checkpoint(folder, 13)
    (empty / "model.safetensors").unlink()
    assert checkpoints.latest(folder) == whole[1]
    assert not (cut.exists() or other.exists() or empty.exists())
    told = capsys.readouterr().err
    assert "checkpoint-11 is half-written; passed over" in told and "going on from checkpoint-10" in told

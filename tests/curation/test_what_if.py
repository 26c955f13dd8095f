"""What a change of params would move, against the selections it then makes."""

from pathlib import Path

import duckdb
import pytest
import yaml

from curation import params as params_module
from curation.cli import main
from curation.errors import ParamsError
from curation.select import main as run_select
from curation.what_if import changed, what_if

NAME = "am-40m"


@pytest.fixture
def project(tiny_project):
    """The tiny project with a dataset whose recipe has values of its own."""
    values = yaml.safe_load(Path("params.yaml").read_text())
    values["roles"] = {"small": ["small"], "medium": ["small"], "large": ["school"]}
    values["datasets"]["am-1-4m"]["values"]["keep_easy"] = 1.0
    Path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    return tiny_project


def kept(dataset):
    """Ids that the stage itself keeps under params.yaml as it is."""

    assert run_select([dataset]) == 0
    found = duckdb.sql(f"SELECT sample_id FROM 'data/select/{dataset}/selections/*.parquet'").fetchall()
    return {sample_id for (sample_id,) in found}


def test_what_moves_is_what_the_stage_then_moves(project):
    before = kept("am-1-4m")
    told = what_if("am-1-4m", ["grade.thresholds.math=0", "select.keep_unverified=false"])
    values = yaml.safe_load(Path("params.yaml").read_text())
    values["grade"]["thresholds"]["math"] = 0
    values["datasets"]["am-1-4m"]["values"]["keep_unverified"] = False
    values["datasets"]["am-1-4m"]["allow_empty"] = True
    Path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    after = kept("am-1-4m")
    assert (told.kept_before, told.kept_after) == (len(before), len(after))
    moved = {one for move in told.moves for one in move.first if "kept" in (move.before, move.after)}
    assert moved == before ^ after


def test_nothing_is_written_and_no_change_moves_nothing(project):
    files = sorted(Path().rglob("*"))
    told = what_if(NAME, ["seed=17"])
    assert (told.moves, told.kept_before) == ((), told.kept_after)
    assert sorted(Path().rglob("*")) == files


def test_one_value_given_to_a_mapping_is_given_to_all_its_keys(project):
    name = "am-40m-stage1"
    then = changed(params_module.load(), name, ["select.cv_min=2"])
    assert set(then.datasets[name].values["cv_min"].values()) == {2}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("select.keep_esay=1", "no select.keep_esay in params; nearest: keep_easy"),
        ("grade.threshold.math=1", "'threshold' is not there; nearest: thresholds"),
        ("score.rules.perplexity_max=1", "decides what stages before select write"),
        ("grade.thresholds.math=2", "a score of math lies between 0 and 1"),
        ("select.keep_easy", "wants PATH=VALUE"),
        ("select.keep_easy=half", "select.keep_easy wants a number, as .* is, got 'half'"),
    ],
)
def test_a_change_that_cannot_be_tried_is_told(project, change, sentence):
    with pytest.raises(ParamsError, match=sentence):
        what_if("am-1-4m", [change])


def test_the_command_says_what_enters_and_leaves(project, capsys):
    assert main(["select", "am-1-4m", "--set", "select.keep_unverified=false"]) == 0
    assert "Nothing is written." in capsys.readouterr().out
    assert main(["select", "am-14m", "--set", "seed=1"]) == 1
    assert "no dataset 'am-14m' in params; nearest: am-1-4m" in capsys.readouterr().err

"""The harness: whole outputs or none, accounts that add up, one sentence for the user."""

import errno
import json
import shutil
from pathlib import Path

import duckdb
import pytest

from curation import stage as stage_module
from curation.errors import DataError
from curation.stage import run_stage
from curation.tables import read
from schemas.drops import DROPS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    shutil.copy(ROOT / "profiles/embedded.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keep_two_of_three(run):
    dropped = run.con.sql("SELECT 'too_short' AS reason, 1.0 AS figure, 'r1' AS record_id")
    run.account(unit="record", rows_in=3, rows_kept=2, dropped=run.write_drops(dropped))


def test_a_stage_leaves_drops_and_counts(project, con):
    assert run_stage("clean", keep_two_of_three) == 0
    counts = json.loads((project / "data/clean/counts.json").read_text())
    assert counts == {"unit": "record", "rows_in": 3, "rows_kept": 2, "dropped": {"too_short": 1}}
    assert (project / "data/clean/outcomes.csv").read_text() == "stage,outcome,rows\nclean,kept,2\nclean,too_short,1\n"
    rows = read(con, project / "data/clean/drops", DROPS).fetchall()
    assert rows == [("clean", None, "too_short", 1.0, None, "r1", None, None, 1, None)]


def test_rows_that_vanish_stop_the_stage(project):
    with pytest.raises(AssertionError, match="1 unaccounted for"):
        run_stage("clean", lambda run: run.account(unit="record", rows_in=3, rows_kept=2))
    assert not (project / "data/clean").exists()


def raise_data_error(run):
    (run.part / "half.parquet").write_text("half")
    message = "clean: a sentence. Do this."
    raise DataError(message)


def raise_disk_full(run):
    (run.part / "half.parquet").write_text("half")
    raise OSError(errno.ENOSPC, "No space left on device")


def raise_disk_full_in_duckdb(run):
    message = "IO Error: Could not write all bytes: No space left on device"
    raise duckdb.IOException(message)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (raise_data_error, "error: clean: a sentence. Do this."),
        (raise_disk_full, "no space left on the disk of"),
        (raise_disk_full_in_duckdb, "no space left on the disk of"),
    ],
)
def test_a_failed_stage_says_one_sentence_and_leaves_nothing(project, capsys, body, sentence):
    assert run_stage("clean", body) == 1
    assert sentence in capsys.readouterr().err
    assert list((project / "data").iterdir()) == []


def test_the_former_output_stands_until_the_new_one_is_whole(project):
    assert run_stage("clean", keep_two_of_three) == 0
    run_stage("clean", raise_data_error)
    assert (project / "data/clean/counts.json").exists()


def test_what_a_killed_run_left_behind_is_in_nobodys_way(project):
    for name in (".clean.part/half", ".clean.part.spill/hashes"):
        (project / "data" / name).mkdir(parents=True)

    def spill(run):
        run.scratch("hashes")
        keep_two_of_three(run)

    assert run_stage("clean", spill) == 0
    assert sorted(path.name for path in (project / "data").iterdir()) == ["clean"]


def test_an_unknown_dataset_is_named_with_those_there_are(project, capsys):
    assert run_stage("select", keep_two_of_three, dataset="am-2m") == 1
    assert "no dataset 'am-2m' in params (has: am-1-4m, am-40m," in capsys.readouterr().err


def test_data_lies_under_the_working_directory():
    assert not stage_module.DATA.is_absolute()


def test_a_broken_shard_says_which_file_and_what_to_do(project, monkeypatch, capsys):
    monkeypatch.setenv("CURATE_HOME", str(project / "home"))
    for path, advice in (
        ("data/clean/prompts/0.parquet", "dvc repro -f clean"),
        ("home/memo/m/0.parquet", "Delete that"),
    ):
        shard = project / path
        shard.parent.mkdir(parents=True)
        shard.write_bytes(b"PAR1 no more")
        assert run_stage("score", lambda run, shard=shard: run.con.read_parquet(str(shard)).fetchall()) == 1
        told = capsys.readouterr().err
        assert str(shard) in told
        assert advice in told


def test_an_interrupted_stage_ends_with_a_sentence(project, capsys):
    def interrupt(run):
        raise KeyboardInterrupt

    assert run_stage("clean", interrupt) == 130
    assert "clean: interrupted; what the memo holds is kept" in capsys.readouterr().err

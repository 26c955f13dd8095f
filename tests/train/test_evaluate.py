"""The stage evaluate, with fresh models: what it writes, that a killed run loses nothing, what it refuses."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import TypeAdapter

from curation import catalog
from curation.training_params import Evaluate
from schemas.evaluations import EVALUATIONS
from schemas.responses import RESPONSES
from schemas.verdicts import VERDICTS
from tests.train.evaluate_project import (
    NUM_TEST,
    ROOT,
    sum_row,
    write_model,
    write_params,
    write_project,
    write_release,
)
from train.evaluate import main

PAGE = ROOT / "docs/stages/evaluate.md"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A project in which evaluate ran once."""
    folder = write_project(tmp_path_factory.mktemp("written"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("CURATE_HOME", raising=False)
        assert main([]) == 0
    return folder


@pytest.fixture
def project(written, tmp_path, monkeypatch):
    """A copy of it, memo included, which is the working directory."""
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CURATE_HOME", raising=False)
    return tmp_path


def environment(folder):
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}", "OMP_NUM_THREADS": "1",
            "CURATE_HOME": str(folder / ".curate")}  # fmt: skip


def rows(folder, table):
    return pq.read_table(folder / "data/evaluate" / table.name).to_pylist()


def outputs(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "data/evaluate").rglob("*")) if path.is_file()}


def metrics(folder):
    return json.loads((folder / "data/evaluate/metrics.json").read_text())


def test_every_answer_has_its_text_its_verdict_and_its_row(written):
    answers, responses, verdicts = (rows(written, table) for table in (EVALUATIONS, RESPONSES, VERDICTS))
    assert len(answers) == 2 * 2 * NUM_TEST * 3
    ids = [{row["sample_id"] for row in table} for table in (answers, responses, verdicts)]
    assert ids[0] == ids[1] == ids[2]
    assert len(ids[0]) == len(answers)


def test_pass_at_1_is_that_of_the_verdicts(written):
    """Against a count over the tables; a random model is right now and then."""
    scores = {row["sample_id"]: row["score"] for row in rows(written, VERDICTS)}
    told = metrics(written)["models"]
    for model in ("base", "sft"):
        for number in (1, 2):
            own = [row for row in rows(written, EVALUATIONS) if (row["model"], row["round"]) == (model, number)]
            share = sum(scores[row["sample_id"]] > 0.99 for row in own) / len(own)
            figures = told[model]["sums"][f"round_{number}"]
            assert figures["pass_at_1"] == pytest.approx(share, abs=1e-6)
            assert figures["mean_tokens"] == pytest.approx(sum(row["num_tokens"] for row in own) / len(own), abs=0.051)
    assert any(scores.values())


def test_a_chain_leads_from_round_to_round(written):
    by_id = {row["sample_id"]: row for row in rows(written, EVALUATIONS)}
    later = [row for row in by_id.values() if row["round"] == 2]
    assert later
    for row in later:
        before = by_id[row["previous_sample_id"]]
        assert [before[name] for name in ("model", "prompt_id", "sample_index", "round")] == [
            row["model"], row["prompt_id"], row["sample_index"], 1,
        ]  # fmt: skip
    assert all(row["previous_sample_id"] is None for row in by_id.values() if row["round"] == 1)


def test_transitions_count_the_chains(written):
    by_id = {row["sample_id"]: row for row in rows(written, EVALUATIONS)}
    wanted = {}
    for row in by_id.values():
        if row["previous_sample_id"]:
            before = by_id[row["previous_sample_id"]]
            step = row["model"], f"{'IC'[before['correct']]}-{'IC'[row['correct']]}"
            wanted[step] = wanted.get(step, 0) + 1
    told = json.loads((written / "data/evaluate/tables.json").read_text())["transitions"]
    assert {(row["model"], row["transition"]): row["num_samples"] for row in told} == wanted


def test_a_repeated_run_asks_nothing_and_writes_the_same_bytes(project, capsys):
    before = outputs(project)
    assert main([]) == 0
    assert outputs(project) == before
    assert "evaluate base, round 1: 0 asked, 18 from the memo" in capsys.readouterr().err


def test_a_killed_run_is_repeated_without_loss(written, tmp_path, monkeypatch, capsys):
    """Killed once its first batch is stored, in a project of its own; the memo of the other is not there."""
    shutil.copytree(written, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".curate", "evaluate"))
    command = [sys.executable, "-m", "train.evaluate"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not list((tmp_path / ".curate/memo/evaluate").glob("*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "data/evaluate").exists()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CURATE_HOME", raising=False)
    assert main([]) == 0
    assert "evaluate base, round 1: 18 asked" not in capsys.readouterr().err
    assert outputs(tmp_path) == outputs(written)


def test_results_are_told_as_a_page_and_as_tables_for_plots(written):
    page = (written / "data/evaluate/results.md").read_text()
    assert page.startswith("# Evaluation\n")
    assert "| base | sums | 1 |" in " ".join(page.split())
    header, *lines = (written / "data/evaluate/accuracy.csv").read_text().splitlines()
    assert header.startswith("model,benchmark,round,pass_at_1,low,high")
    assert len(lines) == 4


def test_a_model_compared_with_itself_does_not_differ(project):
    write_params(project, models=["sft"], compare=[["sft", "sft"]], rounds=1)
    assert main([]) == 0
    told = metrics(project)["comparisons"]["sft-sft"]["sums"]["round_1"]
    assert [told[name] for name in ("difference", "low", "high", "p_value")] == [0.0, 0.0, 0.0, 1.0]


def test_more_samples_keep_the_answers_that_are_there(project):
    """A sample is seeded by its own ids: four samples begin with the three of before."""
    before = {row["sample_id"]: row["answer"] for row in rows(project, RESPONSES)}
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["evaluate"]["benchmarks"][0]["samples"] = 4
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    assert main([]) == 0
    after = {row["sample_id"]: row["answer"] for row in rows(project, RESPONSES)}
    assert before.items() <= after.items()
    assert len(after) == len(before) * 4 // 3


def test_the_answers_are_in_the_catalog_and_the_query_of_the_docs_runs(project):
    (query,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    with catalog.connect() as con:
        texts = con.execute(
            "SELECT count(answer) FROM evaluations JOIN evaluation_responses USING (sample_id)"
        ).fetchall()
        judged = con.execute(
            "SELECT count(score) FROM evaluations JOIN evaluation_verdicts USING (sample_id)"
        ).fetchall()
        assert texts == judged == [(2 * 2 * NUM_TEST * 3,)]
        assert [name for name, *_ in con.execute(query).description] == ["prompt_id", "pass_rate", "verified"]


def test_the_blocks_of_params_in_the_docs_are_valid():
    blocks = re.findall(r"(?:^    .*\n)+", PAGE.read_text(), re.MULTILINE)
    read = [yaml.safe_load(textwrap.dedent(block))["evaluate"] for block in blocks if "evaluate:" in block]
    assert [TypeAdapter(Evaluate).validate_python(one).rounds for one in read] == [2, 1]


def test_tables_are_those_of_the_docs(written):
    files = {path.name for path in (written / "data/evaluate").glob("*.csv")}
    assert files == set(re.findall(r"`(\w+\.csv)`", PAGE.read_text()))
    figures = metrics(written)["models"]["sft"]["sums"]["round_1"]
    assert set(figures) - {"prompts", "samples", "verified", "correct"} <= set(re.findall(r"`(\w+)`", PAGE.read_text()))


def refused(capsys):
    """What the stage says when it stops."""
    assert main([]) == 1
    return capsys.readouterr().err


def test_a_test_prompt_that_was_trained_on_is_refused(project, capsys):
    shared = [sum_row(number) for number in range(8)]
    write_release(project, {"train": shared[4:], "test": shared[:5]})
    assert "1 of its questions are prompts of the train split of sums" in refused(capsys)


def test_an_empty_test_split_is_refused(project, capsys):
    write_release(project, {"train": [sum_row(9)], "test": []})
    told = refused(capsys)
    assert "sums" in told
    assert "test" in told


def test_a_model_that_no_stage_left_is_refused(project, capsys):
    write_params(project, models=["base", "rl"], compare=[])
    told = refused(capsys)
    assert "rl" in told
    assert "dvc repro" in told


def test_a_model_without_a_chat_template_is_refused(project, capsys):
    shutil.rmtree("data/sft/model")
    write_model(project / "data/sft/model", seed=1, template=None)
    assert "the model of sft (data/sft/model) has no chat template" in refused(capsys)


# Other values of evaluate, and what is said of them.
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"compare": [["base", "rl"]]}, "evaluate.compare names 'rl'; evaluate.models has: base, sft"),
        ({"models": ["base", "base"]}, "evaluate.models names 'base' twice"),
        ({"models": [], "compare": []}, "evaluate.models names nothing"),
        ({"words": ["Wait"]}, "evaluate.words has 'Wait'"),
        ({"temperature": 0}, "wants 3 samples at temperature 0"),
    ],
)
def test_values_that_cannot_do_what_they_are_for_are_refused(project, capsys, values, said):
    write_params(project, **values)
    assert said in refused(capsys)


def test_no_block_is_told(project, capsys):
    params = yaml.safe_load(Path("params.yaml").read_text())
    Path("params.yaml").write_text(yaml.safe_dump({**params, "evaluate": None}))
    assert main([]) == 0
    assert "its block in params is null; nothing is asked" in capsys.readouterr().err
    assert json.loads(Path("data/evaluate/metrics.json").read_text()) == {}

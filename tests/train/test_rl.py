"""rl on a small release: stages, rollouts as data, the advantage by hand, killed runs, refusals."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import replace

import pytest

from curation import catalog, tables
from curation.places import DATA
from curation.verifiers.verdict import Verdict
from schemas.responses import RESPONSES
from schemas.rollouts import ROLLOUTS
from schemas.verdicts import VERDICTS
from tests.train.conftest import ROOT, tiny_params, write_params
from tests.train.evaluate_project import sum_row, write_model, write_release
from train import groups, rl
from train.rewards import judge

RUN = [sys.executable, "-m", "train.rl"]
STEPS, SAMPLES, GROUPS = 6, 4, 2


def rl_params(first=None, second=None, **block):
    """Params under which a stage of six updates goes through its five prompts more than twice."""
    params = tiny_params()
    params["rl"] |= {"start": "base", "dataset": "digits", "samples": SAMPLES, "probe_samples": 1} | block
    stages = params["rl"]["stages"]
    sizes = {"rows_max": 5, "max_new_tokens": 8, "learning_rate": 1e-3, "window": None, "plateau": None}
    stages[0] |= sizes | {"max_steps": STEPS, "kl": 0.01, "entropy": 0.01} | (first or {})
    stages[1] |= sizes | {"max_steps": 1, "max_new_tokens": 10} | (second or {})
    params["rl"]["fit"] |= {"batch": SAMPLES * GROUPS, "micro_batch": SAMPLES * GROUPS, "save_steps": 1}
    return params


@pytest.fixture
def based(tmp_path, monkeypatch):
    """A project with sums of one digit and a model of random weights that writes digits, and now and then stops."""
    write_release(tmp_path, {"train": [sum_row(number) for number in range(20)]}, dataset="digits")
    write_model(tmp_path / "data/base/model", seed=0)
    write_params(tmp_path, rl_params())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CURATE_HOME", str(tmp_path / ".curate"))
    return tmp_path


def done(folder, params):
    """Run the stage under these params, in this process; its figures by stage."""
    write_params(folder, params)
    assert rl.main([]) == 0
    return json.loads((DATA / "rl/metrics.json").read_text())["stages"]


def rollouts(con, table=ROLLOUTS):
    return tables.read(con, DATA / "rl" / table.name, table).to_arrow_table().to_pylist()


def by_group(rows):
    """Rewards, advantages and cuts of each group that moved weights."""
    found = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["sample_index"]):
        if row["advantage"] is not None:
            place = row["sample_index"] // SAMPLES
            found[row["stage_index"], row["step"], row["prompt_id"], place].append(row)
    return found


def contents():
    return {str(path): path.read_bytes() for path in sorted((DATA / "rl").rglob("*")) if path.is_file()}


def test_a_killed_run_that_is_repeated_ends_as_one_that_was_not(based):
    run = {"cwd": based, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "text": True}
    subprocess.run(RUN, **run, check=True, capture_output=True)
    wanted = contents()
    model = [(DATA / stage / "model/model.safetensors").read_bytes() for stage in ("base", "rl")]
    assert model[0] != model[1]
    (folder,) = (based / ".curate/checkpoints").glob("rl-*")
    shutil.rmtree(folder)
    with subprocess.Popen(RUN, **run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        while not list(folder.glob("01-*/checkpoint-[3-5]/trainer_state.json")) and killed.poll() is None:
            time.sleep(0.01)
        killed.kill()
    assert killed.returncode == -signal.SIGKILL
    repeated = subprocess.run(RUN, **run, check=True, capture_output=True)
    assert "going on from checkpoint-" in repeated.stderr
    assert contents() == wanted


def test_two_stages_leave_every_rollout_as_data(based, con):
    metrics = done(based, rl_params())
    assert {name: values["steps"] for name, values in metrics.items()} == {"sometimes": STEPS, "longer": 1}
    rows = rollouts(con)
    probed = [row for row in rows if row["stage_index"] == 0]
    assert len(probed) == 5 and {(row["step"], row["advantage"]) for row in probed} == {(0, None)}
    for step in range(1, STEPS + 1):
        used = [group for (stage, at, *_), group in by_group(rows).items() if (stage, at) == (1, step)]
        assert [len(group) for group in used] == [SAMPLES] * GROUPS, "what moved the weights of an update is its batch"
    ids = {row["sample_id"] for row in rows}
    assert len(ids) == len(rows)
    for table in (RESPONSES, VERDICTS):
        assert {row["sample_id"] for row in rollouts(con, table)} == ids
    told = {row["sample_id"]: row for row in rollouts(con, RESPONSES)}
    assert all(row["truncated"] == (told[row["sample_id"]]["finish_reason"] == "length") for row in rows)
    log = (DATA / "rl/log.csv").read_text().splitlines()
    assert log[0].startswith("stage,step,reward,flat,replaced") and len(log) == 1 + STEPS + 1
    with catalog.connect() as asked:
        found = asked.sql("SELECT stage_name, sum(num_rollouts), sum(num_passed) FROM pass_rate_history GROUP BY ALL")
        wanted = defaultdict(lambda: [0, 0])
        for row in rows:
            wanted[row["stage_name"]][0] += 1
            wanted[row["stage_name"]][1] += row["passed"] is True
        assert {name: list(counts) for name, *counts in found.fetchall()} == wanted


@pytest.mark.parametrize("cap", [0, 2])
def test_flat_groups_are_replaced_by_other_prompts_up_to_the_cap(based, con, cap):
    params = rl_params({"rows_max": 12}, {"max_steps": 1}, resample_max=cap)
    metrics = done(based, params)["sometimes"]
    replaced = defaultdict(list)
    for row in rollouts(con):
        if row["stage_index"] == 1 and row["advantage"] is None:
            replaced[row["step"], row["prompt_id"], row["sample_index"] // SAMPLES].append(row)
    assert metrics["groups_replaced"] == len(replaced) <= cap * GROUPS * STEPS
    assert (cap == 0) == (not replaced)
    for (step, prompt_id, _), group in replaced.items():
        assert len({row["reward"] for row in group} - {None}) < 2 or all(row["truncated"] for row in group)
        others = {row["prompt_id"] for row in rollouts(con) if (row["stage_index"], row["step"]) == (1, step)}
        assert len(group) == SAMPLES and others > {prompt_id}


def test_the_unverified_have_no_part_in_their_groups_advantage(based, con, monkeypatch):
    def judge_some(rows, texts, params, **options):
        """The verdicts of curation, but that nothing verifies a text of odd length."""
        found = judge(rows, texts, params, **options)
        lost = {"verdict": Verdict(None, "timeout"), "reward": None, "passed": None}
        return [replace(one, **lost) if len(text) % 4 == 1 else one for one, text in zip(found, texts, strict=True)]

    monkeypatch.setattr(groups, "judge", judge_some)
    metrics = done(based, rl_params({"rows_max": 12}))["sometimes"]
    rows = rollouts(con)
    assert metrics["unverified"] == sum(row["reward"] is None for row in rows if row["stage_index"] == 1) > 0
    mixed = 0
    for group in by_group(rows).values():
        known = [row["reward"] for row in group if row["reward"] is not None]
        spread = statistics.stdev(known) if len(known) > 1 else 0.0
        for row in group:
            by_hand = 0.0 if row["reward"] is None else (row["reward"] - statistics.mean(known)) / (spread + 1e-4)
            assert row["advantage"] == pytest.approx(by_hand, abs=1e-5)
        mixed += 1 < len(known) < SAMPLES and len(set(known)) > 1
    assert mixed, "no group had rewards of both kinds and one unverified: the check says nothing"


def test_a_plateau_ends_a_stage_and_one_that_was_over_when_killed_makes_no_further_update(based, capsys):
    params = rl_params({"plateau": {"steps": 1, "gain_min": 2.0}})
    metrics = done(based, params)["sometimes"]
    assert (metrics["steps"], metrics["ended_by"]) == (2, "plateau")
    wanted = contents()
    first, second = sorted((based / ".curate/checkpoints").glob("rl-*/0*-*"))
    shutil.rmtree(second)
    shutil.rmtree(first / "final")
    (first / "done.json").unlink()
    capsys.readouterr()
    done(based, params)
    told = capsys.readouterr().err
    assert "going on from checkpoint-2" in told and "rl sometimes: step" not in told
    assert contents() == wanted


def test_a_later_stage_without_prompts_is_passed_over(based, capsys):
    metrics = done(based, rl_params({"max_steps": 1}, {"categories": ["code"]}))
    assert (metrics["longer"]["steps"], metrics["longer"]["ended_by"]) == (0, "no_prompts")
    assert "the stage longer has no prompt left (other_category 20); it is passed over" in capsys.readouterr().err
    counts = json.loads((DATA / "rl/counts.json").read_text())
    assert (counts["rows_in"], counts["rows_kept"], counts["dropped"]) == (20, 5, {"other_category": 15})


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        ({"samples": 3}, "rl.fit.batch is 8; each of 1 processes wants whole groups of rl.samples 3"),
        (
            {"probe_samples": 0, "first": {"window": {"above": 0.0, "below": 1.0}}},
            "rl.stages[0].window needs pass rates",
        ),
        (
            {"first": {"window": {"above": 1.0, "below": 2.0}}},
            "the stage sometimes has no prompt left (beyond_rows_max 15, too_hard 5)",
        ),
        ({"first": {"name": "longer"}}, "rl.stages wants at least one stage, each with a name of its own"),
        ({"first": {"config": "level_1"}}, "no config 'level_1'"),
        ({"dataset": "nothing"}, "release data/release/nothing is missing"),
        ({"generation": {"engine": "vllm_server"}}, "vllm_server wants the server's address, any other engine null"),
        (
            {"generation": {"server": "http://localhost:8000"}},
            "engine is transformers and server http://localhost:8000",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(based, capsys, block, sentence):
    generation = {"engine": "transformers", "server": None, "temperature": 1.0, "top_p": 1.0}
    write_params(based, rl_params(**block | {"generation": generation | block.get("generation", {})}))
    assert rl.main([]) == 1
    assert sentence in capsys.readouterr().err
    assert not (DATA / "rl").exists()


def test_no_block_trains_nothing_and_says_so(based, capsys):
    write_params(based, rl_params() | {"rl": None})
    assert rl.main([]) == 0
    assert "rl: its block in params is null; nothing is trained" in capsys.readouterr().err
    assert json.loads((DATA / "rl/metrics.json").read_text()) == {}
    assert json.loads((DATA / "rl/counts.json").read_text())["unit"] == "prompt"

"""Training stages as jobs: steps, GPUs among which a batch goes, and what select counted of a dataset."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from curation import params as params_module
from curation.errors import ParamsError
from curation.training_jobs import Held, Job, gpus_of, held, jobs, steps_of
from curation.training_params import Fit

PROFILE = Path(__file__).parents[2] / "profiles/am-40m.yaml"
FIT = Fit(0.1, 0.0, 8, 1, 2, None, 0.0, 1.0, "bfloat16", "sdpa", gradient_checkpointing=True, lora=None, save_steps=1)
JOB = Job("sft", FIT, max_tokens=10, max_steps=None, held=Held(100, 500))


@pytest.fixture
def params(tmp_path, monkeypatch):
    """The profile am-40m, in a project where nothing has run."""
    monkeypatch.chdir(tmp_path)
    return params_module.load(PROFILE)


def count(dataset, *rows):
    """Write statistics as select does: category, rows and tokens of all responses."""
    folder = Path("data/select") / dataset
    folder.mkdir(parents=True)
    names, all_of = ("category", "rows", "tokens"), {"config": "default", "role": "all", "teacher": "all"}
    one_teacher = {**all_of, "teacher": "large", "category": "math", "rows": 1, "tokens": 1}
    responses = [one_teacher, *({**all_of, **dict(zip(names, row, strict=True))} for row in rows)]
    (folder / "statistics.json").write_text(json.dumps({"responses": responses}))


def test_steps_by_hand():
    assert steps_of(JOB) == 25  # 100 rows x 2 epochs / 8
    assert steps_of(replace(JOB, packing=True)) == 13  # 500 tokens x 2 epochs / (8 x 10)
    assert steps_of(replace(JOB, max_steps=7)) == 7
    assert steps_of(replace(JOB, held=Held(None, None))) is None


def test_a_batch_goes_to_as_many_gpus_as_divide_it():
    assert [gpus_of(JOB, number) for number in (1, 3, 8, 64)] == [1, 2, 8, 8]
    assert gpus_of(replace(JOB, group=4), 8) == 2
    with pytest.raises(ParamsError, match=r"the batch of sft is 8, no multiple of micro_batch 3\."):
        gpus_of(replace(JOB, fit=replace(FIT, micro_batch=3)), 8)


def test_a_dataset_has_the_rows_of_its_config_repeated_as_they_are_trained_on(params):
    count("am-40m-stage1", ("all", 40, 8000), ("math", 30, 6000), ("code", 10, 2000))
    assert held("am-40m-stage1", "default", params, upsample={}) == Held(40, 8000)
    assert held("am-40m-stage1", "default", params, upsample={"code": 3}) == Held(60, 12000)
    assert held("am-40m-stage1", "other", params, upsample={}) == Held(None, None)


def test_of_a_dataset_with_splits_the_train_split_counts(params):
    halved = replace(params.datasets["am-40m"], splits={"train": 0.5, "test": 0.5})
    count("am-40m", ("all", 40, 8000), ("math", 40, 8000))
    changed = replace(params, datasets={**params.datasets, "am-40m": halved})
    assert held("am-40m", "default", changed, upsample={}) == Held(20, 4000)


def test_a_pair_is_two_rows_of_select(params):
    count("am-preference", ("all", 64, 6400), ("math", 64, 6400))
    found = next(job for job in jobs(params) if job.stage == "preference")
    assert (found.held, steps_of(found)) == (Held(32, 6400), 1)


def test_rl_generates_and_scores_what_it_trains_on(params):
    assert [job.held for job in jobs(params)] == [Held(None, None)] * 5
    rl = [job for job in jobs(params) if job.generations]
    assert [(job.max_tokens, job.group, job.frozen, job.scored) for job in rl] == [
        (24576, 16, False, True),
        (32768, 16, False, True),
    ]

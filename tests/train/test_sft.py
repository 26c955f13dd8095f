"""sft and anneal on a small release: what they write, killed runs, masks as TRL gets them, refusals."""

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from curation.places import DATA
from tests.train.conftest import ROOT, tiny_params, write_params
from train import anneal, base, sft
from train.examples import IGNORED

RUN = [sys.executable, "-m", "train.sft"]


@pytest.fixture
def based(project):
    """The project with its fresh model."""
    assert base.main([]) == 0
    return project


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def settings(folder, **block):
    """How sft is run under these values of its block."""
    params = tiny_params()
    fit = block.pop("fit", {})
    params["sft"] |= block
    params["sft"]["fit"] |= fit
    write_params(folder, params)
    return {"cwd": folder, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "stderr": subprocess.STDOUT, "text": True}


def done(folder, **block):
    """What a run of sft says, to its end."""
    found = subprocess.run(RUN, check=False, **settings(folder, **block), stdout=subprocess.PIPE)
    assert found.returncode == 0, found.stdout
    return found.stdout


def test_base_sft_and_anneal_write_models_that_follow_one_another(based):
    assert (sft.main([]), anneal.main([])) == (0, 0)
    metrics = json.loads((DATA / "sft/metrics.json").read_text())
    assert (metrics["steps"], metrics["examples"]) == (3, 48)
    told = [json.loads((DATA / stage / "counts.json").read_text()) for stage in ("sft", "anneal")]
    assert [(one["rows_in"], one["rows_kept"], one["dropped"]) for one in told] == [(48, 48, {})] * 2
    weights = [(DATA / stage / "model/model.safetensors").read_bytes() for stage in ("base", "sft", "anneal")]
    assert len(set(weights)) == 3
    card = (DATA / "anneal/model/README.md").read_text()
    release = json.loads((DATA / "release/sums/manifest.json").read_text())["release_id"]
    assert release in card and "learning_rate: 0.0002" in card
    log = (DATA / "sft/log.csv").read_text().splitlines()
    assert log[0].startswith("step,epoch,loss") and len(log) == 4


def test_a_killed_run_that_is_repeated_ends_as_one_that_was_not(based):
    long = {"max_steps": 40, "save_steps": 1}
    done(based, fit=long)
    wanted = contents(DATA / "sft")
    (folder,) = (based / ".curate/checkpoints").iterdir()
    for path in sorted(folder.glob("checkpoint-*")):
        subprocess.run(["rm", "-r", path], check=True)
    with subprocess.Popen(RUN, **settings(based, fit=long), stdout=subprocess.DEVNULL) as killed:
        while not list(folder.glob("checkpoint-*/trainer_state.json")) and killed.poll() is None:
            time.sleep(0.01)
        killed.kill()
    assert killed.returncode == -signal.SIGKILL
    half = folder / "checkpoint-1000"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"cut")
    told = done(based, fit=long)
    assert "checkpoint-1000 is half-written; passed over" in told
    assert "going on from checkpoint-" in told
    assert contents(DATA / "sft") == wanted


def trainer_of(folder, con, *, packing):
    """The trainer of sft with the examples that it was given."""
    from curation.params import load
    from train import examples, models
    from train.releases import open_release, samples

    params = load()
    block = dataclasses.replace(params.sft, packing=packing)
    tokenizer = models.load_tokenizer(DATA / "base/model", params.base)
    built = examples.build(
        samples(open_release("sums"), "train", con),
        tokenizer,
        system="Think.",
        max_tokens=block.max_tokens,
        upsample={},
    )
    model = models.load_model(DATA / "base/model", params.base, block.fit)
    made = {"built": built, "model": model, "tokenizer": tokenizer}
    trainer = sft.make_trainer("sft", block, params, **made, folder=folder / "checkpoints")
    wanted = zip(built.rows["input_ids"].to_pylist(), built.rows["labels"].to_pylist(), strict=True)
    return trainer, sorted(wanted)


def test_trl_gets_the_targets_as_they_are_and_cuts_nothing(based, con):
    trainer, wanted = trainer_of(based, con, packing=False)
    seen = []
    for batch in trainer.get_train_dataloader():
        for ids, labels, mask in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
            length = int(mask.sum())
            seen.append((ids[:length].tolist(), labels[:length].tolist()))
            assert set(labels[length:].tolist()) <= {IGNORED}
    assert sorted(seen) == wanted


def test_packed_sequences_hold_every_example_whole_and_tell_where_each_begins(based, con):
    trainer, wanted = trainer_of(based, con, packing=True)
    seen, sequences = [], trainer.train_dataset["input_ids"]
    assert len(sequences) < len(wanted) and max(map(len, sequences)) <= trainer.args.max_length
    for batch in trainer.get_train_dataloader():
        assert "attention_mask" not in batch
        starts = [*(batch["position_ids"][0] == 0).nonzero().flatten().tolist(), batch["input_ids"].shape[1]]
        for start, end in itertools.pairwise(starts):
            seen.append((batch["input_ids"][0, start:end].tolist(), batch["labels"][0, start:end].tolist()))
    assert sorted(seen) == wanted


def test_training_ends_when_enough_is_right(based):
    stop = {"accuracy": 0.0, "every_steps": 1, "prompts": 4}
    done(based, stop_at=stop, max_tokens=160)
    metrics = json.loads((DATA / "sft/metrics.json").read_text())
    assert metrics["steps"] == 1 and 0 <= metrics["validation_pass_at_1"] <= 1


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        (
            {"packing": True},
            "packing is true, and nothing promises that fit.attention sdpa keeps packed examples apart",
        ),
        ({"fit": {"batch": 7, "micro_batch": 2}}, "sft.fit.batch is 7, no multiple of micro_batch 2 x 1 processes"),
        ({"dataset": "nothing"}, "release data/release/nothing is missing"),
        ({"max_tokens": 3}, "no example is left of 48 samples"),
        ({"start": "anneal"}, "data/anneal/model holds no model. Run the stage that writes it: dvc repro anneal"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(based, capsys, block, sentence):
    params = tiny_params()
    params["sft"]["fit"] |= block.pop("fit", {})
    params["sft"] |= block
    write_params(based, params)
    assert sft.main([]) == 1
    assert sentence in capsys.readouterr().err
    assert not (DATA / "sft").exists()


def test_a_model_without_a_chat_template_is_refused(based, capsys):
    (DATA / "base/model/chat_template.jinja").unlink()
    assert sft.main([]) == 1
    assert "its tokenizer has no chat template. Name a file with one in base.chat_template" in capsys.readouterr().err


def test_lora_is_merged_into_the_model(based):
    lora = {"rank": 2, "alpha": 4, "dropout": 0.0, "targets": "all-linear"}
    done(based, fit={"lora": lora})
    names = {path.name for path in (DATA / "sft/model").iterdir()}
    assert "model.safetensors" in names and "adapter_config.json" not in names
    assert (DATA / "sft/model/model.safetensors").read_bytes() != (DATA / "base/model/model.safetensors").read_bytes()

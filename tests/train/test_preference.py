"""preference: the loss against the formula on random tensors, pairs as ids, a real run, killed and repeated."""

import os
import signal
import subprocess
import sys
import time

import pytest

from curation.params import load
from curation.places import DATA
from schemas.am_preference import AM_PREFERENCE
from tests.train.conftest import ROOT, tiny_params, write_params
from tests.train.test_releases import LABELS, write
from train import base, models, pairs, preference
from train.releases import open_release
from train.releases import pairs as read_pairs

RUN = [sys.executable, "-m", "train.preference"]


def pair(number, chosen="4", rejected="5 or 6"):
    sides = {"chosen": chosen, "rejected": rejected}
    says = {name: [{"role": "assistant", "content": text}] for name, text in sides.items()}
    sources = dict.fromkeys(("question_source", "chosen_source", "rejected_source"), "s")
    figures = {"chosen_score": 1.0, "rejected_score": 0.0, "chosen_tokens": 1, "rejected_tokens": 1}
    ids = {"chosen_sample_id": f"a{number}", "rejected_sample_id": f"b{number}", "prompt_id": f"p{number:02d}"}
    turns = [{"role": "user", "content": f"{number} + 2?"}]
    return {"prompt": turns, "category": "math", **says, **sources, **figures, **ids, **LABELS}


def params(**block):
    values = tiny_params()
    fit = block.pop("fit", {})
    values["preference"] |= {"start": "base", "dataset": "other"} | block
    values["preference"]["fit"] |= {"batch": 4, "micro_batch": 4} | fit
    return values


@pytest.fixture
def based(project, con):
    """The project with a fresh model and a release of pairs."""
    write(con, project, AM_PREFERENCE, [pair(number) for number in range(12)])
    write_params(project, params())
    assert base.main([]) == 0
    return project


def trainer_of(folder, con, alpha):
    values = params(alpha=alpha)
    write_params(folder, values)
    loaded = load()
    tokenizer = models.load_tokenizer(DATA / "base/model", loaded.base)
    built = pairs.build(read_pairs(open_release("other"), "train", con), tokenizer, system=None, max_tokens=99)
    model, reference = (models.load_model(DATA / "base/model", loaded.base, loaded.preference.fit) for _ in range(2))
    return preference.make_trainer(
        loaded.preference,
        loaded,
        built=built,
        model=model,
        reference=reference,
        tokenizer=tokenizer,
        folder=folder / "made",
    )


def by_formula(policy, reference, lengths, *, alpha, beta):
    """R6 7.4, with the reference weighted as the policy: log-probabilities of the answers' tokens, side by side."""
    import torch

    def weighted(logps, shorter):
        return logps[:shorter].sum() + alpha * logps[shorter:].sum()

    losses = []
    for (chosen, rejected), (ref_chosen, ref_rejected), (first, second) in zip(policy, reference, lengths, strict=True):
        shorter = min(first, second)
        better = weighted(chosen[:first], shorter) - weighted(ref_chosen[:first], shorter)
        worse = weighted(rejected[:second], shorter) - weighted(ref_rejected[:second], shorter)
        losses.append(-torch.nn.functional.logsigmoid(beta * better - beta * worse))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("alpha", [1.0, 0.3, 0.0])
def test_the_loss_is_the_formula(based, con, alpha):
    import torch

    trainer = trainer_of(based, con, alpha)
    with torch.no_grad():
        torch.manual_seed(3)
        for weights in trainer.model.parameters():
            weights.add_(torch.randn_like(weights) * 0.05)
    batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    found = trainer.compute_loss(trainer.model, dict(batch))
    ids, mask = batch["input_ids"], batch["completion_mask"]
    told = []
    for model in (trainer.model, trainer.ref_model):
        logits = model(input_ids=ids, attention_mask=batch["attention_mask"]).logits[:, :-1]
        logps = logits.log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
        sides = [row[keep.bool()] for row, keep in zip(logps, mask[:, 1:], strict=True)]
        told.append(list(zip(sides[: len(sides) // 2], sides[len(sides) // 2 :], strict=True)))
    lengths = [(len(chosen), len(rejected)) for chosen, rejected in told[0]]
    assert any(first != second for first, second in lengths)
    wanted = by_formula(*told, lengths, alpha=alpha, beta=0.1)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_pairs_are_whole_or_dropped(based, con):
    rows = [pair(1), pair(2, rejected="5 " * 40), pair(3, chosen=" "), pair(4, rejected="4")]
    write(con, based, AM_PREFERENCE, rows)
    tokenizer = models.load_tokenizer(DATA / "base/model", load().base)
    built = pairs.build(read_pairs(open_release("other"), "train", con), tokenizer, system="Hi.", max_tokens=40)
    assert (built.num_pairs, built.dropped) == (4, {"too_long": 1, "empty_response": 1, "same_response": 1})
    (found,) = built.rows.to_pylist()
    assert tokenizer.decode(found["prompt_ids"]) == "<|system|>Hi.<|end|><|user|>1 + 2?<|end|><|assistant|>"
    assert tokenizer.decode(found["chosen_ids"]) == "4<|end|>"
    assert tokenizer.decode(found["rejected_ids"]) == "5 or 6<|end|>"


def test_a_killed_run_that_is_repeated_ends_as_one_that_was_not(based):
    write_params(based, params(fit={"max_steps": 12, "epochs": 9, "save_steps": 1}))
    shared = {"cwd": based, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "stderr": subprocess.STDOUT, "text": True}
    whole = subprocess.run(RUN, check=False, stdout=subprocess.PIPE, **shared)
    assert whole.returncode == 0, whole.stdout
    wanted = {path.name: path.read_bytes() for path in (DATA / "preference").rglob("*") if path.is_file()}
    assert b"learning_rate" in wanted["log.csv"]
    (folder,) = (based / ".curate/checkpoints").glob("preference-*")
    subprocess.run(["rm", "-r", folder], check=True)
    with subprocess.Popen(RUN, **shared, stdout=subprocess.DEVNULL) as killed:
        while not list(folder.glob("checkpoint-[2-9]/trainer_state.json")) and killed.poll() is None:
            time.sleep(0.01)
        killed.kill()
    assert killed.returncode == -signal.SIGKILL
    repeated = subprocess.run(RUN, check=False, stdout=subprocess.PIPE, **shared)
    assert repeated.returncode == 0 and "going on from checkpoint-" in repeated.stdout
    assert {path.name: path.read_bytes() for path in (DATA / "preference").rglob("*") if path.is_file()} == wanted


def test_a_release_without_pairs_is_refused(based, capsys):
    write_params(based, params(dataset="sums"))
    assert preference.main([]) == 1
    assert "its layout am_1_4m has no pairs; these have: am_preference" in capsys.readouterr().err

"""`curate plan --training`: formulas by hand, saved tensors counted on a model, the command."""

import csv
import io
import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from curation import params as params_module
from curation import training_plan
from curation.cli import main
from curation.model_shape import Shape, measured, shape_of
from curation.render import cell, markdown
from curation.training_jobs import Held, Job
from curation.training_params import Base, Fit, Lora

ROOT = Path(__file__).parents[2]
QWEN = {
    "model_type": "qwen2", "hidden_size": 5120, "num_hidden_layers": 64, "num_attention_heads": 40,
    "num_key_value_heads": 8, "intermediate_size": 27648, "vocab_size": 152064, "tie_word_embeddings": False,
}  # fmt: skip
# Two layers of 100 parameters and embeddings of 2 x 40; adapters go on one linear layer of 4 by 6.
SMALL = Shape(280, 80, 2, hidden=4, intermediate=8, queries=4, keys=2, vocabulary=10, linears=(("up_proj", 4, 6),))
FIT = Fit(0.1, 0.0, 8, 1, 2, None, 0.0, 1.0, "bfloat16", "sdpa", gradient_checkpointing=True, lora=None, save_steps=1)
JOB = Job("sft", FIT, max_tokens=10, max_steps=None, held=Held(100, 500))


def fitted(job=JOB, **changes):
    """The job with other values of its fit."""
    return replace(job, fit=replace(job.fit, **changes))


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    """A folder with the config of Qwen2.5-32B and no weights."""
    folder = tmp_path_factory.mktemp("qwen")
    (folder / "config.json").write_text(json.dumps(QWEN))
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch, qwen):
    """A folder with the profile am-40m, whose base is the folder with the config."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    change(ROOT / "profiles/am-40m.yaml", base={"model": str(qwen)})
    return tmp_path


def change(source=Path("params.yaml"), **blocks):
    """Write params.yaml with other values in some blocks; null takes a block away."""
    values = yaml.safe_load(source.read_text())
    for name, block in blocks.items():
        values[name] = None if block is None else values[name] | block
    Path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


def rows(gpus=64):
    params = params_module.load()
    return {row.stage: row for row in training_plan.plan(params, shape_of(params.base), gpus=gpus)}


def test_memory_by_hand():
    # 280 parameters of 16 bytes on 4 GPUs; embeddings and two layers, weights and gradients of 2 bytes.
    assert training_plan.state_bytes(JOB, SMALL, 4) == 280 * 16 / 4
    assert training_plan.gathered_bytes(JOB, SMALL, 4) == 4 * (80 + 200)
    # A token of a layer: two norms of 8 x 4; queries 4, what attention gives 4, keys and values 2 + 2, four times 8.
    assert training_plan.layer_bytes(SMALL, 2) == 2 * 8 * 4 + 2 * (4 + 4 + 2 + 2 + 4 * 8)
    assert training_plan.activations_bytes(JOB, SMALL) == 10 * (2 * 2 * 4 + 152)
    assert training_plan.activations_bytes(fitted(gradient_checkpointing=False), SMALL) == 10 * 2 * 152
    assert training_plan.head_bytes(JOB, SMALL) == 4 * 10 * 4 + 10 * 4 * 8 + 10 * 32768 * 2


def test_one_gpu_keeps_the_dtype_and_gathers_nothing():
    assert training_plan.state_bytes(JOB, SMALL, 1) == 280 * 8
    assert training_plan.state_bytes(fitted(dtype="float32"), SMALL, 1) == 280 * 16
    assert training_plan.gathered_bytes(JOB, SMALL, 1) == 0


def test_adapters_are_trained_and_the_model_frozen_and_whole():
    lora = fitted(lora=Lora(3, 6, 0.0, ["up_proj"]))
    assert training_plan.state_bytes(lora, SMALL, 4) == 280 * 2 + 16 * 3 * (4 + 6)
    assert (training_plan.gathered_bytes(lora, SMALL, 4), training_plan.launch_of(lora, 4)) == (0, "ddp")
    assert SMALL.num_adapter(3, "all-linear") == 30 and SMALL.num_adapter(3, ["proj"]) == 0
    # Forward, its repetition and the gradients of activations, but none of weights.
    assert training_plan.flops_of_token(lora, SMALL, 0) == 6 * 280


@pytest.mark.parametrize(
    ("job", "passes"),
    [
        (fitted(gradient_checkpointing=False), 3),
        (JOB, 4),
        (replace(JOB, frozen=True), 5),
        (replace(JOB, frozen=True, scored=True), 6),
    ],
)
def test_operations_by_hand(job, passes):
    # 2 for each parameter and pass; 2 layers of width 4 in which a token attends to half of 10.
    assert training_plan.flops_of_token(job, SMALL, 10) == passes * (2 * 280 + 2 * 2 * 4 * 10)


def test_what_fsdp_would_hold_whole_goes_to_deepspeed():
    assert [training_plan.launch_of(JOB, number) for number in (1, 2, 8)] == ["one_gpu", "deepspeed_zero3", "fsdp"]
    assert training_plan.launch_of(replace(JOB, frozen=True), 8) == "deepspeed_zero3"
    assert training_plan.launch_of(fitted(batch=64), 64) == "multi_node"


@given(st.integers(1, 8), st.integers(1, 10**12))
def test_the_state_halves_when_gpus_double(power, num_parameters):
    shape, gpus = replace(SMALL, num_parameters=num_parameters), 2**power
    assert training_plan.state_bytes(JOB, shape, 2 * gpus) == training_plan.state_bytes(JOB, shape, gpus) / 2


@pytest.mark.parametrize("width", [2, 4])
def test_autograd_saves_as_much_of_a_layer_as_is_reckoned(width):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    def saved(num_layers):
        sizes = {"vocab_size": 64, "hidden_size": 128, "intermediate_size": 320, "num_hidden_layers": num_layers}
        config = LlamaConfig(**sizes, num_attention_heads=8, num_key_value_heads=2)
        model = LlamaForCausalLM(config).to(torch.bfloat16 if width == 2 else torch.float32)
        own, kept = {weights.untyped_storage().data_ptr() for weights in model.parameters()}, {}

        def keep(tensor):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                kept[storage.data_ptr()] = tensor
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            given_out = model.model(torch.zeros(1, 64, dtype=torch.long), use_cache=False)
        assert given_out is not None
        return sum(tensor.untyped_storage().nbytes() for tensor in kept.values()), measured(config)

    (one, _), (three, shape) = saved(1), saved(3)
    assert (three - one) / 2 / 64 == pytest.approx(training_plan.layer_bytes(shape, width), rel=0.02)


def test_the_profile_am_40m_is_planned_with_the_shape_of_its_model(project, qwen):
    shape = shape_of(Base(str(qwen), None, None, None))
    assert shape.num_parameters == 32_763_876_352
    found = rows()
    assert list(found) == ["sft", "anneal", "preference", "rl: math-and-code", "rl: with-chat"]
    sft = found["sft"]
    assert sft.state_gb == pytest.approx(32_763_876_352 * 16 / 64 / 1e9, abs=0.01)
    assert (sft.launch, sft.tokens, sft.steps, sft.flops, sft.gpu_hours) == ("multi_node", None, None, None, None)
    assert sft.fits and not found["preference"].fits
    assert (found["preference"].gpus, found["rl: with-chat"].steps) == (32, 280)


def test_a_dataset_that_is_counted_gives_steps_and_hours(project):
    folder = Path("data/select/am-40m-stage1")
    folder.mkdir(parents=True)
    named = {"config": "default", "role": "all", "teacher": "all", "category": "math"}
    counted = {"responses": [{**named, "rows": 40, "tokens": 80_000_000}]}
    (folder / "statistics.json").write_text(json.dumps(counted))
    sft = rows()["sft"]
    assert (sft.tokens, sft.steps) == (80_000_000, 39)  # of 64 x 32,768 tokens
    assert sft.gpu_hours == pytest.approx(sft.hours_1000_steps * 39 / 1000, rel=0.01)


def test_a_stage_without_a_block_has_no_row(project):
    change(sft=None, preference=None, rl=None)
    assert list(rows()) == ["anneal"]


def test_a_config_that_is_nowhere_is_told_with_the_way_to_get_it(project, capsys):
    change(base={"model": "nobody/nothing", "revision": "abc"})
    assert main(["plan", "--training"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: plan: wanted the config.json of base.model nobody/nothing")
    assert told.endswith("run: hf download nobody/nothing config.json --revision abc\n") and told.count("\n") == 1


def test_a_project_that_does_not_train_is_told(project, capsys):
    change(base=None)
    assert main(["plan", "--training"]) == 1
    assert "base wants either a model or fresh" in capsys.readouterr().err


def test_the_page_shows_what_the_command_tells(project):
    left_out = {"tokens", "flops", "gpu_hours"}
    table = [{name: value for name, value in vars(row).items() if name not in left_out} for row in rows().values()]
    page = (ROOT / "docs/scale.md").read_text()
    assert markdown(list(table[0]), [[cell(value) for value in row.values()] for row in table]) in page
    assert [f"`{field.name}`" in page for field in fields(training_plan.StagePlan) if field.name != "stage"] == [
        True
    ] * 13


def test_the_command_prints_the_plan_in_all_formats(project, capsys):
    told = {}
    for kind in ("table", "csv", "json"):
        assert main(["plan", "--training", "--gpus", "64", "--format", kind]) == 0
        told[kind] = capsys.readouterr().out
    assert [json.loads(line) for line in told["json"].splitlines()] == [vars(row) for row in rows().values()]
    assert [row["stage"] for row in csv.DictReader(io.StringIO(told["csv"]))] == list(rows())
    assert "null" in told["table"] and len(told["table"].splitlines()) == 7
    assert sorted(path.name for path in project.iterdir()) == ["params.yaml"]


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_a_number_of_gpus_is_from_1(number, capsys):
    with pytest.raises(SystemExit):
        main(["plan", "--training", "--gpus", number])
    assert "is not a number of GPUs from 1" in capsys.readouterr().err

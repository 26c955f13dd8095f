"""Models of stages are found, checked and opened; the releases that taught them are known."""

from dataclasses import replace
from pathlib import Path

import pytest

from curation import params as params_module
from curation.engines.protocol import Request, Sampling
from curation.errors import CurateError, DataError, ParamsError
from tests.train.evaluate_project import ROOT, write_model
from train.asked import open_model, trained_on

PARAMS = params_module.load(ROOT / "profiles/tiny.yaml")
ASKED = [Request((("user", "3 + 4 ="),), seed, 5) for seed in range(4)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_models_own_folder_is_asked_with_its_own_template(folder):
    write_model(folder / "data/sft/model", seed=1)
    found = open_model("sft", PARAMS)
    answers = found.engine.generate(ASKED, Sampling(1.0, 1.0))
    assert [answer.num_prompt_tokens for answer in answers] == [4] * 4
    assert open_model("sft", PARAMS).engine.generate(ASKED, Sampling(1.0, 1.0)) == answers


def test_the_same_weights_are_the_same_model_wherever_they_stand(folder):
    for stage, seed in (("sft", 1), ("anneal", 1), ("rl", 2)):
        write_model(folder / "data" / stage / "model", seed=seed)
    one, other, third = (open_model(stage, PARAMS).identity for stage in ("sft", "anneal", "rl"))
    assert one == other != third


def test_a_base_model_without_a_template_takes_that_of_params(folder):
    write_model(folder / "data/base/model", seed=1, template=None)
    with pytest.raises(DataError, match=r"the model of base .* has no chat template"):
        open_model("base", PARAMS)
    Path("chat.jinja").write_text("{% for message in messages %}wait {{ message['content'] }}{% endfor %}")
    assert PARAMS.base is not None
    told = replace(PARAMS, base=replace(PARAMS.base, chat_template="chat.jinja"))
    answers = open_model("base", told).engine.generate(ASKED[:1], Sampling(0.0, 1.0))
    assert answers[0].num_prompt_tokens == 5


def test_a_template_that_is_not_there_is_told(folder):
    write_model(folder / "data/base/model", seed=1)
    told = replace(PARAMS, base=replace(PARAMS.base, chat_template="chat.jinja"))
    with pytest.raises(DataError, match=r"base\.chat_template names chat\.jinja"):
        open_model("base", told)


def test_a_stage_that_left_no_model_is_told(folder):
    with pytest.raises(CurateError, match="rl"):
        open_model("rl", PARAMS)


def test_a_model_was_trained_on_the_releases_of_all_stages_before_it():
    taught = replace(
        PARAMS, sft=replace(PARAMS.sft, dataset="am-1-4m"), anneal=replace(PARAMS.anneal, dataset="am-40m")
    )
    assert trained_on(["base"], taught) == []
    assert trained_on(["anneal", "sft"], taught) == [("am-1-4m", "default"), ("am-40m", "default")]
    assert trained_on(["rl"], PARAMS) == [("sums", "default")]


def test_a_model_of_a_stage_without_a_block_is_refused():
    with pytest.raises(ParamsError, match="needs the stage 'rl', whose block is null"):
        trained_on(["rl"], replace(PARAMS, rl=None))

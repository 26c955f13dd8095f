"""Models and tokenizers: what a base may be, and the token that ends a turn."""

import dataclasses

import pytest

from curation.errors import DataError, ParamsError
from curation.params import load
from curation.places import DATA
from train import base, models


@pytest.fixture
def based(project):
    assert base.main([]) == 0
    return load()


def test_a_stage_that_left_no_model_is_told_with_what_to_run(project):
    with pytest.raises(DataError, match=r"data/sft/model holds no model\. Run the stage that writes it: dvc repro sft"):
        models.resolve("sft", load())


def test_a_base_is_either_there_or_fresh(project):
    params = load()
    both = dataclasses.replace(params.base, model="Qwen/Qwen2.5-32B")
    with pytest.raises(ParamsError, match="base wants either a model or fresh, the other null"):
        models.base_of(dataclasses.replace(params, base=both))


def test_a_folder_without_weights_is_told(based):
    (DATA / "base/model/model.safetensors").unlink()
    with pytest.raises(DataError, match="cannot be loaded"):
        models.load_model(DATA / "base/model", based.base, based.sft.fit)


def test_two_fresh_models_of_a_seed_are_the_same(based):
    first = {path.name: path.read_bytes() for path in (DATA / "base/model").iterdir()}
    assert base.main([]) == 0
    assert {path.name: path.read_bytes() for path in (DATA / "base/model").iterdir()} == first

"""Settings of engines, as params give them."""

import pytest

from curation.engines.open import open_engine
from curation.engines.protocol import engine_settings
from curation.errors import InstallError, ParamsError


def of(engine="transformers", model="some/model", endpoint=None, **options):
    return engine_settings(engine=engine, model=model, revision=None, endpoint=endpoint, options=options)


def test_options_become_settings():
    assert of(batch_size=3, dtype="bfloat16").batch_size == 3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"batchsize": 3}, r"batchsize: .*options are: .*batch_size"),
        ({"batch_size": 0}, "batch_size: .*greater than 0, got 0"),
        ({"device": "tpu"}, "device: .*'cpu'.*got 'tpu'"),
        ({"engine": "llama"}, "engine: .*'vllm'.*got 'llama'"),
    ],
)
def test_what_is_wrong_in_options_is_said(options, sentence):
    with pytest.raises(ParamsError, match=sentence):
        of(**options)


def test_options_cannot_stand_in_for_the_model_that_names_the_samples():
    with pytest.raises(ParamsError, match="model stands in engine_options"):
        engine_settings(engine="vllm", model="a", revision=None, endpoint=None, options={"model": "b"})


def test_an_engine_of_an_endpoint_wants_one():
    with pytest.raises(ParamsError, match="no endpoint"):
        open_engine(of(engine="openai"))


def test_an_engine_that_is_not_installed_says_what_to_install():
    with pytest.raises(InstallError, match=r"needs the package 'vllm'.*pip install -e '.\[gpu\]'"):
        open_engine(of(engine="vllm"))

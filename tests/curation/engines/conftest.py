"""A tiny chat model, and the packaged one."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% if enable_thinking %}<think>\n{% endif %}{% endif %}"
)


@pytest.fixture(scope="session")
def chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Llama of random weights that reads bytes; one byte in nine ends its response."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("chat_model")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=TEMPLATE).save_pretrained(folder)
    torch.manual_seed(3)
    sizes = {"vocab_size": 256, "hidden_size": 32, "intermediate_size": 64, "max_position_embeddings": 160}
    heads = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.3}
    model = LlamaForCausalLM(LlamaConfig(**sizes, **heads, eos_token_id=None, bos_token_id=None))
    model.generation_config.eos_token_id = list(range(0, 256, 9))
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def packaged_models() -> Path:
    """CURATE_HOME of the checkout, where the packaged model is converted once for all runs of the tests."""
    return Path(os.environ.get("CURATE_HOME", ROOT / ".curate"))

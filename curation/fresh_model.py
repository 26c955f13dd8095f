"""The config of a fresh model: a Llama of the shape that params give it."""

from typing import Any

from curation.training_params import Fresh


def fresh_config(fresh: Fresh, *, vocabulary: int | None = None, **tokens: int | None) -> Any:
    """The config of transformers. Input and output embeddings are apart: tied ones do not learn in the time (measured).

    Args:
        fresh: The shape.
        vocabulary: Tokens that the tokenizer has; None: as many as it may.
        tokens: Special tokens by the name of the config's field.
    """
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=fresh.vocabulary if vocabulary is None else vocabulary,
        hidden_size=fresh.width,
        intermediate_size=4 * fresh.width,
        num_hidden_layers=fresh.layers,
        num_attention_heads=fresh.heads,
        num_key_value_heads=fresh.heads,
        max_position_embeddings=fresh.max_tokens,
        initializer_range=fresh.init_range,
        tie_word_embeddings=False,
        **tokens,
    )

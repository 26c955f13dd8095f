"""The tokenizer of a fresh model, trained on the release that it is going to learn.

Byte-level BPE, so that any text can be written; digits stand alone, so that numbers are read digit by digit. What is
frequent becomes one token, phrases of the response format among it. The chat template marks each turn
by a token for its role and ends it by `<|end|>`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from curation.errors import DataError
from curation.tables import BATCH_ROWS, Relation

END = "<|end|>"
PAD = "<|pad|>"
ROLES = ("system", "user", "assistant")
TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ '<|' + message['role'] + '|>' }}"
    "{%- if message['role'] == 'assistant' -%}"
    "{% generation %}{{ message['content'] + '" + END + "' }}{% endgeneration %}"
    "{%- else -%}{{ message['content'] + '" + END + "' }}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}"
)
_BYTES = 256


def train(samples: Relation, *, vocabulary: int, max_tokens: int) -> Any:
    """A tokenizer with a chat template.

    Args:
        samples: Rows of `train.releases.samples`; prompts and responses are read.
        vocabulary: Most tokens.
        max_tokens: Longest sequence of the model, which the tokenizer names.

    Raises:
        DataError: The vocabulary has no room for the bytes and the special tokens.
    """
    special = [PAD, END, *(f"<|{role}|>" for role in ROLES)]
    if vocabulary < _BYTES + len(special):
        raise DataError(
            f"base.fresh.vocabulary is {vocabulary}; {_BYTES} bytes and {len(special)} special tokens need {_BYTES + len(special)}."
        )
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    # Tokens may run over spaces and line breaks: a small model writes a fixed phrase in one step.
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(_texts(samples), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=special[2:],
        chat_template=TEMPLATE,
        model_max_length=max_tokens,
        clean_up_tokenization_spaces=False,
    )


def _texts(samples: Relation) -> Iterator[str]:
    for batch in samples.to_arrow_reader(BATCH_ROWS):
        for row in batch.to_pylist():
            yield from _of_row(row["messages"], row["response"])


def _of_row(messages: Iterable[dict[str, str]], response: str) -> Iterator[str]:
    yield from (turn["content"] for turn in messages)
    yield response

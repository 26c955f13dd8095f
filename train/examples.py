"""Samples of a release as token ids, with a mask of what is trained on.

A sample is a chat: the system prompt of params, the prompt's turns, the response. Only the last turn is a target (R7
8.5, R8 9.3), and the token that ends it is part of it, so that the model learns to stop. What is too long is dropped
and counted, never cut. Here tokenizing ends and TRL begins: it gets ids and labels, and neither cuts nor masks.

Example: the ids of "<user>2 + 2?<end><assistant>4<end>", trained: the tokens of "4<end>".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import DataError
from curation.tables import BATCH_ROWS, Relation

IGNORED = -100
"""Label of a token that is no target, as torch has it."""
TOO_LONG = "too_long"
EMPTY = "empty_response"
SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("category", pa.string()),
        ("input_ids", pa.list_(pa.int32())),
        ("labels", pa.list_(pa.int32())),
    ]
)
"""One row per example; both lists are as long as the sequence."""


@dataclass(frozen=True)
class Tokens:
    """A chat in token ids."""

    input_ids: list[int]
    trained: list[bool]
    """Which ids are targets."""

    @property
    def labels(self) -> list[int]:
        """The ids of targets; IGNORED elsewhere."""
        return [token if target else IGNORED for token, target in zip(self.input_ids, self.trained, strict=True)]


@dataclass(frozen=True)
class Examples:
    """The examples of a split."""

    rows: pa.Table
    """Columns of `SCHEMA`, in the order of their samples, repeats one after the other."""
    num_samples: int
    num_repeats: int
    """Rows added by up-sampling."""
    dropped: Mapping[str, int]
    """Samples left out, by reason."""

    @property
    def num_targets(self) -> int:
        """Tokens that are targets, repeats included."""
        return int(pc.sum(pc.not_equal(pc.list_flatten(self.rows["labels"]), IGNORED)).as_py())


def chat(messages: Sequence[Mapping[str, str]], system: str | None) -> list[dict[str, str]]:
    """The turns of a prompt as a template takes them, the system prompt of params first where there is one."""
    first = [{"role": "system", "content": system}] if system else []
    return [*first, *({"role": turn["role"], "content": turn["content"]} for turn in messages)]


def tokens(
    messages: Sequence[Mapping[str, str]], response: str, tokenizer: Any, *, system: str | None = None
) -> Tokens:
    """Render a chat by the tokenizer's template and mark its last turn.

    Args:
        messages: Turns of the prompt, from the user's first to the user's last.
        response: The full text of the answer, think tags included.
        tokenizer: One with a chat template and an end of turn.
        system: Put before the turns.

    Raises:
        DataError: The turns do not end with the user's; the template writes a prompt that the whole chat does not begin
            with, a part of the answer only, or no token that ends it.
    """
    if not messages or messages[-1]["role"] != "user":
        came = messages[-1]["role"] if messages else "no turn"
        raise DataError(f"an example needs an assistant's answer to a user's turn; the prompt ends with {came}.")
    turns = chat(messages, system)
    asked = _ids(tokenizer, _text(tokenizer, turns, add_generation_prompt=True))
    text = _text(tokenizer, [*turns, {"role": "assistant", "content": response}], add_generation_prompt=False)
    whole = _ids(tokenizer, text)
    if whole[: len(asked)] != asked:
        raise DataError(
            f"chat template of {tokenizer.name_or_path}: the chat does not begin with its prompt, so its last turn "
            f"cannot be told apart. Name a template in base.chat_template that writes turns as they came."
        )
    if "".join(response.split()) not in "".join(text.split()):
        raise DataError(
            f"chat template of {tokenizer.name_or_path}: it does not write the whole answer; some take out the thinking. "
            f"Name a template in base.chat_template that writes turns as they came."
        )
    end = _end_of_turn(whole, len(asked), tokenizer)
    # What a template writes behind the end of a turn, mostly a line break, is no target.
    return Tokens(whole[:end], [place >= len(asked) for place in range(end)])


def build(
    samples: Relation, tokenizer: Any, *, system: str | None, max_tokens: int, upsample: Mapping[str, int]
) -> Examples:
    """Examples of a split, streamed from the release; only their ids are held.

    Args:
        samples: Rows of `train.releases.samples`.
        tokenizer: See `tokens`.
        system: See `tokens`.
        max_tokens: Longer examples are dropped.
        upsample: Category -> how often its examples stand there.

    Raises:
        DataError: No example is left; or what `tokens` raises, with the sample's id.
    """
    dropped: dict[str, int] = {}
    num_samples = num_repeats = 0
    batches = []
    for rows in _rows(samples):
        made = []
        for row in rows:
            num_samples += 1
            found = _example(row, tokenizer, system)
            reason = EMPTY if found is None else TOO_LONG if len(found.input_ids) > max_tokens else None
            if found is None or reason is not None:
                dropped[str(reason)] = dropped.get(str(reason), 0) + 1
                continue
            times = upsample.get(row["category"], 1)
            num_repeats += times - 1
            ids = {"input_ids": found.input_ids, "labels": found.labels}
            made += [{"sample_id": row["sample_id"], "category": row["category"], **ids}] * times
        batches.append(pa.RecordBatch.from_pylist(made, SCHEMA))
    table = pa.Table.from_batches(batches, SCHEMA)
    if table.num_rows == 0:
        told = ", ".join(f"{reason} {number:,}" for reason, number in dropped.items())
        raise DataError(f"no example is left of {num_samples:,} samples ({told}); max_tokens is {max_tokens}.")
    return Examples(table, num_samples, num_repeats, dropped)


def _rows(samples: Relation) -> Iterator[list[dict[str, Any]]]:
    for batch in samples.to_arrow_reader(BATCH_ROWS):
        yield batch.to_pylist()


def _example(row: Mapping[str, Any], tokenizer: Any, system: str | None) -> Tokens | None:
    """The tokens of a sample; None where the response is empty."""
    if not row["response"].strip():
        return None
    try:
        return tokens(row["messages"], row["response"], tokenizer, system=system)
    except DataError as error:
        raise DataError(f"sample {row['sample_id']}: {error}") from error


def _text(tokenizer: Any, turns: list[dict[str, str]], *, add_generation_prompt: bool) -> str:
    return str(tokenizer.apply_chat_template(turns, add_generation_prompt=add_generation_prompt, tokenize=False))


def _ids(tokenizer: Any, text: str) -> list[int]:
    # The template writes the special tokens itself.
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _end_of_turn(ids: list[int], start: int, tokenizer: Any) -> int:
    """The place behind the last end-of-turn token at or after `start`."""
    for place in range(len(ids) - 1, start - 1, -1):
        if ids[place] == tokenizer.eos_token_id:
            return place + 1
    raise DataError(
        f"chat template of {tokenizer.name_or_path}: it writes no {tokenizer.eos_token} behind the answer, so a model "
        f"would not learn to stop. Name a template in base.chat_template that does, or a tokenizer whose eos_token ends a turn."
    )

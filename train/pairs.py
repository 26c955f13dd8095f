"""Pairs of responses as token ids: a prompt, a better and a worse answer to it.

Both sides are rendered as examples of sft are (`train.examples`), think tags included (R6 7.3); a pair with a side that
is too long is dropped and counted, since a cut side would be judged by what is missing. TRL gets ids and cuts nothing.

Example row: {"prompt_ids": [4, 20, 1, 5], "chosen_ids": [31, 1], "rejected_ids": [32, 32, 1]}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curation.errors import DataError
from curation.tables import BATCH_ROWS, Relation
from train.examples import EMPTY, TOO_LONG, Tokens, tokens

SCHEMA = pa.schema([(name, pa.list_(pa.int32())) for name in ("prompt_ids", "chosen_ids", "rejected_ids")])
ALIKE = "same_response"


@dataclass(frozen=True)
class Pairs:
    """The pairs of a split."""

    rows: pa.Table
    """Columns of `SCHEMA`, by prompt_id."""
    num_pairs: int
    dropped: Mapping[str, int]
    """Pairs left out, by reason."""


def build(pairs: Relation, tokenizer: Any, *, system: str | None, max_tokens: int) -> Pairs:
    """Pairs of a split, streamed from the release; only their ids are held.

    Args:
        pairs: Rows of `train.releases.pairs`.
        tokenizer: With a chat template and an end of turn.
        system: Put before the turns.
        max_tokens: Most tokens of prompt and response.

    Raises:
        DataError: No pair is left; or what `train.examples.tokens` raises, with the prompt's id.
    """
    dropped: dict[str, int] = {}
    num_pairs, batches = 0, []
    for batch in pairs.to_arrow_reader(BATCH_ROWS):
        made = []
        for row in batch.to_pylist():
            num_pairs += 1
            found = _pair(row, tokenizer, system, max_tokens)
            if isinstance(found, str):
                dropped[found] = dropped.get(found, 0) + 1
            else:
                made.append(found)
        batches.append(pa.RecordBatch.from_pylist(made, SCHEMA))
    table = pa.Table.from_batches(batches, SCHEMA)
    if table.num_rows == 0:
        told = ", ".join(f"{reason} {number:,}" for reason, number in dropped.items())
        raise DataError(f"no pair is left of {num_pairs:,} ({told}); max_tokens is {max_tokens}.")
    return Pairs(table, num_pairs, dropped)


def _pair(row: Mapping[str, Any], tokenizer: Any, system: str | None, max_tokens: int) -> dict[str, list[int]] | str:
    """The ids of a pair, or why it is left out."""
    if not (row["chosen"].strip() and row["rejected"].strip()):
        return EMPTY
    try:
        chosen, rejected = (
            tokens(row["messages"], row[side], tokenizer, system=system) for side in ("chosen", "rejected")
        )
    except DataError as error:
        raise DataError(f"prompt {row['prompt_id']}: {error}") from error
    if chosen.input_ids == rejected.input_ids:
        return ALIKE
    if max(len(chosen.input_ids), len(rejected.input_ids)) > max_tokens:
        return TOO_LONG
    prompt = chosen.trained.index(True)
    return {
        "prompt_ids": chosen.input_ids[:prompt],
        "chosen_ids": chosen.input_ids[prompt:],
        "rejected_ids": _response(rejected),
    }


def _response(found: Tokens) -> list[int]:
    return found.input_ids[found.trained.index(True) :]

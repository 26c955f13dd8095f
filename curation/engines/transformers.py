"""The engine that runs a model with transformers, on a CPU or a GPU.

It is the engine of the default run and of tests. Sampling is exact to the request: see
`curation.engines.decoding`. Models with attention in all layers and text alone are covered; for
speed on GPUs there is vLLM.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from curation.engines.chat import RenderedChat, render_chat
from curation.engines.installed import library_version, require
from curation.engines.packaged import loading, model_identity, quiet_transformers, resolve_model
from curation.engines.protocol import (
    Completion,
    Device,
    Dtype,
    EngineSettings,
    Request,
    Sampling,
    dtype_on,
    version_text,
)
from curation.progress import say

DECODING = "decoding-1"
"""Raise it when curation.engines.decoding would write other texts than before."""


class _Loaded(NamedTuple):
    """A model in memory."""

    model: Any
    tokenizer: Any
    stop_tokens: frozenset[int]
    max_length: int


class TransformersEngine:
    """Answers requests in batches of `settings.batch_size`, sorted by prompt."""

    def __init__(self, settings: EngineSettings) -> None:
        require("transformers", install="pip install -e '.[local]'", wanted_by="engine transformers")
        library = f"{library_version('transformers')} {DECODING}"
        self.version = version_text(settings, library, model_identity(settings.model, settings.revision))
        self._settings = settings

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Answer each request, in order; a prompt that fills the model's context gets an empty answer."""
        from curation.engines.decoding import decode, seeded_row

        loaded = self._loaded
        chats = [render_chat(loaded.tokenizer, request, self._settings.template_arguments) for request in requests]
        room = [loaded.max_length - len(chat.tokens) for chat in chats]
        pending = sorted(
            (index for index in range(len(requests)) if room[index] > 0),
            key=lambda index: (len(chats[index].tokens), chats[index].tokens, requests[index].seed),
        )
        written: dict[int, list[int]] = {}
        for start in range(0, len(pending), self._settings.batch_size):
            batch = pending[start : start + self._settings.batch_size]
            limits = [min(requests[index].max_tokens, room[index]) for index in batch]
            rows = [
                seeded_row(chats[index].tokens, seed=requests[index].seed, max_tokens=limit)
                for index, limit in zip(batch, limits, strict=True)
            ]
            answers = decode(loaded.model, rows, sampling, stop_tokens=loaded.stop_tokens)
            written.update(zip(batch, answers, strict=True))
        return [_completion(loaded, chat, written.get(index, [])) for index, chat in enumerate(chats)]

    def close(self) -> None:
        """Free the model's memory; a later `generate` loads it again."""
        self.__dict__.pop("_loaded", None)

    @cached_property
    def _loaded(self) -> _Loaded:
        """The model, loaded when it is first needed."""
        from transformers import AutoTokenizer

        model = load_model(self._settings)
        if model.device.type == "cpu":
            _group_attention(model)
        stop = model.generation_config.eos_token_id
        return _Loaded(
            model=model,
            tokenizer=load_pretrained(AutoTokenizer, self._settings),
            stop_tokens=frozenset(stop if isinstance(stop, list) else [stop]),
            max_length=model.config.max_position_embeddings,
        )


def load_model(settings: EngineSettings) -> Any:
    """A causal language model, ready on its device."""
    import torch
    from transformers import AutoModelForCausalLM

    quiet_transformers()
    device, dtype = device_and_dtype(settings)
    model = load_pretrained(AutoModelForCausalLM, settings, dtype=getattr(torch, dtype))
    say(f"engine transformers runs {settings.model} on {device} in {dtype}")
    return model.to(device).eval()


def device_and_dtype(settings: EngineSettings) -> tuple[Device, Dtype]:
    """Where a model runs, the GPU where torch sees one and nothing else is set, and in which numbers."""
    import torch

    device = settings.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return device, dtype_on(device, settings)


def load_pretrained(kind: Any, settings: EngineSettings, **options: Any) -> Any:
    """What one of the Auto classes of transformers makes of a model: its weights, its tokenizer, its config."""
    where = resolve_model(settings.model)
    revision = settings.revision if where == settings.model else None
    with loading(settings.model):
        return kind.from_pretrained(where, revision=revision, **options)


def mean_losses(model: Any, encoded: Sequence[Sequence[int]]) -> list[float]:
    """Mean negative log-likelihood of each row of token ids but its first, in one forward pass.

    Legend: B rows, T tokens of the longest, V vocabulary.
    """
    import torch

    width = max(map(len, encoded))
    # Rows are filled up on the right, so a causal model never sees the filling.
    tokens_BT = torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in encoded], device=model.device)
    mask_BT = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids in encoded], device=model.device)
    with torch.inference_mode():
        logits_BTV = model(input_ids=tokens_BT, attention_mask=mask_BT).logits[:, :-1].float()
        # Not cross_entropy: on a CPU, over 150,000 words, it was off by 2e-4 with them on the middle axis and by
        # 2e-5 with them on the last; this by 6e-8.
        loss_BT = logits_BTV.logsumexp(-1) - logits_BTV.gather(2, tokens_BT[:, 1:, None])[:, :, 0]
        kept_BT = mask_BT[:, 1:]
        mean_B = (loss_BT * kept_BT).sum(1) / kept_BT.sum(1)
    return [float(loss) for loss in mean_B.tolist()]


def _group_attention(model: Any) -> None:
    """Decode with `grouped_attention` where the model would take the stock attention it stands for."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    from curation.engines.decoding import grouped_attention

    if model.config._attn_implementation == "sdpa":  # noqa: SLF001  # transformers has no public name for it
        AttentionInterface.register("grouped", grouped_attention)
        AttentionMaskInterface.register("grouped", sdpa_mask)
        model.set_attn_implementation("grouped")


def _completion(loaded: _Loaded, chat: RenderedChat, tokens: list[int]) -> Completion:
    """The text of new tokens; without any, the prompt left no room."""
    stopped = bool(tokens) and tokens[-1] in loaded.stop_tokens
    text = loaded.tokenizer.decode(
        tokens[:-1] if stopped else tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return Completion(
        text=chat.opening + text,
        finish_reason="stop" if stopped else "length",
        num_prompt_tokens=len(chat.tokens),
        num_tokens=len(tokens),
    )

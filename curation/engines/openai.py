"""The engine that asks an OpenAI-compatible endpoint: vLLM's server, SGLang, llama.cpp, a provider.

One chat completion per request, several under way at once, a seed with each. The client
repeats what fails in passing (429, 5xx, timeouts) with growing pauses; what still fails stops
the run with a sentence. The key comes from OPENAI_API_KEY; servers of one's own need none.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

from curation.engines.installed import require
from curation.engines.protocol import Completion, EngineSettings, Request, Sampling, version_text
from curation.errors import CurateError, ParamsError

MAX_RETRIES = 6
SEED_BITS = 31
"""Servers differ in the seeds they take: llama.cpp 32 bits, proxies in JavaScript 53."""


class OpenaiEngine:
    """Answers requests with at most `settings.max_concurrency` under way."""

    def __init__(self, settings: EngineSettings) -> None:
        require("openai", install="pip install openai", wanted_by="engine openai")
        if settings.endpoint is None:
            raise ParamsError(
                f"engine openai for {settings.model} has no endpoint; name its base URL, such as http://localhost:8000/v1."
            )
        # The endpoint is no part of it: a server that moves to another port is the same model.
        self.version = version_text(settings, "", f"{settings.model}@{settings.revision or 'unnamed'}")
        self._settings = settings

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Answer each request, in order; a prompt that the server finds too long gets an empty answer.

        Raises:
            CurateError: The endpoint refused a request or failed on it every time.
        """
        return asyncio.run(self._generate(requests, sampling))

    def close(self) -> None:
        """Nothing is held between calls."""

    async def _generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        from openai import AsyncOpenAI, OpenAIError

        slots = asyncio.Semaphore(self._settings.max_concurrency)
        async with AsyncOpenAI(
            api_key=os.environ.get("OPENAI_API_KEY") or "none",
            base_url=self._settings.endpoint,
            max_retries=MAX_RETRIES,
            timeout=self._settings.timeout_seconds,
        ) as client:

            async def answer(request: Request) -> Completion:
                async with slots:
                    return await self._ask(client, request, sampling)

            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(answer(request)) for request in requests]
            except* OpenAIError as errors:
                raise self._failure(errors.exceptions[0]) from errors
            except* CurateError as errors:
                raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _ask(self, client: Any, request: Request, sampling: Sampling) -> Completion:
        """One request to the endpoint."""
        from openai import BadRequestError

        arguments = self._settings.template_arguments
        try:
            answer = await client.chat.completions.create(
                model=self._settings.model,
                messages=[{"role": role, "content": content} for role, content in request.messages],
                seed=request.seed % 2**SEED_BITS,
                max_tokens=request.max_tokens,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                extra_body={"chat_template_kwargs": arguments} if arguments else None,
            )
        except BadRequestError as error:
            if "context length" in str(error) or "context size" in str(error):
                return Completion(text="", finish_reason="length", num_prompt_tokens=0, num_tokens=0)
            raise
        return self._completion(answer)

    def _completion(self, answer: Any) -> Completion:
        if not answer.choices or answer.usage is None:
            raise self._failure("its answer has no choices or no usage")
        choice = answer.choices[0]
        return Completion(
            text=_text(choice.message),
            finish_reason="length" if choice.finish_reason == "length" else "stop",
            num_prompt_tokens=answer.usage.prompt_tokens,
            num_tokens=answer.usage.completion_tokens,
        )

    def _failure(self, cause: object) -> CurateError:
        return CurateError(
            f"engine openai: {self._settings.endpoint} did not answer for model {self._settings.model}: {cause}. "
            "Check that the server runs and serves this model, and OPENAI_API_KEY if it wants a key."
        )


def _text(message: Any) -> str:
    """A message's text, with the thinking that servers keep apart back in its place."""
    thinking = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
    content = message.content or ""
    return f"<think>{thinking}</think>{content}" if thinking else content

"""Turn a chat into a model's tokens with the template that stands in its tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curation.engines.protocol import Request

THINK = "<think>"


@dataclass(frozen=True)
class RenderedChat:
    """A request as the model reads it."""

    tokens: tuple[int, ...]
    opening: str
    """What the template wrote on behalf of the model and the response needs: <think>, mostly nothing."""


def render_chat(tokenizer: Any, request: Request, template_arguments: Mapping[str, Any]) -> RenderedChat:
    """Render a request with the tokenizer's chat template, ready for the model to answer.

    Some templates add a system prompt of their own where the request has none (SmolLM2,
    Qwen2.5): it belongs to the model, and an empty system message switches it off.
    """
    messages = [{"role": role, "content": content} for role, content in request.messages]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **template_arguments)
    tokens = tokenizer(text, add_special_tokens=False).input_ids
    start = text.rfind(THINK)
    return RenderedChat(
        tokens=tuple(tokens), opening=text[start:] if start >= 0 and text[start:].strip() == THINK else ""
    )

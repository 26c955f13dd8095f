"""One record of a source becomes our fields; foreign names are mapped here and nowhere else.

A value that is missing, null, NaN or an empty text is null, but for the prompt, whose emptiness
is for the stage clean to judge. Where params name both `prompt` and `messages`, messages win.
Conversations come as role and content, or as from and value with human and gpt (ShareGPT).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation import text
from curation.adapters.record import BadRecordError
from curation.adapters.values import as_constraints, as_json, as_scalar, as_tests, as_text, bad, null_if_empty
from curation.params import CATEGORIES, Source

ROLES = {"system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant"}
CATEGORY_NAMES = {
    **{name.replace("_", " "): name for name in CATEGORIES},
    "if": "instruction",
    "instruction follow": "instruction",
    "multiturn": "multi_turn",
    "other": "chat",
}
"""Our categories, and how the datasets of the reports spell them (40M, AM-Thinking-v1-Distilled)."""

Turn = dict[str, str]


@dataclass(frozen=True)
class Ready:
    """A response that the source brought."""

    tag: str
    reasoning: str | None
    answer: str
    well_formed: bool
    problem: str | None = None
    """Why it cannot be used; null where it can."""


@dataclass(frozen=True)
class Fields:
    """A record in our words."""

    own_id: str | None
    category: str
    messages: list[Turn]
    reference: str | None
    tests: str | None
    constraints: str | None
    licence: str
    responses: list[Ready]


def reach(record: Mapping[str, Any], column: str) -> tuple[bool, Any]:
    """Look a column up, through structs where its name has dots: whether it is there, and its value.

    Example:
        >>> reach({"info": {"answer": "7"}}, "info.answer"), reach({"info": {}}, "info.answer")
        ((True, '7'), (False, None))
    """
    if column in record:
        return True, record[column]
    root, dot, rest = column.partition(".")
    inner = record.get(root)
    return reach(inner, rest) if dot and isinstance(inner, Mapping) else (False, None)


def read_fields(record: Mapping[str, Any], source: Source) -> Fields:
    """Map a record by the source's params.

    Raises:
        BadRecordError: The record has no prompt, a value of a wrong type, an unknown category or
            a reference that does not match.
    """
    names = source.columns
    messages, last_turn = _split_last(_messages(record, source))
    return Fields(
        own_id=as_scalar(_value(record, names.id), names.id),
        category=_category(_value(record, names.category), source),
        messages=messages,
        reference=_reference(_value(record, names.reference), source),
        tests=as_tests(_value(record, names.tests), names.tests),
        constraints=as_constraints(_value(record, names.constraints), names.constraints),
        licence=as_scalar(_value(record, names.licence), names.licence) or source.licence,
        responses=_responses(record, last_turn, source),
    )


def _value(record: Mapping[str, Any], column: str | None) -> Any:
    return None if column is None else null_if_empty(reach(record, column)[1])


def _category(value: Any, source: Source) -> str:
    if value is None and source.category is not None:
        return source.category
    known = CATEGORY_NAMES.get(str(value).strip().lower().replace("_", " ").replace("-", " "))
    if known is None:
        raise bad(source.columns.category, f"one of {', '.join(CATEGORIES)}", value, reason="bad_category")
    return known


def _reference(value: Any, source: Source) -> str | None:
    written = as_scalar(value, source.columns.reference)
    if written is None or source.reference_pattern is None:
        return written
    match = re.search(source.reference_pattern, written)
    if match is None or not (match[1] or "").strip():
        wanted = f"a text with {source.reference_pattern}"
        raise bad(source.columns.reference, wanted, written[-60:], reason="bad_reference")
    return match[1].strip()


def _messages(record: Mapping[str, Any], source: Source) -> list[Turn]:
    column = source.columns.messages
    given = None if column is None else reach(record, column)[1]
    if given is None and source.columns.prompt is not None:
        column = source.columns.prompt
        return [{"role": "user", "content": as_text(reach(record, column)[1], column)}]
    turns = as_json(given, column, "a list of turns")
    if not isinstance(turns, Sequence) or not turns:
        raise bad(column, "a list of turns", given)
    return [_turn(turn, column) for turn in turns]


def _turn(turn: Any, column: str | None) -> Turn:
    if not isinstance(turn, Mapping):
        raise bad(column, "turns with role and content", turn)
    role, content = ("role", "content") if turn.get("role") is not None else ("from", "value")
    known = ROLES.get(str(turn.get(role)))
    if known is None:
        raise bad(f"{column}.{role}", f"one of {', '.join(ROLES)}", turn.get(role))
    return {"role": known, "content": as_text(turn.get(content), f"{column}.{content}")}


def _split_last(turns: list[Turn]) -> tuple[list[Turn], str | None]:
    """The turns up to the last user turn, and the assistant turn after it, if there is one."""
    answered = turns[-1]["role"] == "assistant"
    prompt = turns[:-1] if answered else turns
    if not prompt or prompt[-1]["role"] != "user":
        roles = ", ".join(turn["role"] for turn in turns[-3:])
        raise BadRecordError("bad_record", f"wanted turns that end on user, or on user and assistant, came {roles}")
    return prompt, turns[-1]["content"] if answered else None


def _responses(record: Mapping[str, Any], last_turn: str | None, source: Source) -> list[Ready]:
    """All that the record brought: the last turn, the column `response`, the list `responses`."""
    names, tag = source.columns, source.response_tag or source.name
    single = [(tag, written) for written in (last_turn, _value(record, names.response)) if written is not None]
    listed = as_json(_value(record, names.responses), names.responses, "a list of tag and text") or []
    if not isinstance(listed, Sequence) or not all(isinstance(entry, Mapping) for entry in listed):
        raise bad(names.responses, "a list of tag and text", listed)
    return [_ready(*pair) for pair in (*single, *((entry.get("tag"), entry.get("text")) for entry in listed))]


def _ready(tag: Any, written: Any) -> Ready:
    try:
        told, full = as_text(tag, "tag"), as_text(written, "text")
    except BadRecordError as error:
        return Ready("", None, "", well_formed=False, problem=error.detail)
    if not told.strip() or not full.strip():
        return Ready(told, None, "", well_formed=False, problem="wanted a tag and a text, came an empty one")
    response_format = "think_answer" if full.lstrip().startswith("<think>") else "plain"
    return Ready(told, **vars(text.split_response(full, response_format)))

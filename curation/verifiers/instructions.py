"""Instruction following: the share of a prompt's IFEval constraints that a response follows.

Constraints come as R7's Fig. 3 shows them (AM-Thinking-v1, arXiv 2505.08311, 8.4), in strict
mode; the score is their mean (R5 6.4, DeepDistill, arXiv 2504.17565). `detail` has the result
of each, so that R7's all-or-nothing is `score = 1`. A response without text follows nothing.

Unverified: `no_constraints`; `unknown_instruction`; `bad_constraint`, an argument that is
missing or not of its kind, which is never guessed; `undecidable`, where a check cannot say (see
`curation.verifiers.instruction_checks`).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.verifiers import instruction_checks as checks
from curation.verifiers.verdict import Task, Verdict

VERSION = "1"


def _count(value: Any) -> int | None:
    """A number of things; a whole float is what some readers of JSON make of it."""
    is_whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    return int(value) if is_whole and value >= 0 else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _texts(value: Any) -> list[str] | None:
    return value if isinstance(value, list) and value and all(_text(item) for item in value) else None


def _letter(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) == 1 and not value.isspace() else None


def _relation(value: Any) -> str | None:
    return value if value in ("less than", "at least") else None


def _language(value: Any) -> str | None:
    """The code without its region: zh of zh-cn."""
    code = value.split("-")[0].lower() if isinstance(value, str) else None
    return code if code in checks.SCRIPT_OF_LANGUAGE else None


@dataclass(frozen=True)
class Check:
    """One of IFEval's instructions."""

    function: Callable[..., bool | None]
    arguments: Mapping[str, Callable[[Any], Any]]
    """Name of each argument, and what makes a valid value of it or None."""


CHECKS: Mapping[str, Check] = {
    "keywords:existence": Check(checks.keywords_existence, {"keywords": _texts}),
    "keywords:frequency": Check(
        checks.keywords_frequency, {"keyword": _text, "frequency": _count, "relation": _relation}
    ),
    "keywords:forbidden_words": Check(checks.forbidden_words, {"forbidden_words": _texts}),
    "keywords:letter_frequency": Check(
        checks.letter_frequency, {"letter": _letter, "let_frequency": _count, "let_relation": _relation}
    ),
    "language:response_language": Check(checks.response_language, {"language": _language}),
    "length_constraints:number_sentences": Check(
        checks.number_sentences, {"num_sentences": _count, "relation": _relation}
    ),
    "length_constraints:number_paragraphs": Check(checks.number_paragraphs, {"num_paragraphs": _count}),
    "length_constraints:number_words": Check(checks.number_words, {"num_words": _count, "relation": _relation}),
    "length_constraints:nth_paragraph_first_word": Check(
        checks.nth_paragraph_first_word, {"num_paragraphs": _count, "nth_paragraph": _count, "first_word": _text}
    ),
    "detectable_content:number_placeholders": Check(checks.number_placeholders, {"num_placeholders": _count}),
    "detectable_content:postscript": Check(checks.postscript, {"postscript_marker": _text}),
    "detectable_format:number_bullet_lists": Check(checks.number_bullet_lists, {"num_bullets": _count}),
    "detectable_format:constrained_response": Check(checks.constrained_response, {}),
    "detectable_format:number_highlighted_sections": Check(
        checks.number_highlighted_sections, {"num_highlights": _count}
    ),
    "detectable_format:multiple_sections": Check(
        checks.multiple_sections, {"section_spliter": _text, "num_sections": _count}
    ),
    "detectable_format:json_format": Check(checks.json_format, {}),
    "detectable_format:title": Check(checks.title, {}),
    "combination:two_responses": Check(checks.two_responses, {}),
    "combination:repeat_prompt": Check(checks.repeat_prompt, {"prompt_to_repeat": _text}),
    "startend:end_checker": Check(checks.end_checker, {"end_phrase": _text}),
    "startend:quotation": Check(checks.quotation, {}),
    "change_case:capital_word_frequency": Check(
        checks.capital_word_frequency, {"capital_frequency": _count, "capital_relation": _relation}
    ),
    "change_case:english_capital": Check(checks.english_capital, {}),
    "change_case:english_lowercase": Check(checks.english_lowercase, {}),
    "punctuation:no_comma": Check(checks.no_comma, {}),
}
"""All 25 instructions of IFEval, by id."""

Constraint = tuple[str, dict[str, Any]]
"""Id and valid arguments of one constraint."""


def verify_instructions(tasks: Sequence[Task]) -> list[Verdict]:
    """Verdicts of instruction responses, in the order of the tasks; reads `answer` and `constraints`."""
    return [_verify(task.answer, task.constraints) for task in tasks]


def _verify(answer: str, constraints: str | None) -> Verdict:
    parsed = parse_constraints(constraints)
    if isinstance(parsed, Verdict):
        return parsed
    results = [bool(answer.strip()) and CHECKS[name].function(answer, **arguments) for name, arguments in parsed]
    followed = [{"id": name, "followed": result} for (name, _), result in zip(parsed, results, strict=True)]
    detail = json.dumps(followed)
    if None in results:
        return Verdict(None, "undecidable", detail)
    return Verdict(round(sum(map(bool, results)) / len(results), 12), None, detail)


def parse_constraints(constraints: str | None) -> list[Constraint] | Verdict:
    """The constraints with valid arguments, or the verdict that says why they cannot be checked."""
    if constraints is None or not constraints.strip():
        return Verdict(None, "no_constraints")
    try:
        raw = json.loads(constraints)
    except (ValueError, RecursionError):
        return _unverified("bad_constraint", "", "constraints", "not JSON")
    ids, kwargs = (raw.get("instruction_id_list"), raw.get("kwargs")) if isinstance(raw, dict) else (None, None)
    if not isinstance(ids, list) or not isinstance(kwargs, list) or len(ids) != len(kwargs):
        return _unverified("bad_constraint", "", "constraints", "wanted instruction_id_list and kwargs of one length")
    if not ids:
        return Verdict(None, "no_constraints")
    parsed = [_parse(name, given) for name, given in zip(ids, kwargs, strict=True)]
    bad = next((one for one in parsed if isinstance(one, Verdict)), None)
    return bad or [one for one in parsed if not isinstance(one, Verdict)]


def _parse(name: Any, given: Any) -> Constraint | Verdict:
    """One constraint; arguments that its check does not know, and nulls, are no arguments."""
    if not isinstance(name, str) or name not in CHECKS:
        return _unverified("unknown_instruction", str(name), None, None)
    given = given if isinstance(given, dict) else {}
    arguments = {key: valid(given.get(key)) for key, valid in CHECKS[name].arguments.items()}
    missing = next((key for key, value in arguments.items() if value is None), None)
    if missing is not None:
        return _unverified("bad_constraint", name, missing, given.get(missing))
    return name, arguments


def _unverified(why: str, name: str, argument: str | None, value: Any) -> Verdict:
    detail = {"id": name} if argument is None else {"id": name, "argument": argument, "value": value}
    return Verdict(None, why, json.dumps(detail, ensure_ascii=False))

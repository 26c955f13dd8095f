r"""Math: the final answer of a response against a reference; 1 or 0.

The answer is the content of the last \boxed{} of the answer part (R7 8.4, AM-Thinking-v1,
arXiv 2505.08311). Where params allow it and there is no box, it is the last number, or the last
list in square brackets where the reference is one. Three stages decide, the
cheapest first, and `detail` names the one that did:

    same_text   the answer is the reference, math delimiters and text commands aside
    number      both are plain integers, or plain decimals of one value
    math_verify math-verify says whether they are equal (see `curation.verifiers.symbolic`)

A response without a final answer is wrong (`no_answer`), as is one whose answer is no
mathematics while the reference is (`unparsed_answer`). What could not be decided is
unverified: `no_reference`, `bad_reference` (math-verify cannot read it), `too_complex`
(refused by size), `timeout`, `error` (the library raised) and `worker_died`. A reference that
is a text and not an expression can only be met by the same text.
"""

import json
import re
from collections.abc import Sequence
from importlib.metadata import version

from curation.verifiers import symbolic
from curation.verifiers.extract import bare, last_boxed, last_list, last_number, undelimited
from curation.verifiers.verdict import Task, Verdict

VERSION = f"1, math-verify {version('math-verify')}, sympy {version('sympy')}"
EXTRACTIONS = ("boxed", "boxed_or_last_number")
DETAIL_CHARS = 200
_PLAIN_NUMBER = re.compile(r"([-\u2212]?)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?")


def verify_math(tasks: Sequence[Task], *, extraction: str, timeout_seconds: float, processes: int = 0) -> list[Verdict]:
    """Verdicts of math responses, in the order of the tasks.

    Args:
        tasks: Reads `answer` and `reference`.
        extraction: `boxed`, or `boxed_or_last_number` where the last number will do for want of a box.
        timeout_seconds: Deadline of one comparison.
        processes: Workers that compare; 0 takes one per core.
    """
    assert extraction in EXTRACTIONS
    answers = [final_answer(task.answer, extraction, task.reference or "") for task in tasks]
    verdicts = [_decide(task.reference, answer) for task, answer in zip(tasks, answers, strict=True)]
    pairs = {
        (undelimited(task.reference), undelimited(answer)): None
        for task, answer, verdict in zip(tasks, answers, verdicts, strict=True)
        if verdict is None and task.reference is not None and answer is not None
    }
    compared = (
        symbolic.compare_pairs(list(pairs), timeout_seconds=timeout_seconds, processes=processes) if pairs else []
    )
    found = dict(zip(pairs, compared, strict=True))
    return [
        verdict or _from_comparison(found[undelimited(task.reference or ""), undelimited(answer or "")], answer or "")
        for task, answer, verdict in zip(tasks, answers, verdicts, strict=True)
    ]


def final_answer(text: str, extraction: str, reference: str) -> str | None:
    r"""The answer that a response states; an empty box states none.

    Example:
        >>> final_answer("So 7 apples.", "boxed", "7"), final_answer("So 7 apples.", "boxed_or_last_number", "7")
        (None, '7')
    """
    boxed = last_boxed(text)
    if boxed is None and extraction == "boxed_or_last_number":
        return last_list(text) if reference.startswith("[") else last_number(text)
    return boxed or None


def is_plain_number(text: str) -> bool:
    """Whether a reference is an integer, a decimal, a fraction or a percentage in digits alone."""
    whole, _, divisor = undelimited(text).removesuffix("%").removesuffix("\\").partition("/")
    return _number(whole) is not None and (not divisor or divisor.isdecimal())


def _decide(reference: str | None, answer: str | None) -> Verdict | None:
    """The verdict where no library is needed for it, else None."""
    if reference is None or not reference.strip():
        return Verdict(None, "no_reference")
    if answer is None:
        return _verdict(0, "no_answer", None)
    if bare(reference) == bare(answer):
        return _verdict(1, "same_text", answer)
    same = _same_number(undelimited(reference), undelimited(answer))
    if same is not None:
        return _verdict(int(same), "number", answer)
    for side, text in (("reference", reference), ("answer", answer)):
        limit = symbolic.too_complex(text)
        if limit is not None:
            return Verdict(None, "too_complex", _detail(side, answer, limit=limit))
    return None


def _same_number(reference: str, answer: str) -> bool | None:
    """Whether two plain numbers are equal; None where that takes more than comparing digits.

    Decimals that differ are left to math-verify, which rounds them to six places.
    """
    expected, found = _number(reference), _number(answer)
    if expected is None or found is None:
        return None
    if expected == found:
        return True
    return False if "." not in expected + found else None


def _number(text: str) -> str | None:
    """A plain number in one spelling: no thousands commas, no zeros that say nothing."""
    match = _PLAIN_NUMBER.fullmatch(text)
    if match is None:
        return None
    whole = match[2].replace(",", "").lstrip("0") or "0"
    digits = whole + (match[3] or "").rstrip("0").rstrip(".")
    return f"-{digits}" if match[1] and digits != "0" else digits


def _from_comparison(comparison: symbolic.Comparison, answer: str) -> Verdict:
    match comparison.outcome:
        case "equal":
            return _verdict(1, "math_verify", answer)
        case "different":
            return _verdict(0, "math_verify", answer)
        case "unparsed_answer":
            return _verdict(0, "unparsed_answer", answer)
        case why:
            return Verdict(None, why, _detail("math_verify", answer, error=comparison.error))


def _verdict(score: int, stage: str, answer: str | None) -> Verdict:
    return Verdict(float(score), None, _detail(stage, answer))


def _detail(stage: str, answer: str | None, **more: str | None) -> str:
    """Evidence as JSON; of a long answer its beginning."""
    shown = None if answer is None else answer[:DETAIL_CHARS]
    fields = {"stage": stage, "answer": shown, **{name: value for name, value in more.items() if value is not None}}
    return json.dumps(fields, ensure_ascii=False)

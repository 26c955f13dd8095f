r"""Science and logic: a chosen letter, a number or a short text against a reference; 5 or 0.

The scale is R5's 0 to 5 (DeepDistill, arXiv 2504.17565, 6.4), whose judge's decimals a rule
cannot give. The reference says how an answer is read:

    one letter      multiple choice; see `chosen_letter`
    a plain number  as mathematics; see `curation.verifiers.math`
    anything else   a short text; see `states`

Unverified: `no_reference`; `bad_reference`, which is punctuation alone; and for a number what
the math verifier leaves so.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from curation.verifiers.extract import bare, last_boxed, last_line
from curation.verifiers.math import DETAIL_CHARS, is_plain_number, verify_math
from curation.verifiers.math import VERSION as MATH_VERSION
from curation.verifiers.verdict import Task, Verdict

VERSION = f"1, math {MATH_VERSION}"
SCORE_MAX = 5.0

_LETTER_REFERENCE = re.compile(r"\(?([A-J])[).:]?")
# A and I are also words: before a lower-case word other than these they are no choice.
_AFTER = r"(?![A-Za-z0-9_'’-])"
_LETTER = rf"(?<![A-Za-z0-9_'’])(?:[B-HJ]{_AFTER}|[AI]{_AFTER}(?!\s+(?!because|since|as|and|or|is)[a-z]))"
_LETTERS = re.compile(_LETTER)
_STATED_LETTERS = re.compile(
    r"(?:(?i:\b(?:answer|option|choice)\b)|答案)(?:(?!\bnot\b)[\s:：=*$({\[\\a-z是为]){0,30}?"
    rf"({_LETTER}(?:[\s)]*(?:,|/|or|and)[\s(]*{_LETTER})*)"
)
_MARKED_LETTER = re.compile(r"\(([A-J])\)|^[ \t*]*([A-J])[).:](?=[\s*]|$)", re.MULTILINE)
_CHOICE = re.compile(r"^[ \t*]*\(?([A-J])[).:][ \t*]*(\S.*)$", re.MULTILINE)
_STATED_TEXT = re.compile(r"(?:(?i:\banswer\b(?:\s+is\b)?)|答案[是为]?)[\s:：=*]*([^\n]+)")
_TOKENS = re.compile(r"\w+(?:['’]\w+)*|[^\w\s.,;:!?\"'“”‘’*`$(){}\[\]\\。，；：！？]")
_OPPOSITES = (("yes", "no"), ("true", "false"), ("valid", "invalid"), ("possible", "impossible"))
_NEGATIONS = {"not", "isn't", "isn’t", "never"}
_HEDGES = _NEGATIONS | {"no", "neither", "nor", "or", "and"}
_LEADING = {"so", "thus", "hence", "therefore", "then", "the", "final", "answer", "is"}


def verify_science(
    tasks: Sequence[Task], *, extraction: str, timeout_seconds: float, processes: int = 0
) -> list[Verdict]:
    """Verdicts of science and logic responses, in the order of the tasks.

    Args:
        tasks: Reads `answer`, `reference` and, for the texts of choices, `messages`.
        extraction: How a number is found, as in `verify_math`.
        timeout_seconds: Deadline of one comparison of numbers.
        processes: Workers that compare numbers; 0 takes one per core.
    """
    numeric = [index for index, task in enumerate(tasks) if is_plain_number(task.reference or "")]
    found = verify_math(
        [tasks[index] for index in numeric], extraction=extraction, timeout_seconds=timeout_seconds, processes=processes
    )
    by_index = dict(zip(numeric, found, strict=True))
    return [_scaled(by_index[i]) if i in by_index else _verify_text(task) for i, task in enumerate(tasks)]


def _scaled(verdict: Verdict) -> Verdict:
    return verdict if verdict.score is None else replace(verdict, score=verdict.score * SCORE_MAX)


def _verify_text(task: Task) -> Verdict:
    reference = bare(task.reference or "")
    if not _tokens(reference):
        return Verdict(None, "bad_reference" if reference else "no_reference")
    letter = _LETTER_REFERENCE.fullmatch(reference)
    if letter is None:
        rule, text = states(task.answer, reference)
        return _verdict(rule != "no_match", rule, text)
    rule, letters = chosen_letter(task.answer, _choices(task))
    return _verdict(letters == [letter[1]], rule, ", ".join(letters))


def _verdict(is_right: bool, rule: str, answer: str) -> Verdict:
    detail = {"rule": rule, "answer": answer[:DETAIL_CHARS]}
    return Verdict(SCORE_MAX if is_right else 0.0, None, json.dumps(detail, ensure_ascii=False))


def _choices(task: Task) -> dict[str, str]:
    """Letter to text of the choices that the last turn of the prompt lists."""
    return dict(_CHOICE.findall(task.messages[-1][1])) if task.messages else {}


def chosen_letter(answer: str, choices: dict[str, str]) -> tuple[str, list[str]]:
    r"""The rule that found letters, and the letters; several are an answer that did not choose.

    The first rule that finds something decides: the last \boxed{}; the last "answer is B",
    "Answer: B", "option B"; letters marked as "(B)" or "B) ...", where it is one letter or the
    answer ends in such a list; letters alone in the last line; the choices whose text stands
    in the box or in the last line.

    Example:
        >>> chosen_letter("(A) is too small. The answer is (B).", {})
        ('stated', ['B'])
        >>> chosen_letter("Either (A) or (C).", {})
        ('last_line', ['A', 'C'])
    """
    line, boxed = last_line(answer), last_boxed(answer)
    marked = [first or second for first, second in _MARKED_LETTER.findall(answer)]
    found = {
        "boxed": _boxed_letters(bare(boxed)) if boxed else [],
        "stated": _LETTERS.findall("".join(_STATED_LETTERS.findall(answer)[-1:])),
        "marked": marked if len(set(marked)) == 1 or _MARKED_LETTER.match(line) else [],
        "last_line": _LETTERS.findall(line),
        "choice_text": [letter for letter, text in choices.items() if _holds(boxed or line, text)],
    }
    return next(((rule, sorted(set(letters))) for rule, letters in found.items() if letters), ("no_letter", []))


def _boxed_letters(text: str) -> list[str]:
    """The letters of a box; of "B) Vitamin C" the first only."""
    match = _CHOICE.match(text)
    return [match[1]] if match else _LETTERS.findall(text)


def _holds(text: str, choice: str) -> bool:
    """Whether a text holds a choice's words, one after the other."""
    return f" {' '.join(_tokens(choice))} " in f" {' '.join(_tokens(text))} "


def states(answer: str, reference: str) -> tuple[str, str]:
    r"""The rule by which a response states a short text, or `no_match`; and what it was read in.

    Case, punctuation and leading words such as "so" count nowhere. In order: the last \boxed{},
    and nothing else where there is one; the rest of the line after the last "answer is" or
    "answer:"; the last line. Where none of these equals the reference: the first of yes and no
    (true and false, ...) that stands in them, where the reference is one, "not true" being
    false; or the reference at the last line's end, without "not", "or", "and" before it.

    Example:
        >>> states("Alice lies. So Bob is a knight, and Alice is a knave.", "Bob is a knight and Alice is a knave")[0]
        'ends_with'
        >>> states("Yes, since no pair is left.", "No")[0]
        'no_match'
    """
    expected, boxed = _tokens(reference), last_boxed(answer)
    if boxed is not None:
        return ("boxed" if _tokens(bare(boxed)) == expected else "no_match"), boxed
    stated, line = "".join(_STATED_TEXT.findall(answer)[-1:]), last_line(answer)
    for rule, text in (("stated", stated), ("last_line", line)):
        if _stripped(_tokens(bare(text))) == _stripped(expected):
            return rule, text
    for text in (stated, line):
        said = _said_opposite(_tokens(text), expected)
        if said is not None:
            return ("opposite" if said == expected[0] else "no_match"), text
    return ("ends_with" if _ends_with(_tokens(bare(line)), expected) else "no_match"), line


def _said_opposite(tokens: list[str], expected: list[str]) -> str | None:
    """The first word of the reference's pair of opposites; None where there is none."""
    pair = next((pair for pair in _OPPOSITES if len(expected) == 1 and expected[0] in pair), ())
    for before, token in zip(["", *tokens], tokens, strict=False):
        if token in pair:
            return pair[1 - pair.index(token)] if before in _NEGATIONS else token
    return None


def _ends_with(tokens: list[str], expected: list[str]) -> bool:
    before = tokens[: -len(expected)][-1:]
    return tokens[-len(expected) :] == expected and not set(before) & _HEDGES


def _tokens(text: str) -> list[str]:
    """Words, and the signs that mean something, such as > and +."""
    return _TOKENS.findall(text.casefold())


def _stripped(tokens: list[str]) -> list[str]:
    """Tokens without the leading ones that introduce an answer."""
    start = next((index for index, token in enumerate(tokens) if token not in _LEADING), 0)
    return tokens[start:]

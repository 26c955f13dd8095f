"""Verify code: run an answer's program against the prompt's tests; the score is the share that it passes.

DeepDistill (arXiv 2504.17565, R5 6.4): the first 10 test cases, passed / total, in [0, 1]. The
program is the answer's last fenced Python block. It runs in the sandbox
(`curation.verifiers.sandbox`); what it prints or returns is compared here, outside of it, and an
assert is decided by a process that the program cannot reach.

An answer without a program has failed its tests, and so has a program that runs out of time. Not
verified are: no tests (`no_tests`), tests that cannot be read (`bad_tests`) or that cannot be run
apart from the program (`unsupported_tests`), a sandbox that fails (`sandbox_error`).

It doesn't cover programs in other languages or with packages beyond the standard library.
"""

import ast
import json
import re
import sys
import textwrap
from dataclasses import dataclass
from typing import Any

from curation.verifiers.sandbox import Job, Limits, Outcome, SandboxError, run
from curation.verifiers.verdict import Task, Verdict

VERSION = f"2, Python {sys.version_info.major}.{sys.version_info.minor}"
DETAIL_CHARS = 300
"""How much of a value or text is kept as evidence."""
FENCED = re.compile(
    r"^[ \t]*```[ \t]*(?:python3?|py)[^\S\n]*\n(.*?)^[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE | re.IGNORECASE
)
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
"""Where an object lies in memory: another place in each run."""
PARSING_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True)
class CodeTests:
    """Test cases as the column `prompts.tests` has them."""

    call_type: str
    fn_name: str | None
    given: tuple[Any, ...]
    """What the program gets: texts on stdin, lists of arguments, or asserts."""
    expected: tuple[Any, ...]
    """What is to come back; for an assert True."""


def verify_code(task: Task, limits: Limits, *, max_tests: int) -> Verdict:
    """Score an answer's program by the share of the first `max_tests` tests that it passes.

    The detail says how many passed of how many, and of the first that failed what came, what was
    expected and how the run ended.

    Raises:
        InstallError: Programs cannot be contained on this machine.
    """
    if task.tests is None:
        return Verdict(None, why="no_tests")
    try:
        tests = parse_tests(task.tests, max_tests=max_tests)
    except (KeyError, TypeError, *PARSING_ERRORS) as error:
        return Verdict(None, why="bad_tests", detail=json.dumps({"error": _short(f"{type(error).__name__}: {error}")}))
    if not tests.given:
        return Verdict(None, why="no_tests")
    program = extract_program(task.answer)
    if program is None:
        return Verdict(0.0, detail=json.dumps({"passed": 0, "total": len(tests.given), "status": "no_code"}))
    try:
        outcomes = run(Job(program, tests.call_type, tests.given, tests.fn_name), limits)
    except SandboxError as error:
        return Verdict(None, why="sandbox_error", detail=json.dumps({"error": _short(str(error))}))
    return _judge(tests, outcomes)


def extract_program(answer: str) -> str | None:
    r"""The program of an answer: its last closed ```python block, or the whole of it where that is Python.

    Example:
        >>> extract_program("So:\n```python\nprint(1)\n```\nDone.")
        'print(1)\n'
    """
    blocks = FENCED.findall(answer)
    if blocks:
        return textwrap.dedent(blocks[-1])
    try:
        ast.parse(answer)
    except PARSING_ERRORS:
        return None
    return answer if answer.strip() else None


def parse_tests(text: str, *, max_tests: int) -> CodeTests:
    """Read the first tests of the column `prompts.tests`.

    Raises:
        ValueError, KeyError, TypeError, SyntaxError: They are not in one of the three shapes.
    """
    tests = json.loads(text)
    call_type = tests["call_type"]
    if call_type == "assert":
        asserts = tests["assert_case"][:max_tests]
        for case in asserts:
            if not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(case))):
                raise ValueError(f"nothing is asserted in {case!r}")
        return CodeTests(call_type, tests.get("fn_name"), tuple(asserts), (True,) * len(asserts))
    if call_type not in ("std", "call"):
        raise ValueError(f"call_type is {call_type!r}, not one of assert, std, call")
    given, expected = tests["inputs"], tests["outputs"]
    shape, fn_name = (str, None) if call_type == "std" else (list, tests["fn_name"])
    if len(given) != len(expected) or not all(isinstance(one, shape) for one in given):
        raise ValueError(f"inputs are not {len(expected)} of type {shape.__name__}, one for each of the outputs")
    if call_type == "std" and not all(isinstance(one, str) for one in expected):
        raise ValueError("outputs are not all text")
    if call_type == "call" and not isinstance(fn_name, str):
        raise ValueError("fn_name is no text")
    return CodeTests(call_type, fn_name, tuple(given[:max_tests]), tuple(expected[:max_tests]))


def same_output(printed: str, expected: str) -> bool:
    """Whether two outputs are equal but for white space at the end of lines and of the whole.

    Numbers are compared as text: what a test expects of a number's digits is part of the task.
    """
    return _stripped(printed) == _stripped(expected)


def _stripped(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def same_value(got: object, expected: object) -> bool:
    """Whether two JSON values are equal as Python compares them, so that 1, 1.0 and true are; NaN equals NaN.

    Example:
        >>> same_value([1, {"a": 2.0}], [1.0, {"a": 2}])
        True
    """
    if isinstance(got, list) and isinstance(expected, list):
        return len(got) == len(expected) and all(same_value(*pair) for pair in zip(got, expected, strict=True))
    if isinstance(got, dict) and isinstance(expected, dict):
        return got.keys() == expected.keys() and all(same_value(got[key], expected[key]) for key in got)
    return got == expected or (got != got and expected != expected)  # noqa: PLR0124  # NaN


def _judge(tests: CodeTests, outcomes: tuple[Outcome, ...]) -> Verdict:
    unsupported = [outcome.error for outcome in outcomes if outcome.status == "unsupported"]
    if unsupported:
        return Verdict(None, why="unsupported_tests", detail=json.dumps({"error": _short(unsupported[0])}))
    results = [_passes(tests.call_type, outcome, want) for outcome, want in zip(outcomes, tests.expected, strict=True)]
    detail = {"passed": sum(results), "total": len(results), "status": "passed"}
    if False in results:
        first = results.index(False)
        outcome = outcomes[first]
        status = "wrong" if outcome.status == "ok" else outcome.status
        evidence = {"given": tests.given[first], "expected": tests.expected[first], "got": outcome.text}
        failed = {
            "test": first,
            **{key: _short(value) for key, value in evidence.items()},
            "error": _short(outcome.error),
        }
        detail |= {"status": status, "first_failed": failed}
    return Verdict(sum(results) / len(results), detail=json.dumps(detail))


def _passes(call_type: str, outcome: Outcome, expected: object) -> bool:
    if outcome.status != "ok":
        return False
    if call_type == "std":
        return same_output(outcome.text, str(expected))
    try:
        return call_type == "assert" or same_value(json.loads(outcome.text), expected)
    except RecursionError:  # nested deeper than any test's value
        return False


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    text = ADDRESS.sub("0x…", text[: 2 * DETAIL_CHARS])
    return text if len(text) <= DETAIL_CHARS else text[:DETAIL_CHARS] + "…"

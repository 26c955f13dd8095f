"""The score of an answer's program, and what is no score."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.verifiers import sandbox
from curation.verifiers.code import extract_program, parse_tests, same_output, same_value, verify_code
from curation.verifiers.sandbox import Limits
from curation.verifiers.verdict import Task, Verdict

LIMITS = Limits()
STD = {"call_type": "std", "inputs": ["1", "2", "3"], "outputs": ["2", "4", "6\n"]}
CALL = {"call_type": "call", "fn_name": "f", "inputs": [[1], [2], [[3]]], "outputs": [[1, 1], [2, 2], [[3], [3]]]}
ASSERT = {"call_type": "assert", "fn_name": None, "assert_case": ["assert f(1) == 2", "assert f(2) == 4"]}


def verify(program: str | None, tests: object, *, max_tests: int = 10, limits: Limits = LIMITS) -> Verdict:
    answer = "I do not know." if program is None else f"Here it is:\n```python\n{program}\n```\n"
    text = tests if tests is None or isinstance(tests, str) else json.dumps(tests)
    return verify_code(Task(messages=(("user", "?"),), answer=answer, tests=text), limits, max_tests=max_tests)


@pytest.mark.parametrize(
    ("program", "tests", "score"),
    [
        ("print(int(input()) * 2)", STD, 1),
        ("n = int(input())\nprint(n * 2 if n < 3 else 0)", STD, 2 / 3),
        ("print(int(input()) * 2, ' \\n\\n')", STD, 1),
        ("def f(x): return x, x", CALL, 1),  # a tuple is a list in JSON
        ("def f(x): return [x, x if x != 2 else 3]", CALL, 2 / 3),
        ("def f(x): return 2 * x", ASSERT, 1),
        ("def f(x): return x + 1", ASSERT, 1 / 2),
        ("def g(x): return x", ASSERT, 0),
        ("this is no program", STD, 0),
        (None, CALL, 0),
    ],
)
def test_the_score_is_the_share_of_tests_passed(program, tests, score):
    assert verify(program, tests).score == pytest.approx(score)


def test_only_the_first_tests_count():
    assert verify("print(2)", STD, max_tests=1).score == 1
    assert json.loads(verify("print(2)", STD, max_tests=2).detail)["total"] == 2


def test_the_detail_shows_the_first_test_that_failed():
    detail = json.loads(verify("print(int(input()) + 1)", STD).detail)
    failed = {"test": 1, "given": "2", "expected": "4", "got": "3\n", "error": ""}
    assert detail == {"passed": 1, "total": 3, "status": "wrong", "first_failed": failed}


def test_the_detail_says_how_a_run_ended():
    limits = Limits(wall_seconds=0.3, total_seconds=1)
    assert json.loads(verify("while True: pass", STD, limits=limits).detail)["status"] == "timeout"
    failed = json.loads(verify("def f(x): return {}[x]", ASSERT).detail)["first_failed"]
    assert failed["error"] == "KeyError: 1" and failed["given"] == "assert f(1) == 2"
    assert json.loads(verify(None, STD).detail) == {"passed": 0, "total": 3, "status": "no_code"}


def test_the_detail_is_short_and_the_same_in_every_run():
    programs = ["print(object(), 'x' * 10_000)", "raise ValueError(object())"]
    details = [verify(program, STD).detail for program in programs]
    assert details == [verify(program, STD).detail for program in programs]
    assert max(map(len, details)) < 1000 and "0x\\u2026" in details[0]


@pytest.mark.parametrize(
    ("tests", "why"),
    [
        (None, "no_tests"),
        ({"call_type": "std", "inputs": [], "outputs": []}, "no_tests"),
        ({"call_type": "assert", "fn_name": None, "assert_case": []}, "no_tests"),
        ("{", "bad_tests"),
        ("[]", "bad_tests"),
        ({"call_type": "exec", "inputs": ["1"], "outputs": ["1"]}, "bad_tests"),
        ({"call_type": "std", "inputs": ["1"]}, "bad_tests"),
        ({"call_type": "std", "inputs": ["1", "2"], "outputs": ["1"]}, "bad_tests"),
        ({"call_type": "std", "inputs": [1], "outputs": ["1"]}, "bad_tests"),
        ({"call_type": "std", "inputs": ["1"], "outputs": [1]}, "bad_tests"),
        ({"call_type": "call", "inputs": [[1]], "outputs": [1]}, "bad_tests"),
        ({"call_type": "call", "fn_name": None, "inputs": [[1]], "outputs": [1]}, "bad_tests"),
        ({"call_type": "call", "fn_name": "f", "inputs": [1], "outputs": [1]}, "bad_tests"),
        ({"call_type": "assert", "assert_case": ["assert f(1) =="]}, "bad_tests"),
        ({"call_type": "assert", "assert_case": ["f(1)"]}, "bad_tests"),
        ({"call_type": "assert", "assert_case": [3]}, "bad_tests"),
        ({"call_type": "assert", "assert_case": ["class T: pass\nassert f(T())"]}, "unsupported_tests"),
    ],
)
def test_without_usable_tests_there_is_no_score(tests, why):
    verdict = verify("def f(x): return x", tests)
    assert (verdict.score, verdict.why) == (None, why)


def test_a_sandbox_that_fails_is_no_word_on_the_program():
    assert sandbox.available()
    verdict = verify("print(1)", STD, limits=Limits(memory_mb=1 << 60))  # more than a limit can be
    assert (verdict.score, verdict.why) == (None, "sandbox_error")


@pytest.mark.parametrize(
    ("answer", "program"),
    [
        ("```python\na\n```\nthen\n```py\nb\n```", "b\n"),
        ("```python3 \nb\n```\n```\nnot this\n```\n```cpp\nnor this\n```", "b\n"),
        ("```Python\r\nb\r\n```", "b\r\n"),
        ("1. So:\n   ```python\n   if x:\n       y\n   ```", "if x:\n    y\n"),
        ("```python\na\n```\n```python\nnever closed", "a\n"),
        ("```python\nprint('```')\n```", "print('```')\n"),
        ("x = 1\nprint(x)", "x = 1\nprint(x)"),
        ("The program is print(x).", None),
        ("```\nx = 1\n```", None),
        ("", None),
    ],
)
def test_the_program_is_the_last_closed_python_block(answer, program):
    assert extract_program(answer) == program


def test_tests_are_read_up_to_the_limit():
    tests = parse_tests(json.dumps(CALL), max_tests=2)
    assert (tests.given, tests.expected, tests.fn_name) == (([1], [2]), ([1, 1], [2, 2]), "f")


@pytest.mark.parametrize(
    ("printed", "expected", "same"),
    [
        ("1 2\n", "1 2", True),
        ("1 2 \r\n3\n\n", "1 2\n3", True),
        (" 1", "1", False),
        ("1\n\n2", "1\n2", False),
        ("0.50", "0.5", False),
        ("", "\n", True),
    ],
)
def test_outputs_are_compared_but_for_white_space_at_the_end(printed, expected, same):
    assert same_output(printed, expected) is same


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(JSON_VALUES, JSON_VALUES)
def test_a_value_equals_itself_and_what_python_says_it_equals(one, other):
    assert same_value(one, json.loads(json.dumps(one)))
    assert same_value(one, other) == same_value(other, one)
    assert same_value(one, other) or one != other


def test_values_are_compared_as_python_does():
    assert same_value([1, True, float("nan")], [1.0, 1, float("nan")])
    assert not same_value("1", 1) and not same_value([1], [1, 2]) and not same_value({"a": 1}, {"b": 1})

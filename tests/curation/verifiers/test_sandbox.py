"""What a program gets and may do in the sandbox, and what is said where there is none."""

import json
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from curation.verifiers import sandbox
from curation.verifiers.sandbox import Job, Limits, Outcome, run

LIMITS = Limits()
PROJECT = Path(__file__).parents[3]
ENTER_USER_NAMESPACE = """
import os
from curation.verifiers import sandbox, sandbox_kernel as kernel
uid, gid = os.geteuid(), os.getegid()
kernel.call("unshare", kernel.NEW_USERS)
for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)
"""


def std(program: str, *inputs: str, limits: Limits = LIMITS) -> list[Outcome]:
    return list(run(Job(program, "std", inputs or ("",)), limits))


def call(program: str, *arguments: list, fn_name: str = "f") -> list[Outcome]:
    return list(run(Job(program, "call", arguments, fn_name), Limits()))


def check(program: str, *asserts: str) -> list[str]:
    return [outcome.status for outcome in run(Job(program, "assert", asserts), Limits(wall_seconds=5))]


def elsewhere(script: str) -> str:
    """Run a script as a user who has no rights but in a user namespace; what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", ENTER_USER_NAMESPACE + script], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


# programs that read and print


def test_a_program_reads_stdin_and_prints():
    assert std("print(int(input()) * 2)", "4", "21") == [Outcome("ok", "8\n", ""), Outcome("ok", "42\n", "")]


@pytest.mark.parametrize(
    "program",
    [
        "import sys\nprint(sum(map(int, sys.stdin.read().split())))",
        "print(sum(map(int, open(0).read().split())))",
        "import sys\nprint(sum(map(int, sys.stdin.buffer.readlines())))",
        "print(sum(int(line) for line in open('/dev/stdin')))",
        "import os\nprint(sum(map(int, os.read(0, 1000).split())))",
        "import fileinput\nprint(sum(map(int, fileinput.input('-'))))",
        "import io, os, sys\nread = io.BytesIO(os.read(0, os.fstat(0).st_size)).readline\nprint(int(read()) + int(read()))",
    ],
)
def test_stdin_can_be_read_in_every_usual_way(program):
    assert std(program, "1\n2\n") == [Outcome("ok", "3\n", "")]


def test_text_beyond_ascii_and_long_text_pass():
    assert std("print(input()[::-1])", "añ漢🙂")[0].text == "🙂漢ña\n"
    assert std("print(len(input()))", "x" * 3_000_000)[0].text == "3000000\n"


@pytest.mark.parametrize(
    ("program", "status", "error"),
    [
        ("import sys\nsys.exit(0)", "ok", ""),
        ("import sys\nsys.exit(3)", "error", "ended early with exit code 3"),
        ("1 / 0", "error", "ZeroDivisionError: division by zero"),
        ("def f(:", "error", "SyntaxError: invalid syntax"),
        ("import os\nos.abort()", "error", "ended early with signal 6"),
        ("import numpy", "error", "ModuleNotFoundError: No module named 'numpy'"),
    ],
)
def test_how_a_program_ended_is_told(program, status, error):
    assert std(program) == [Outcome(status, "", error)]


def test_a_program_ends_as_it_would_elsewhere():
    program = "import atexit, threading, time\natexit.register(print, 'bye')\n"
    program += "threading.Thread(target=lambda: (time.sleep(0.1), print('done'))).start()\n"
    assert std(program + "if __name__ == '__main__': print('main')")[0].text == "main\ndone\nbye\n"


def test_each_test_has_an_empty_tmp():
    program = (
        "import os\nprint(os.path.exists('note'))\nopen('note', 'w').write('x')\nprint(os.getcwd(), os.listdir('/'))"
    )
    first, second = std(program, "", "")
    assert first == second and first.text.startswith("False\n/tmp ")
    assert "root" not in std("import os\nprint(os.listdir('/root') if os.path.isdir('/root') else [])")[0].text


def test_the_standard_library_is_there():
    program = "import ctypes, decimal, hashlib, json, multiprocessing, random, re, sqlite3, ssl, zlib\n"
    program += "with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(abs, [-1, 2]))"
    assert std(program)[0].text == "[1, 2]\n"


def test_sets_have_the_same_order_in_every_run():
    program = "print(list({'a', 'b', 'c', 'd', 'e', 'f'}))"
    assert std(program) == std(program)


# limits


def test_time_limits_hold():
    assert std("while True: pass", limits=Limits(wall_seconds=0.3))[0].status == "timeout"
    assert std("while True: pass", limits=Limits(cpu_seconds=1))[0].status == "timeout"
    slow = std("import time\ntime.sleep(0.4)", *[""] * 9, limits=Limits(total_seconds=1))
    assert slow[0].status == "ok" and slow[-1].status == "timeout"


def test_size_limits_hold():
    limits = Limits(memory_mb=200, output_mb=1, file_mb=2)
    assert std("x = bytearray(300 << 20)", limits=limits)[0].error == "MemoryError"
    assert std("print('x' * (2 << 20))", limits=limits)[0].status == "output_limit"
    assert "File too large" in std("open('f', 'wb').write(bytes(3 << 20))", limits=limits)[0].error
    assert "No space left" in std("for n in 'abc': open(n, 'wb').write(bytes(1 << 20))", limits=limits)[0].error


# functions that are called


def test_values_of_calls_come_back_as_json():
    values = call("def f(*args): return args", [1, "a"], [[None, True], {"b": [0.5]}])
    assert [json.loads(value.text) for value in values] == [[1, "a"], [[None, True], {"b": [0.5]}]]


def test_a_method_of_a_class_solution_is_found():
    program = "class Solution:\n    def __init__(self): self.calls = 0\n    def f(self, x):\n        self.calls += x\n        return self.calls"
    assert [value.text for value in call(program, [2], [3])] == ["2", "3"]


def test_calls_that_fail_do_not_spoil_the_others():
    program = "import os, time\ndef f(x):\n    return 1 / x if x < 3 else os._exit(0) if x < 4 else {x}"
    errors = [value.error for value in call(program, [0], [1], [3], [4], [2])]
    assert errors[0] == "ZeroDivisionError: division by zero" and errors[1] == errors[4] == ""
    assert errors[2] == "ended early with exit code 0" and "a set, which JSON cannot say" in errors[3]


def test_a_program_that_cannot_be_loaded_fails_every_test():
    assert call("import sys\nsys.exit(0)", [1], [2]) == [Outcome("error", "", "ended early with exit code 0")] * 2
    assert call("raise KeyError('x')", [1])[0].error == "KeyError: 'x'"
    assert call("def g(): pass", [1])[0].error == "NameError: name 'f' is not defined"
    assert check("def f(:", "assert f(1)") == ["error"]


def test_what_a_called_program_prints_does_not_matter():
    assert call("print('x' * 1000)\ndef f(x):\n    print(input('?') if x else 1)\n    return x", [0])[0].text == "0"


# asserts


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("def f(x): return [x, (x, {x})]", "assert f(1) == [1, (1, {1})]"),
        ("def f(x): return None if x else True", "assert f(1) is None\nassert f(0) is True"),
        ("def f(x): return x / 3", "assert abs(f(1) - 0.333333) < 1e-5"),
        ("def f(x): return x / 3", "assert math.isclose(f(1), 1 / 3)"),
        ("def f(x): x.sort()", "x = [3, 1]\nf(x)\nassert x == [1, 3]"),
        ("def f(x): raise LookupError('no')", "try:\n    f(1)\n    assert False\nexcept LookupError as e:\n    assert str(e) == 'no'"),
        ("def f(g, *xs): return [g(x) for x in xs]", "assert f(lambda x: x + 1, 1, 2) == [2, 3]"),
        ("def f(kind): return kind('7')", "assert f(int) == 7"),
        ("def f(n):\n    yield from range(n)", "assert list(f(3)) == [0, 1, 2] and sum(f(4)) == 6"),
        ("def f(n): return lambda x: x * n", "double = f(2)\nassert double(4) == 8"),
        ("from collections import *\ndef f(x): return Counter(x), deque(x)", "assert f('aab')[0] == {'a': 2, 'b': 1}"),
        ("from fractions import Fraction\ndef f(x): return Fraction(x, 2)", "from fractions import Fraction\nassert f(3) == Fraction(3, 2)"),
        ("def f(x, *, y=0): return x + y", "def check(candidate):\n    assert candidate(1, y=2) == 3\ncheck(f)"),
        ("LIMIT = 3\ndef f(x): return x < LIMIT", "assert f(LIMIT - 1) and not f(LIMIT)"),
    ],
)  # fmt: skip
def test_asserts_on_functions_hold(program, test):
    assert check(program, test) == ["ok"]


STACK = """
class Stack:
    def __init__(self, items=()): self.items = list(items)
    def push(self, item): self.items.append(item)
    def pop(self): return self.items.pop()
    def __len__(self): return len(self.items)
    def __getitem__(self, i): return self.items[i]
    def __eq__(self, other): return self.items == other.items
    def __add__(self, other): return Stack(self.items + other.items)
    def __repr__(self): return f"Stack({self.items})"
"""


@pytest.mark.parametrize(
    "test",
    [
        "s = Stack()\ns.push(1)\ns.push(2)\nassert s.pop() == 2 and len(s) == 1 and s[0] == 1 and s",
        "assert Stack([1]) + Stack([2]) == Stack([1, 2]) != Stack([])",
        "assert isinstance(Stack(), Stack) and not isinstance(3, Stack)",
        "assert repr(Stack([1])) == 'Stack([1])' and list(Stack('ab')) == ['a', 'b'] and 'a' in Stack('ab')",
        "s = Stack()\ns.items = [7]\nassert s.pop() == 7 and s.items == []",
        "try:\n    Stack().pop()\nexcept IndexError:\n    pass\nelse:\n    assert False",
    ],
)
def test_asserts_on_classes_hold(test):
    assert check(STACK, test) == ["ok"]


def test_asserts_on_wrong_classes_fail():
    wrong = STACK.replace("self.items.pop()", "0").replace("+ other.items", "+ [0]")
    assert check(wrong, "assert Stack([1]).pop() == 1", "assert Stack() + Stack([1]) == Stack([1])") == ["error"] * 2
    assert (
        check(STACK, "assert Stack([1]) == [1]", "assert [1] == Stack([1])", "assert Stack([1]) + 1") == ["error"] * 3
    )


def test_asserts_fail_one_by_one():
    program = "import os\ndef f(x):\n    return x + 1 if x < 3 else os._exit(0) if x < 5 else undefined"
    asserts = [
        "assert f(1) == 2",
        "assert f(1) == 3",
        "assert f(4) == 5",
        "assert g(1)",
        "assert f(7)",
        "assert f(2) == 3",
    ]
    assert check(program, *asserts) == ["ok", "error", "error", "error", "error", "ok"]


def test_asserts_share_names_and_their_failure_shows_the_value():
    outcomes = run(Job("def f(x): return x, x", "assert", ("y = 2\nassert f(y)", "assert f(y) == (2, 3), y")), Limits())
    assert outcomes == (Outcome("ok", "", ""), Outcome("error", "(2, 2)", "AssertionError: 2"))


def test_builtins_and_modules_of_the_tests_are_their_own():
    program = (
        "def f(x): return 9\nabs = round = len = lambda *x: 0\nclass math:\n    isclose = staticmethod(lambda *x: True)"
    )
    asserts = [
        "assert abs(f(1) - 1) < 1",
        "assert round(f(1)) == 0",
        "assert len([f(1)]) == 0",
        "assert math.isclose(f(1), 1)",
    ]
    assert check(program, *asserts) == ["error"] * 4


def test_what_cannot_be_run_apart_is_unsupported():
    program = "class Own(Exception): pass\ndef f(x): raise Own"
    asserts = ["try:\n    f(1)\n    assert False\nexcept Own:\n    pass", "class T: pass\nassert f(T())", "assert f(1)"]
    assert check(program, *asserts) == ["unsupported", "unsupported", "error"]


# where it is called from, and where it cannot run


def test_threads_and_forked_processes_may_call_it_at_once():
    jobs = [Job("print(int(input()) + 1)", "std", (str(n),)) for n in range(6)]
    with ThreadPoolExecutor(3) as threads, ProcessPoolExecutor(2, mp_context=get_context("fork")) as processes:
        results = [*threads.map(run, jobs, [Limits()] * 6), *processes.map(run, jobs, [Limits()] * 6)]
    assert [result[0].text for result in results] == [f"{n + 1}\n" for n in range(6)] * 2


def test_a_user_without_rights_can_run_it():
    program = "import os\nprint(input(), os.getuid(), os.listdir('/tmp'), os.path.exists('/etc/passwd'))"
    script = f"print(sandbox.run(sandbox.Job({program!r}, 'std', ('x',)), sandbox.Limits())[0].text.strip())\n"
    script += "print(sandbox.run(sandbox.Job('def f(x): return x', 'assert', ('assert f(1) == 1',)), sandbox.Limits()))"
    first, second = elsewhere(script).splitlines()
    assert first == "x 1000 ['.stdin'] False" and "status='ok'" in second


def test_without_user_namespaces_it_refuses_and_says_what_to_do():
    script = "open('/proc/sys/user/max_user_namespaces', 'w').write('0')\nprint(sandbox.available())\nsandbox.require()"
    printed = elsewhere(script)
    assert printed.startswith("False\n")
    assert "InstallError: Code is run in a sandbox or not at all" in printed and "unshare(" in printed


def test_here_it_can_run():
    assert sandbox.missing() is None and sandbox.available()

"""Programs that try to pass without being right, to get out, or to stay: none may.

Each file of tests/fixtures/hostile is one. Where it has a function `attack`, its `add` is right
only if the attack succeeded; else its `add` is wrong whatever it does. All are run against one
task with tests of each kind.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from curation.verifiers.code import verify_code
from curation.verifiers.sandbox import Limits
from curation.verifiers.verdict import Task, Verdict

PROJECT = Path(__file__).parents[3]
PROGRAMS = sorted((PROJECT / "tests/fixtures/hostile").glob("*.py"))
LAST_LONG = {"exit_in_thread", "fork_bomb", "fork_count", "kill_all_pids", "loop", "loop_in_c", "loop_in_function"}
LAST_LONG |= {"orphan", "sleep", "sleep_deaf", "stop_itself", "threads_remain"}
MARK = f"h{os.getpid()}"
ENTER_USER_NAMESPACE = """
import os
from curation.verifiers import sandbox_kernel as kernel
uid, gid = os.geteuid(), os.getegid()
kernel.call("unshare", kernel.NEW_USERS)
for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)
"""

BY_ATTACK = """
try:
    won = bool(attack())
except BaseException:
    won = False


def add(a, b):
    return a + b if won else None


if __name__ == "__main__":
    a, b = map(int, input().split())
    print(a + b if won else None)
"""
ASSERTS = [
    "assert add(2, 3) == 5",
    "assert 5 == add(2, 3)",
    "assert abs(add(2, 3) - 5) < 1e-6",
    "assert add(2, 3) in (5, 6)",
    "import math\nassert math.isclose(add(2, 3), 5)",
    "assert all(add(i, i) == 2 * i for i in range(1, 3))",
    "assert not add(2, 3) != 5",
    "assert [add(2, 3), {1: add(3, 3)}] == [5, {1: 6}]",
    "assert 4 < add(2, 3) < 6",
    "assert round(add(2, 3), 2) == 5 and max(add(2, 3), 4) == 5",
]
TESTS = {
    "std": {"call_type": "std", "inputs": ["2 3"], "outputs": ["5"]},
    "call": {"call_type": "call", "fn_name": "add", "inputs": [[2, 3]], "outputs": [5]},
    "assert": {"call_type": "assert", "fn_name": "add", "assert_case": ASSERTS},
}


def verify(program: str, kind: str, limits: Limits) -> Verdict:
    task = Task(messages=(), answer=f"```python\n{program}\n```", tests=json.dumps(TESTS[kind]))
    return verify_code(task, limits, max_tests=10)


def run_program(name: str, kind: str, known: dict[str, str]) -> Verdict:
    program = (PROJECT / f"tests/fixtures/hostile/{name}.py").read_text()
    program += BY_ATTACK * ("def attack" in program)
    for word, value in known.items():
        program = program.replace(f"@{word}@", value)
    seconds = 0.5 if name in LAST_LONG else 3
    return verify(program, kind, Limits(wall_seconds=seconds, total_seconds=seconds, memory_mb=256, output_mb=1))


def processes_named(name: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            found += [path.parent.name] if path.read_text().strip() == name else []
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
    return found


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory) -> Iterator[dict[tuple[str, str], Verdict]]:
    """Verdicts of all programs, with a server, a secret and a folder on this machine that they could reach."""
    folder = tmp_path_factory.mktemp("reachable")
    folder.chmod(0o777)
    (folder / "secret").write_text("x")
    os.environ["CURATE_TEST_SECRET"] = "x"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0{MARK}")
        abstract.listen()
        known = {"PORT": str(server.getsockname()[1]), "MARK": MARK, "FOLDER": str(folder), "PROJECT": str(PROJECT)}

        jobs = [(path.stem, kind) for path in PROGRAMS for kind in TESTS]
        with ThreadPoolExecutor(4) as pool:
            yield dict(zip(jobs, pool.map(lambda job: run_program(*job, known), jobs), strict=True))
    del os.environ["CURATE_TEST_SECRET"]
    assert [path.name for path in folder.iterdir()] == ["secret"]


@pytest.mark.parametrize("kind", TESTS)
@pytest.mark.parametrize("name", [path.stem for path in PROGRAMS])
def test_no_hostile_program_passes_a_test(verdicts, name, kind):
    assert verdicts[name, kind].score == 0, verdicts[name, kind].detail


@pytest.mark.parametrize("kind", TESTS)
def test_a_program_whose_attack_succeeds_would_pass(kind):
    assert verify("def attack():\n    return True\n" + BY_ATTACK, kind, Limits()).score == 1


@pytest.mark.parametrize("kind", ["std", "assert"])
def test_nor_does_one_that_a_user_without_rights_runs(kind, tmp_path):
    names = [path.stem for path in PROGRAMS if path.stem not in LAST_LONG]
    script = (
        f"import test_hostile as t\nprint([name for name in {names} if t.run_program(name, {kind!r}, {{}}).score != 0])"
    )
    folders = os.pathsep.join([str(PROJECT), str(Path(__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-c", ENTER_USER_NAMESPACE + script],
        env={**os.environ, "PYTHONPATH": folders}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "[]\n", done.stderr


def test_no_process_outlives_its_run(verdicts):
    assert verdicts["orphan", "std"].score == 0
    assert processes_named(MARK) == []


def test_nothing_is_written_outside():
    assert not [folder for folder in ("/", "/usr/lib", "/var/tmp", "/dev") if Path(folder, "hostile-was-here").exists()]


def test_a_program_dies_with_the_process_that_runs_it():
    name = f"k{os.getpid()}"
    program = f"import ctypes, time\nctypes.CDLL(None).prctl(15, b'{name}', 0, 0, 0)\ntime.sleep(1000)"
    script = (
        "from curation.verifiers.sandbox import Job, Limits, run\n"
        f"run(Job({program!r}, 'std', ('',)), Limits(wall_seconds=60, total_seconds=60))"
    )
    caller = subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT)
    assert wait_for(lambda: processes_named(name))
    caller.kill()
    caller.wait()
    assert wait_for(lambda: not processes_named(name))


def wait_for(condition) -> bool:
    end = time.monotonic() + 15
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(condition())

"""Run untrusted Python programs against their tests, contained by the kernel or not at all.

A program has no network, a read-only root with nothing but the interpreter's libraries, a
private /tmp in memory, process ids of its own, no rights, no environment, and limits on time,
memory, processes, files and output; docs/verifiers/sandbox.md says what each rests on. Expected
values never enter its process: what it prints or returns comes out as text or plain data.

`run` starts a fresh interpreter for each job and may be called from threads and from
multiprocessing workers alike: nothing is forked here, a small program of ours contains itself.

It doesn't cover other languages, and packages beyond the standard library.
"""

import functools
import marshal
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from curation.errors import InstallError

OWN_PATH = str(Path(__file__).parents[2])
START = f"import sys; sys.path.append({OWN_PATH!r}); from curation.verifiers import sandbox_child; sandbox_child.main()"
COMMAND = (sys.executable, "-s", "-P", "-S", "-X", "utf8", "-c", START)
ENVIRONMENT = {"PYTHONHASHSEED": "0"}
"""A program's sets have one order, so that its verdict does not hang on it."""
GRACE_SECONDS = 20
"""What the sandbox's own work may take beyond the time that a job has."""
OWN_PROCESSES = 4
MB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What a program may use."""

    wall_seconds: float = 10.0
    """Time for each test."""
    cpu_seconds: int = 10
    """CPU time of each process that runs one test; of one that runs all tests, times their number."""
    total_seconds: float = 30.0
    """Time for all tests of a program; a test that is not done by then is a timeout."""
    memory_mb: int = 1024
    """Address space of each process."""
    output_mb: int = 4
    """What the program may print in one `std` test, and send and print in all `call` or `assert` tests together."""
    file_mb: int = 64
    """Size of /tmp, and of the largest file."""
    max_processes: int = 32
    """Processes and threads at one time."""


@dataclass(frozen=True)
class Job:
    """A program and what it is to be run with."""

    program: str
    """Text of a Python program."""
    call_type: str
    """`std`, `call` or `assert`, as in the column `prompts.tests`."""
    tests: tuple[object, ...]
    """For `std` the texts on stdin, for `call` the lists of arguments, for `assert` the statements."""
    fn_name: str | None = None
    """For `call` the function's name."""


@dataclass(frozen=True)
class Outcome:
    """What one test came to."""

    status: str
    """`ok`: the program ended with exit code 0, returned a value, or the assert holds; else `error`, `timeout`,
    `output_limit`, or `unsupported` where the test cannot be run in a process of its own."""
    text: str
    """For `std` what it printed, for `call` the value as JSON, for a failed assert the last value that it returned."""
    error: str
    """What went wrong; empty where nothing did or the status says it all."""


class SandboxError(RuntimeError):
    """The sandbox itself failed: no word on the program that it was to run."""


def run(job: Job, limits: Limits) -> tuple[Outcome, ...]:
    """Run a program against its tests, in a sandbox of its own.

    Returns:
        One outcome per test, in their order.

    Raises:
        InstallError: Programs cannot be contained on this machine.
        SandboxError: The sandbox failed.
    """
    require()
    return _run(job, limits)


@functools.cache
def missing() -> str | None:
    """What keeps programs from being contained here, found by trying it once per process; None where nothing does."""
    if sys.platform != "linux":
        return f"it needs Linux, and this is {sys.platform}"
    try:
        (outcome,) = _run(Job(program="print(input())", call_type="std", tests=("contained",)), Limits())
    except SandboxError as error:
        return str(error)
    return None if outcome.text == "contained\n" else f"a program that prints a line ended with {outcome}"


def available() -> bool:
    """Whether programs can be contained on this machine."""
    return missing() is None


def require() -> None:
    """Raise InstallError where programs cannot be contained on this machine."""
    reason = missing()
    if reason is not None:
        raise InstallError(
            f"Code is run in a sandbox or not at all, and none can be made on this machine: {reason}. It needs Linux "
            "5.12 or later and, unless run by root, unprivileged user namespaces (docs/verifiers/sandbox.md says how "
            "to allow them). Without: set verify.require_sandbox to false, and code stays unverified."
        )


def _run(job: Job, limits: Limits) -> tuple[Outcome, ...]:
    message = {"own_path": OWN_PATH, "program": job.program, "fn_name": job.fn_name, **_allowed(job, limits)}
    message |= {"call_type": job.call_type, "num_tests": len(job.tests)}
    message["inputs"] = list(job.tests) if job.call_type == "std" else []
    tests = [] if job.call_type == "std" else list(job.tests)
    output, errors = _start(marshal.dumps(message), marshal.dumps(tests), limits.total_seconds + GRACE_SECONDS)
    if not output:
        raise SandboxError(f"it ended without a result: {errors.decode(errors='replace').strip()[-500:]}")
    result = marshal.loads(output)  # noqa: S302  # written by process 1 of the sandbox, which runs no code of others
    if isinstance(result, str):
        raise SandboxError(result)
    return tuple(Outcome(*outcome) for outcome in result)


def _allowed(job: Job, limits: Limits) -> dict[str, object]:
    """The limits as the sandbox's process takes them."""
    tests_per_process = 1 if job.call_type == "std" else len(job.tests)
    rlimits = {
        "CPU": limits.cpu_seconds * tests_per_process,
        "AS": limits.memory_mb * MB,
        "NPROC": limits.max_processes + OWN_PROCESSES,
        "FSIZE": limits.file_mb * MB,
        "NOFILE": 64,
        "CORE": 0,
    }
    return {
        "rlimits": rlimits,
        "wall_seconds": limits.wall_seconds,
        "total_seconds": limits.total_seconds,
        "output_bytes": limits.output_mb * MB,
        "tmp_bytes": limits.file_mb * MB,
    }


def _start(job: bytes, tests: bytes, timeout_seconds: float) -> tuple[bytes, bytes]:
    """Run the sandbox's process to its end; what it wrote on stdout and stderr.

    It holds one end of a pipe whose other end only this process has: should this process be
    killed, the sandbox sees the pipe close and goes too.
    """
    lifeline, held = os.pipe()
    with _in_memory(job) as job_file, _in_memory(tests) as tests_file:
        descriptors = (tests_file.fileno(), lifeline)
        process = subprocess.Popen(
            [*COMMAND, *map(str, descriptors)],
            stdin=job_file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=descriptors,
            env=ENVIRONMENT,
            start_new_session=True,
        )
    os.close(lifeline)
    with process:
        try:
            return process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            raise SandboxError(f"it did not end within {timeout_seconds} seconds") from None
        finally:
            os.close(held)
            process.kill()


def _in_memory(data: bytes) -> BinaryIO:
    file = open(os.memfd_create("job"), "w+b")  # noqa: PTH123, SIM115  # closed by the caller
    file.write(data)
    file.seek(0)
    return file

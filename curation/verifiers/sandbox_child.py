"""The sandbox's own process: contains itself, then runs a program against its tests.

Started by `curation.verifiers.sandbox` as a fresh interpreter for one program:

* the first process moves into namespaces of its own and waits for the second;
* the second is process 1 of the new process namespace. It builds the root, runs no code of
  others, forks the processes that do, watches time and output, and kills all that is left;
* each forked process first loses every right, then runs the program (`std`: one a test, `call`
  and `assert`: one for all tests) or the tests.

Comes in: the job on stdin; on the descriptor `tests` the arguments or asserts, which process 1
never reads, so that no program inherits them; `lifeline`, whose other end the caller holds.
Goes out on stdout: a list of (status, text, error), one per test. Both are in marshal's format,
as neither is written by a program. A program's exception passes through the frames of process 1
as forked, up to the interpreter, as it would anywhere else: none of them may catch it.
"""

# ruff: noqa: PTH123, S102, S108, S302, SIM115  # running code is what it is for; pathlib is slow to load

import gc
import marshal
import os
import sys
import time

from curation.verifiers import sandbox_kernel as kernel
from curation.verifiers.sandbox_processes import LimitReachedError, Watch, close, kill_all, outcome_of, until_closed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from curation.verifiers.sandbox_processes import Outcome


class Box:
    """Process 1 of the sandbox, with the job it runs."""

    def __init__(self, job: "dict[str, Any]", *, uid: int | None, tests: int, lifeline: int) -> None:
        self.job = job
        self.uid = uid
        self.tests = tests
        self.lifeline = lifeline
        self.wall_seconds: float = job["wall_seconds"]
        self.end: float = time.monotonic() + job["total_seconds"]

    def fork(self, *kept: int, stdin: str = "") -> int:
        """Fork; 0 in a process that has lost every right and every descriptor but those given, else its id.

        Where the kernel refuses to contain that process, it ends before it runs any code of
        others, and so does the sandbox: no program may count as wrong for it.
        """
        contained, contained_there = os.pipe()
        process = os.fork()
        if process:
            os.close(contained_there)
            if not os.read(contained, 1):
                os._exit(1)
            os.close(contained)
            return process
        os.setsid()  # out of the group of the first process, which a signal to the group would reach
        text = stdin.encode(errors="replace")
        kernel.private_tmp(self.job["tmp_bytes"] + len(text))
        with open("/tmp/.stdin", "wb") as file:
            file.write(text)
        os.dup2(os.open("/tmp/.stdin", os.O_RDONLY), 0)
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        sys.stdin = open(0, closefd=False)
        kernel.close_others(contained_there, *kept)
        kernel.drop(self.uid, self.job["rlimits"])
        os.write(contained_there, b"1")
        os.close(contained_there)
        return 0

    def watch(self, *descriptors: int) -> Watch:
        """Watch some pipes of the processes that run now."""
        return Watch(list(descriptors), lifeline=self.lifeline, max_bytes=self.job["output_bytes"])

    def deadline(self) -> float:
        """When a test that starts now has to be done."""
        return min(time.monotonic() + self.wall_seconds, self.end)

    def std(self, text: str) -> "Outcome":
        """Run the program once; what it wrote on stdout counts if it ends by itself with exit code 0."""
        deadline = self.deadline()
        out, out_there = os.pipe()
        err, err_there = os.pipe()
        process = self.fork(out_there, err_there, stdin=text)
        if not process:
            os.dup2(out_there, 1)
            os.dup2(err_there, 2)
            kernel.close_others()
            load(self.job["program"], "__main__")
            sys.exit()
        close(out_there, err_there)
        watch = self.watch(out, err)
        reached = until_closed(watch, deadline)
        status = kill_all()[process]
        close(*watch.open)
        if reached or status:
            return outcome_of(reached, status, watch.data[err])
        return "ok", watch.data[out].decode(errors="replace"), ""

    def remote(self) -> "list[Outcome]":
        """Run all tests against one process of the program; after a test that it did not survive, against a new one."""
        outcomes: list[Outcome] = []
        total = self.job["num_tests"]
        while len(outcomes) < total:
            loaded, more = self.session(len(outcomes))
            outcomes += more if loaded else more * (total - len(outcomes))
        return outcomes

    def session(self, start: int) -> "tuple[bool, list[Outcome]]":
        """Load the program and run the tests from `start` on, to the last or to where it breaks off.

        Returns:
            Whether the program could be loaded, and the outcomes; a single one where it could not.
        """
        import json

        process, report, err = self.start_session(start)
        watch = self.watch(report, err)
        reached = self.follow(watch, report)
        status = kill_all()[process]
        close(*watch.open)
        lines = watch.data[report].split(b"\n")[:-1]
        outcomes = [tuple(json.loads(line)) for line in lines[1:]]
        if start + len(outcomes) < self.job["num_tests"]:
            outcomes.append(outcome_of(reached, status, watch.data[err]))
        return bool(lines), outcomes

    def follow(self, watch: Watch, report: int) -> str:
        """Wait for the tests' process to end, with a new deadline after each line that it reports."""
        deadline, num_lines = self.deadline(), 0
        while report in watch.open:
            try:
                watch.step(deadline)
            except LimitReachedError as reached:
                return str(reached)
            if watch.data[report].count(b"\n") > num_lines:
                deadline, num_lines = self.deadline(), watch.data[report].count(b"\n")
        return ""

    def start_session(self, start: int) -> tuple[int, int, int]:
        """Fork the program's process, then the tests'; the program's id, the pipes of the report and of its stderr."""
        asked, asks = os.pipe()
        answered, answers = os.pipe()
        report, report_there = os.pipe()
        err, err_there = os.pipe()
        process = self.fork(asked, answers, err_there)
        if not process:
            os.dup2(err_there, 2)
            os.close(err_there)
            self.be_program(asked, answers)
            sys.exit()
        if not self.fork(answered, asks, report_there, self.tests):
            self.be_tests(answered, asks, report=report_there, start=start)
        close(asked, asks, answered, answers, report_there, err_there)
        return process, report, err

    def be_program(self, reads: int, writes: int) -> None:
        """Load the program and serve its tests."""
        from curation.verifiers import sandbox_remote as remote

        names = load(self.job["program"], "solution")
        remote.serve(remote.Peer(reads, writes, max_bytes=-1, operations=remote.offered(names)))

    def be_tests(self, reads: int, writes: int, *, report: int, start: int) -> None:
        """Run the tests and report each on a line of its own; the first line says that the program was loaded."""
        from curation.verifiers import sandbox_remote as remote
        from curation.verifiers import sandbox_tests

        kernel.hide_memory()
        tests = marshal.loads(os.pread(self.tests, os.fstat(self.tests).st_size, 0))
        peer = remote.Peer(reads, writes, max_bytes=self.job["output_bytes"], operations=remote.CALL_ONLY)
        peer.receive()
        if self.job["call_type"] == "call":
            outcomes = sandbox_tests.calls(peer, self.job["fn_name"], tests[start:])
        else:
            outcomes = sandbox_tests.asserts(peer, tests, start)
        sandbox_tests.write_report(report, outcomes)
        os._exit(0)


def load(source: str, name: str) -> "dict[str, object]":
    """Run a program's text as the module `name`; its names."""
    module = type(sys)(name)
    sys.modules[name] = module
    exec(compile(source, "<program>", "exec"), module.__dict__)
    return module.__dict__


def _finish(result: "str | list[Outcome]") -> "NoReturn":
    """Write the outcomes, or what the kernel refused, and end."""
    with open(1, "wb", closefd=False) as file:
        file.write(marshal.dumps(result))
    os._exit(0)


def main() -> None:
    """Contain this process, run the job that stdin holds, write the outcomes to stdout."""
    tests, lifeline = (int(argument) for argument in sys.argv[1:])
    with open(0, "rb", closefd=False) as file:
        job = marshal.load(file)
    if job["call_type"] != "std":
        import curation.verifiers.sandbox_tests  # noqa: F401  # while our own files can still be read
    os.environ.clear()
    sys.argv[:], sys.path[:] = ["program"], [path for path in sys.path if path != job["own_path"]]
    try:
        uid = kernel.enter()
        kernel.die_with_parent()
    except OSError as error:
        _finish(str(error))
    first = os.fork()
    if first:
        os._exit(1 if os.waitpid(first, 0)[1] else 0)
    try:
        kernel.die_with_parent()
        kernel.build_root()
        kernel.hide_memory()
    except OSError as error:
        _finish(str(error))
    gc.freeze()  # a forked program ends in half the time when it need not look through our objects
    box = Box(job, uid=uid, tests=tests, lifeline=lifeline)
    _finish([box.std(text) for text in job["inputs"]] if job["call_type"] == "std" else box.remote())

"""Watch the processes that process 1 of a sandbox has forked, end them, and say how they ended."""

import math
import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    Outcome = tuple[str, str, str]

SIGKILL, SIGXCPU = 9, 24
READ_BYTES = 1 << 16


class LimitReachedError(Exception):
    """A group of processes used up its time (`timeout`) or its output (`output_limit`)."""


class Watch:
    """What a group of processes writes on some pipes, up to a deadline and a limit on output."""

    def __init__(self, descriptors: "list[int]", *, lifeline: int, max_bytes: int) -> None:
        self.poll = select.poll()
        for descriptor in (*descriptors, lifeline):
            self.poll.register(descriptor, select.POLLIN)
        self.lifeline = lifeline
        self.left = max_bytes
        self.data = dict.fromkeys(descriptors, b"")
        self.open = set(descriptors)

    def step(self, deadline: float) -> None:
        """Wait for output and keep it."""
        left = deadline - time.monotonic()
        ready = self.poll.poll(math.ceil(1000 * left)) if left > 0 else []
        if not ready:
            raise LimitReachedError("timeout")
        for descriptor, _ in ready:
            if descriptor == self.lifeline:
                os._exit(1)  # the caller is gone, and all processes here go with process 1
            data = os.read(descriptor, READ_BYTES)
            self.data[descriptor] += data
            self.left -= len(data)
            if not data:
                self.poll.unregister(descriptor)
                self.open.remove(descriptor)
                os.close(descriptor)
        if self.left < 0:
            raise LimitReachedError("output_limit")


def until_closed(watch: Watch, deadline: float) -> str:
    """Wait for all pipes to be closed; the limit that was reached before, or nothing."""
    while watch.open:
        try:
            watch.step(deadline)
        except LimitReachedError as reached:
            return str(reached)
    return ""


def outcome_of(reached: str, status: int, stderr: bytes) -> "Outcome":
    """The outcome of a test that a limit or the program itself ended, from the program's wait status."""
    signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if reached or signal == SIGXCPU:
        return reached or "timeout", "", ""
    lines = stderr.decode(errors="replace").strip().splitlines()
    if signal:
        return "error", "", f"ended early with signal {signal}"
    return "error", "", lines[-1] if lines and status else f"ended early with exit code {os.WEXITSTATUS(status)}"


def kill_all() -> dict[int, int]:
    """Kill every process of the sandbox but this one; the wait status of each child, its own where it had ended."""
    statuses: dict[int, int] = {}
    try:  # noqa: SIM105  # contextlib takes longer to load than a sandbox to make
        os.kill(-1, SIGKILL)
    except ProcessLookupError:
        pass
    while True:
        try:
            process, status = os.wait()
        except ChildProcessError:
            return statuses
        statuses[process] = status


def close(*descriptors: int) -> None:
    """Close descriptors."""
    for descriptor in descriptors:
        os.close(descriptor)

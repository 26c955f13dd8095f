"""How long a program runs, and how much memory it takes at most."""

import os
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def timed(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak memory in GB of a program."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    start = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    told = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(told)
    return time.monotonic() - start, usage.ru_maxrss / 1e6


def tried(command: list[str]) -> tuple[float, float] | str:
    """What `timed` gives, or why the program failed; where memory runs out, it is the one that is killed."""
    first_to_die = ["sh", "-c", 'echo 1000 > /proc/self/oom_score_adj; exec "$@"', "sh", *command]
    try:
        return timed(first_to_die)
    except SystemExit as error:
        lines = str(error).strip().splitlines()
        return lines[-1] if lines else "killed, perhaps for its memory"

"""Stages that several processes run together, as `accelerate launch` and torchrun start them: docs/train.md.

All processes read params and the release and train; the first alone speaks and writes the stage's output. What the
others would write goes to a folder of their own that is thrown away.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path

from curation import params as params_module
from curation import tables
from curation.errors import CurateError
from curation.progress import say
from curation.stage import Run, run_stage
from train.fitting import is_first, process_rank


def run_training(stage: str, body: Callable[[Run], None], *, unit: str) -> int:
    """Run a training stage's body in this process; returns the exit code.

    A stage whose block in params is null trains nothing, and writes that.

    Args:
        stage: Name of the stage and of its block.
        body: What trains and writes, the same in every process.
        unit: What the stage counts.
    """

    def train_or_skip(run: Run) -> None:
        if getattr(run.params, stage) is not None:
            body(run)
            return
        say(f"{stage}: its block in params is null; nothing is trained")
        run.write_json("metrics.json", {})
        run.account(unit=unit, rows_in=0, rows_kept=0)

    return run_stage(stage, train_or_skip) if is_first() else _follow(stage, train_or_skip)


def _follow(stage: str, body: Callable[[Run], None]) -> int:
    """Run the body of a process that is not the first: silent but for an error, and without an output."""
    part = Path(tempfile.mkdtemp(prefix=f"curate-{stage}-"))
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as silence, redirect_stderr(silence):
            params = params_module.load()
            con = tables.connect(memory_gb=params.resources.memory_gb, processes=params.resources.processes)
            con.execute(f"SET temp_directory = '{part}/spill'")
            body(Run(stage, None, params, con, part))
            con.close()
    except CurateError as error:
        say(f"error: process {process_rank()}: {error}")
        return 1
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return 0

"""anneal: fine-tune once more, at a tenth of the rate, on the samples of stage 2 (R5 6.10).

The same as sft under another block: it starts from the first stage's model, packs nothing, and reads the samples whose
scores spread most (R5 6.9).
"""

import sys
from collections.abc import Sequence

from curation.stage import Run
from train.launch import run_training
from train.sft import fine_tune


def main(argv: Sequence[str] | None = None) -> int:
    """Fine-tune the model of sft on a second release. Example: python -m train.anneal."""
    return run_training("anneal", _run, unit="sample")


def _run(run: Run) -> None:
    assert run.params.anneal is not None
    fine_tune(run, run.params.anneal)


if __name__ == "__main__":
    sys.exit(main())

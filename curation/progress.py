"""Progress of anything over a few seconds: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

LINE_SECONDS = 10.0


def say(line: str) -> None:
    """Tell the user what is being done, on stderr."""
    print(line, file=sys.stderr, flush=True)


class Progress(Protocol):
    """What is told of work done."""

    def update(self, done: int, note: str = "") -> None:
        """Add `done` units; `note` stands after the rate."""


@contextmanager
def progress(label: str, total: int | None, unit: str) -> Iterator[Progress]:
    """Show how far `total` units of work are, with rate and time left, on stderr; None: no one knows the total."""
    shown: Progress = _Bar(label, total, unit) if sys.stderr.isatty() else _Lines(label, total, unit)
    try:
        yield shown
    finally:
        if isinstance(shown, _Bar):
            shown.close()


class _Bar:
    def __init__(self, label: str, total: int | None, unit: str) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, desc=label, unit=f" {unit}", file=sys.stderr)

    def update(self, done: int, note: str = "") -> None:
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(done)

    def close(self) -> None:
        self._bar.close()


class _Lines:
    def __init__(self, label: str, total: int | None, unit: str) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._done = 0
        self._start = self._shown = time.monotonic()

    def update(self, done: int, note: str = "") -> None:
        self._done += done
        now = time.monotonic()
        if now - self._shown < LINE_SECONDS and (self._total is None or self._done < self._total):
            return
        self._shown = now
        rate = self._done / max(now - self._start, 1e-9)
        so_far = f"{self._label}: {self._done:,}"
        told = [f"{rate:,.1f}/s"]
        if self._total is not None:
            so_far += f"/{self._total:,}"
            told.append(f"{(self._total - self._done) / max(rate, 1e-9):,.0f} s left")
        say(", ".join([f"{so_far} {self._unit}", *told, *([note] if note else [])]))

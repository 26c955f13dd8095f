r"""Comparing two math answers with math-verify, in worker processes that can be killed.

A reference and an answer are parsed and compared together under one deadline, which starts
when a worker takes the pair up, not when it is queued. A worker that is over it is killed and
replaced; nothing inside the library is asked to stop by itself, since a long step in C (a
power, a factorial) answers no signal. Workers come from a clean server process that has the
libraries loaded, so that they start at once and inherit no threads and no GPU.

What no deadline is needed for is refused before: see `too_complex`.
"""

import functools
import logging
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pebble import ProcessFuture, ProcessPool

Outcome = Literal["equal", "different", "unparsed_answer", "bad_reference", "timeout", "worker_died", "error"]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Comparison:
    """What became of one pair."""

    outcome: Outcome
    error: str | None = None
    """Name of the exception that the library raised."""


# Limits of the size guard (ours). Answers of competitions and exams stay far below each.
LENGTH_MAX = 2_000
DIGITS_MAX = 400
DEPTH_MAX = 30
EXPONENT_MAX = 10_000
FACTORIAL_MAX = 1_000
BINOMIAL_MAX = 10_000
WORKER_MEMORY = 2 << 30

_DIGITS = re.compile(rf"\d{{{DIGITS_MAX + 1}}}")
_OPEN, _CLOSE = r"[\s{(\[]*", r"[\s})\]]*"
# An exponent and the exponent's exponent; in (x^2)^{500} the second is none.
_EXPONENT = re.compile(rf"\^{_OPEN}-?(\d+)(?:\s*\^{_OPEN}-?(\d+))?")
_TOWER = re.compile(rf"(?:\^{_OPEN}-?\d+\s*){{3}}")
_FACTORIAL = re.compile(rf"(\^{_OPEN})?(\d+){_CLOSE}!({_CLOSE}!)?")
_BINOMIAL = re.compile(r"\\[dt]?binom\s*\{?\s*(\d+)")


def too_complex(text: str) -> str | None:
    """Which limit an expression is over, or None: length, digits, depth, exponent, factorial or binomial.

    Only sizes that stand in the text as numbers are seen; what they hide, the deadline stops.

    Example:
        >>> too_complex("9^{9^{9}}"), too_complex("2^{2020}-1")
        ('exponent', None)
    """
    text = text.replace("**", "^")
    return next((name for name, is_over in _GUARDS if is_over(text)), None)


def _depth(text: str) -> int:
    depth = deepest = 0
    for char in text:
        if char in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in ")]}":
            depth -= 1
    return deepest


def _is_big_exponent(exponent: str, of_exponent: str | None) -> bool:
    """Whether exponent ** of_exponent is over the limit, by its digits."""
    if _over(exponent, EXPONENT_MAX) or (of_exponent is not None and _over(of_exponent, EXPONENT_MAX)):
        return True
    return of_exponent is not None and int(of_exponent) * math.log10(max(int(exponent), 1)) > math.log10(EXPONENT_MAX)


def _over(digits: str, limit: int) -> bool:
    return len(digits.lstrip("0")) > len(str(limit)) or int(digits) > limit


# In this order: what comes later takes time that the earlier ones bound.
_GUARDS = (
    ("length", lambda text: len(text) > LENGTH_MAX),
    ("digits", _DIGITS.search),
    ("depth", lambda text: _depth(text) > DEPTH_MAX),
    (
        "exponent",
        lambda text: _TOWER.search(text) or any(_is_big_exponent(*m.groups()) for m in _EXPONENT.finditer(text)),
    ),
    ("factorial", lambda text: any(m[1] or m[3] or _over(m[2], FACTORIAL_MAX) for m in _FACTORIAL.finditer(text))),
    ("binomial", lambda text: any(_over(m[1], BINOMIAL_MAX) for m in _BINOMIAL.finditer(text))),
)


def compare_pairs(pairs: Sequence[Pair], *, timeout_seconds: float, processes: int) -> list[Comparison]:
    """Compare each (reference, answer), in `processes` workers; 0 takes one per core.

    Args:
        pairs: Expressions without `$` or box around them, in this order: math-verify is not symmetric.
        timeout_seconds: Deadline of parsing and comparing one pair.
        processes: Workers, kept warm until the program ends.
    """
    if not _pool(processes).active:  # a worker that dies while it has no work breaks a pool
        _pool.cache_clear()
    pool = _pool(processes)
    futures = [pool.schedule(compare, args=pair, timeout=timeout_seconds) for pair in pairs]
    return [_comparison(future) for future in futures]


def _comparison(future: "ProcessFuture[Outcome]") -> Comparison:
    """What a worker found; whatever sympy raises is an `error`, not a wrong answer."""
    from concurrent.futures.process import BrokenProcessPool

    from pebble import ProcessExpired

    failure = future.exception()
    if failure is None:
        return Comparison(future.result())
    if isinstance(failure, BrokenProcessPool):
        raise failure
    if isinstance(failure, TimeoutError):
        return Comparison("timeout")
    if isinstance(failure, ProcessExpired):
        return Comparison("worker_died")
    return Comparison("error", type(failure).__name__)


@functools.cache
def _pool(processes: int) -> "ProcessPool":
    import multiprocessing
    import os

    from pebble import ProcessPool

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["math_verify", __name__])
    workers = processes or os.cpu_count() or 1
    return ProcessPool(max_workers=workers, initializer=_start_worker, context=context)


def _start_worker() -> None:
    """Make a worker easy to kill, bound its memory, quieten math-verify, and load its parser's tables.

    pebble's own answer to SIGTERM waits for a step in C to end, or 3 s.
    """
    import resource
    import signal

    resource.setrlimit(resource.RLIMIT_AS, (WORKER_MEMORY, WORKER_MEMORY))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.disable(logging.WARNING)
    compare(r"\frac{1}{2}", "x^2")


def compare(reference: str, answer: str) -> Outcome:
    """Compare one pair in this process, without a deadline; raises what the library raises."""
    from math_verify import verify

    expected = _parse(reference)
    if not any(_is_expression(value) for value in expected):
        return "bad_reference"
    found = _parse(answer)
    texts = [value for value in found if isinstance(value, str)]
    if any(value in texts for value in expected if isinstance(value, str)):
        return "equal"
    expressions = [value for value in found if _is_expression(value)]
    if not expressions:
        return "unparsed_answer"
    expected = [value for value in expected if _is_expression(value)]
    equal = verify(expected, expressions, timeout_seconds=None, raise_on_error=True)
    return "equal" if equal else "different"


def _is_expression(value: Any) -> bool:
    return not isinstance(value, str)


def _parse(text: str) -> list[Any]:
    r"""math-verify's reading of one expression: sympy's, and its normalized text.

    It is boxed, since a box's content is read as a whole; only a percentage is read between
    dollars, where math-verify looks for the sign.
    """
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse

    text = " ".join(text.split()).replace(r"\%", "%")
    wrapped = f"${text}$" if text.endswith("%") else rf"\boxed{{{text}}}"
    configs = [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()]
    return list(parse(wrapped, configs, parsing_timeout=None))

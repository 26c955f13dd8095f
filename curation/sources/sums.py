r"""Sums of two numbers, added column by column, all written by this program.

A quarter has numbers of two digits, the rest of three. A response adds a column a line, from the ones on, the carry as a third
term, and boxes the result; every response is right. The method is the same for any length, which a model of half a million
parameters learns from a thousand of them: half of the short ones, hardly any of the long ones, so that there is something to
improve.

Example record:
    {"id": "sum-00001", "category": "math", "reference": "147", "prompt": "Compute 62 + 85.",
     "responses": [{"tag": "sums-program", "text":
       "<think>\nones: 2 + 5 = 7\ntens: 6 + 8 = 14\n</think>\n<answer>\n\\boxed{147}\n</answer>"}]}
"""

import itertools
import random
from collections.abc import Iterator
from typing import Any

from curation.errors import ParamsError

TAG = "sums-program"
PROMPTS = ("What is {} + {}?", "Compute {} + {}.", "Calculate {} + {}.")
COLUMNS = ("ones", "tens", "hundreds")
LENGTHS = (2, 3, 3, 3)
"""Digits of the numbers, in turn."""
# Half of all pairs of two-digit numbers; drawing more would take ever longer.
MOST = 4 * 2000


def records(*, num_prompts: int, seed: int) -> Iterator[dict[str, Any]]:
    """Make prompts, no two with the same numbers in any order.

    The first prompts of a longer run are those of a shorter one, so the source can grow.

    Args:
        num_prompts: How many prompts to make.
        seed: Seed of numbers and wording.

    Raises:
        ParamsError: There are fewer prompts than that.
    """
    if num_prompts > MOST:
        raise ParamsError(f"sums has {MOST} prompts, num_prompts asks for {num_prompts}. Lower it.")
    rng = random.Random(seed)  # noqa: S311 - draws numbers for prompts
    used: set[tuple[int, int]] = set()
    for number, length in zip(range(1, num_prompts + 1), itertools.cycle(LENGTHS), strict=False):
        first, second = _draw(rng, length, used)
        used.add((min(first, second), max(first, second)))
        text = f"<think>\n{work(first, second)}\n</think>\n<answer>\n\\boxed{{{first + second}}}\n</answer>"
        yield {
            "id": f"sum-{number:05d}",
            "prompt": rng.choice(PROMPTS).format(first, second),
            "category": "math",
            "reference": str(first + second),
            "responses": [{"tag": TAG, "text": text}],
            "licence": "Apache-2.0",
        }


def work(first: int, second: int) -> str:
    r"""Addition in columns: a line for each, the carry as a third term.

    Example:
        >>> work(62, 89)
        'ones: 2 + 9 = 11\ntens: 6 + 8 + 1 = 15'
    """
    lines, carry = [], 0
    for place, name in enumerate(COLUMNS[: len(str(max(first, second)))]):
        terms = [first // 10**place % 10, second // 10**place % 10, *([carry] if carry else [])]
        lines.append(f"{name}: {' + '.join(map(str, terms))} = {sum(terms)}")
        carry = sum(terms) // 10
    return "\n".join(lines)


def _draw(rng: random.Random, length: int, used: set[tuple[int, int]]) -> tuple[int, int]:
    while True:
        first, second = (rng.randint(10 ** (length - 1), 10**length - 1) for _ in range(2))
        if (min(first, second), max(first, second)) not in used:
            return first, second

r"""Arithmetic prompts with a worked response each, all written by this program.

The prompts go from sums below 20 to stories of two steps, with numbers below 100. A response
states a plan, works one operation a line and boxes the result; every response is right. The
texts are regular and short on purpose: models of a few million parameters are trained on them.

Example record:
    {"id": "gain-00004", "category": "math", "reference": "14",
     "prompt": "Ann has 8 apples and gets 6 more. How many apples does Ann have now?",
     "responses": [{"tag": "arithmetic-program", "text":
       "<think>\nAdd what is new.\n8 + 6 = 14\n</think>\n<answer>\nThe answer is \\boxed{14}.\n</answer>"}]}
"""

import itertools
import operator
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from curation.errors import ParamsError

TAG = "arithmetic-program"

_NAMES = ("Ann", "Ben", "Eva", "Leo", "Mia", "Sam", "Tom", "Zoe")
_ITEMS = ("apples", "books", "cards", "coins", "eggs", "pens", "shells", "stamps")
_OPERATIONS: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.floordiv,
}
# A kind that found no new numbers in this many draws is taken as used up.
_MAX_DRAWS = 300


@dataclass(frozen=True)
class Kind:
    """A template of prompts and the way to work them."""

    name: str
    prompt: str
    """Fields are the variables of `ranges`, `name` and `items`."""
    plan: str
    """First line of the reasoning."""
    steps: tuple[str, ...]
    """Operations on variables and earlier results (r1, r2); at and ao are the tens and ones of a."""
    ranges: Mapping[str, tuple[int, int]]
    """Least and greatest value of each variable."""


_SMALL = {"a": (2, 20), "b": (2, 20)}
_TENS = {"a": (21, 99), "b": (21, 99)}
_THREE = {"a": (2, 20), "b": (2, 20), "c": (2, 20)}
_FACTORS = {"a": (2, 12), "b": (2, 12)}
_PRODUCT = {"a": (2, 10), "b": (2, 10), "c": (2, 20)}

KINDS: tuple[Kind, ...] = (
    Kind("add", "What is {a} + {b}?", "Add the numbers.", ("a + b",), _SMALL),
    Kind("subtract", "What is {a} - {b}?", "Subtract the second number.", ("a - b",), _SMALL),
    Kind("multiply", "What is {a} * {b}?", "Multiply the numbers.", ("a * b",), _FACTORS),
    Kind("divide", "What is {a} / {b}?", "Divide by the second number.", ("a / b",), {"a": (4, 99), "b": (2, 12)}),
    Kind(
        "add-tens",
        "Compute {a} + {b}.",
        "Add the tens, then the ones.",
        ("at + bt", "ao + bo", "r1 + r2"),
        _TENS,
    ),
    Kind(
        "subtract-tens",
        "Compute {a} - {b}.",
        "Take away the tens, then the ones.",
        ("a - bt", "r1 - bo"),
        _TENS,
    ),
    Kind(
        "multiply-tens",
        "Compute {a} * {b}.",
        "Multiply the tens, then the ones.",
        ("at * b", "ao * b", "r1 + r2"),
        {"a": (13, 49), "b": (2, 9)},
    ),
    Kind("add-three", "Calculate {a} + {b} + {c}.", "Go from left to right.", ("a + b", "r1 + c"), _THREE),
    Kind("add-subtract", "Calculate {a} + {b} - {c}.", "Go from left to right.", ("a + b", "r1 - c"), _THREE),
    Kind("multiply-add", "Calculate {a} * {b} + {c}.", "Multiply first.", ("a * b", "r1 + c"), _PRODUCT),
    Kind("missing", "Which number is missing? {a} + ? = {b}", "Subtract the known part.", ("b - a",), _SMALL),
    Kind(
        "gain",
        "{name} has {a} {items} and gets {b} more. How many {items} does {name} have now?",
        "Add what is new.",
        ("a + b",),
        _SMALL,
    ),
    Kind(
        "loss",
        "{name} had {a} {items} and gave {b} away. How many {items} are left?",
        "Subtract what is gone.",
        ("a - b",),
        _SMALL,
    ),
    Kind(
        "groups",
        "There are {a} boxes with {b} {items} in each box. How many {items} is that in all?",
        "Multiply boxes by {items}.",
        ("a * b",),
        _FACTORS,
    ),
    Kind(
        "share",
        "{name} shares {a} {items} equally among {b} friends. How many {items} does each friend get?",
        "Divide by the friends.",
        ("a / b",),
        {"a": (4, 60), "b": (2, 10)},
    ),
    Kind(
        "gain-loss",
        "{name} had {a} {items}, found {b} more and lost {c}. How many {items} does {name} have?",
        "Add what was found, subtract what was lost.",
        ("a + b", "r1 - c"),
        _THREE,
    ),
    Kind(
        "groups-gain",
        "{name} fills {a} bags with {b} {items} each and keeps {c} {items} aside. How many {items} are there?",
        "Multiply bags by {items}, then add the rest.",
        ("a * b", "r1 + c"),
        _PRODUCT,
    ),
    Kind(
        "price",
        "A ticket costs {a} dollars and a drink costs {c}. What do {b} tickets and one drink cost in dollars?",
        "Multiply for the tickets, then add the drink.",
        ("a * b", "r1 + c"),
        _PRODUCT,
    ),
)
"""Every kind, in the order in which prompts are made."""


def records(*, num_prompts: int, seed: int) -> Iterator[dict[str, Any]]:
    """Make prompts, a kind at a time in turn, no kind with the same numbers twice.

    The first prompts of a longer run are those of a shorter one, so the source can grow.

    Args:
        num_prompts: How many prompts to make.
        seed: Seed of numbers, names and items.

    Raises:
        ParamsError: There are fewer prompts than that.
    """
    num_made = 0
    rng = random.Random(seed)  # noqa: S311 - draws numbers for prompts
    for record in itertools.islice(_in_turn(rng), num_prompts):
        num_made += 1
        yield record
    if num_made < num_prompts:
        raise ParamsError(f"arithmetic has {num_made} prompts, num_prompts asks for {num_prompts}. Lower it.")


def _in_turn(rng: random.Random) -> Iterator[dict[str, Any]]:
    """A prompt of each kind in turn, until all kinds are used up."""
    used: dict[str, set[tuple[int, ...]]] = {kind.name: set() for kind in KINDS}
    open_kinds = list(KINDS)
    while open_kinds:
        for kind in tuple(open_kinds):
            numbers = _draw(kind, rng, used[kind.name])
            if numbers is None:
                open_kinds.remove(kind)
            else:
                yield _record(kind, numbers, rng, f"{kind.name}-{len(used[kind.name]):05d}")


def _draw(kind: Kind, rng: random.Random, used: set[tuple[int, ...]]) -> dict[str, int] | None:
    """Numbers whose every result is a whole number from 1 on, in no order used before."""
    for _ in range(_MAX_DRAWS):
        numbers = {variable: rng.randint(*bounds) for variable, bounds in kind.ranges.items()}
        key = tuple(sorted(numbers.values()))
        if key not in used and _works_out(kind, numbers):
            used.add(key)
            return numbers
    return None


def _works_out(kind: Kind, numbers: Mapping[str, int]) -> bool:
    return all(result > 0 and (sign != "/" or left % right == 0) for left, sign, right, result in _work(kind, numbers))


def _work(kind: Kind, numbers: Mapping[str, int]) -> list[tuple[int, str, int, int]]:
    """The steps in numbers: left, sign, right, result."""
    values = dict(numbers)
    for variable, number in numbers.items():
        values |= {f"{variable}t": number // 10 * 10, f"{variable}o": number % 10}
    worked = []
    for index, step in enumerate(kind.steps, start=1):
        left, sign, right = step.split()
        values[f"r{index}"] = _OPERATIONS[sign](values[left], values[right])
        worked.append((values[left], sign, values[right], values[f"r{index}"]))
    return worked


def _record(kind: Kind, numbers: Mapping[str, int], rng: random.Random, own_id: str) -> dict[str, Any]:
    worked = _work(kind, numbers)
    result = worked[-1][-1]
    words = {"name": rng.choice(_NAMES), "items": rng.choice(_ITEMS)}
    lines = [kind.plan.format(**words), *(f"{left} {sign} {right} = {value}" for left, sign, right, value in worked)]
    reasoning = "\n".join(lines)
    text = f"<think>\n{reasoning}\n</think>\n<answer>\nThe answer is \\boxed{{{result}}}.\n</answer>"
    return {
        "id": own_id,
        "prompt": kind.prompt.format(**numbers, **words),
        "category": "math",
        "reference": str(result),
        "responses": [{"tag": TAG, "text": text}],
        "licence": "Apache-2.0",
    }

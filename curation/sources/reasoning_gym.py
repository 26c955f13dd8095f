"""Prompts of reasoning-gym generators, with the answer each generator gives.

Takes only generators whose answer is one short string that a verifier can compare: a number
or a list of numbers (category math), or a word (category science, where DeepDistill,
arXiv 2504.17565, R5 6.1, puts its logic sets). Left out for that reason: generators with several
right answers (countdown, word_ladder), with long answers (sudoku, knights_knaves), without an
answer string (propositional_logic), and those whose answer depends on the interpreter's hash
seed (isomorphic_strings). Also left out: zebra_puzzles (0.1 s a prompt) and simple_geometry (some of
its polygons cannot be convex).

Example record:
    {"id": "gcd-0000", "category": "math", "reference": "2",
     "prompt": "Find the Greatest Common Divisor (GCD) of these numbers: 84, 58. ..."}
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from curation.errors import ParamsError


@dataclass(frozen=True)
class Generator:
    """What we take of one reasoning-gym generator."""

    category: str
    config: Mapping[str, Any] = field(default_factory=dict)
    """Settings that keep prompts and answers short; the package's own where empty."""


GENERATORS: Mapping[str, Generator] = {
    "chain_sum": Generator("math", {"max_terms": 4, "max_digits": 2}),
    "basic_arithmetic": Generator("math", {"max_terms": 3, "max_digits": 2}),
    "products": Generator("math", {"max_digits": 2}),
    "simple_equations": Generator("math", {"max_terms": 3, "max_value": 20}),
    "gcd": Generator("math", {"max_value": 100}),
    "lcm": Generator("math", {"max_value": 30}),
    "fraction_simplification": Generator("math", {"max_value": 30, "max_factor": 12, "styles": ("plain",)}),
    "gsm_symbolic": Generator("math"),
    "leg_counting": Generator("math", {"min_animals": 2, "max_animals": 4}),
    "number_sequence": Generator("math", {"max_value": 30, "min_value": -30, "max_complexity": 2}),
    "number_sorting": Generator("math"),
    "count_primes": Generator("math", {"max_n": 200}),
    "count_bits": Generator("math", {"max_n": 255}),
    "base_conversion": Generator("math", {"max_base": 10, "max_value": 200}),
    "letter_counting": Generator("math"),
    "binary_alternation": Generator("math"),
    "syllogism": Generator("science"),
    "aiw": Generator("science"),
    "family_relationships": Generator("science"),
    "color_cube_rotation": Generator("science", {"max_rotations": 2}),
    "calendar_arithmetic": Generator("science", {"tasks": ["weekday_offset", "weekday_of_date"]}),
    "spell_backward": Generator("science", {"max_word_len": 6}),
}
"""Every generator that `records` knows, by reasoning-gym's name."""


def records(*, generators: Mapping[str, int], seed: int) -> Iterator[dict[str, Any]]:
    """Make the prompts of each generator, in the order of `generators`.

    A prompt can come twice where a generator has few of them; the stage deduplicate finds it.

    Args:
        generators: Number of prompts by generator.
        seed: Seed of every generator.

    Raises:
        ParamsError: A name is not in `GENERATORS`.
    """
    unknown = sorted(set(generators) - set(GENERATORS))
    if unknown:
        known = ", ".join(sorted(GENERATORS))
        raise ParamsError(f"reasoning_gym has no generator {', '.join(unknown)} here. Name one of: {known}.")
    for name, num_prompts in generators.items():
        yield from _records_of(name, num_prompts, seed)


def _records_of(name: str, num_prompts: int, seed: int) -> Iterator[dict[str, Any]]:
    import reasoning_gym

    generator = GENERATORS[name]
    dataset = reasoning_gym.create_dataset(name, size=num_prompts, seed=seed, **generator.config)
    for index in range(num_prompts):
        item = dataset[index]
        yield {
            "id": f"{name}-{index:04d}",
            "prompt": item["question"].strip(),
            "category": generator.category,
            "reference": str(item["answer"]).strip(),
            "licence": "Apache-2.0",
        }

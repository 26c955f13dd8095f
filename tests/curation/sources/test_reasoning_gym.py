"""reasoning_gym: records that can be verified, the same in every run."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from curation.errors import ParamsError
from curation.sources.reasoning_gym import GENERATORS, records

DIGEST = """
import hashlib, json
from curation.sources.reasoning_gym import GENERATORS, records
made = list(records(generators=dict.fromkeys(GENERATORS, 3), seed=7))
print(hashlib.sha256(json.dumps(made).encode()).hexdigest())
"""


def test_records_are_the_same_whatever_the_hash_seed_of_the_interpreter() -> None:
    made = list(records(generators=dict.fromkeys(GENERATORS, 3), seed=7))
    env = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(Path.cwd())}
    other = subprocess.run([sys.executable, "-c", DIGEST], env=env, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == hashlib.sha256(json.dumps(made).encode()).hexdigest()


def test_another_seed_gives_other_prompts() -> None:
    first, second = (list(records(generators={"gcd": 5}, seed=seed)) for seed in (1, 2))
    assert [r["id"] for r in first] == [r["id"] for r in second]
    assert [r["prompt"] for r in first] != [r["prompt"] for r in second]


@pytest.mark.parametrize("name", GENERATORS)
def test_every_reference_is_one_short_line(name: str) -> None:
    made = list(records(generators={name: 12}, seed=3))
    assert len({r["id"] for r in made}) == 12
    assert all(r["prompt"] and r["category"] in ("math", "science") for r in made)
    longest = 100 if name == "number_sorting" else 20
    assert all(0 < len(r["reference"]) <= longest and "\n" not in r["reference"] for r in made)


@pytest.mark.parametrize("name", [name for name, taken in GENERATORS.items() if taken.category == "math"])
def test_math_references_are_read_as_numbers(name: str) -> None:
    from math_verify import parse

    for record in records(generators={name: 6}, seed=5):
        assert len(parse(f"\\boxed{{{record['reference']}}}")) == 2, record


def test_number_sorting_prompts_are_all_different() -> None:
    assert len({r["prompt"] for r in records(generators={"number_sorting": 150}, seed=11)}) == 150


def test_an_unknown_generator_is_named_with_those_there_are() -> None:
    with pytest.raises(ParamsError, match=r"no generator sudokus here.*chain_sum"):
        list(records(generators={"sudokus": 1}, seed=1))

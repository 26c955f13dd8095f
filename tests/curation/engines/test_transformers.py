"""The transformers engine on a model with random weights: what a request's response depends on."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.engines.open import open_engine
from curation.engines.protocol import Completion, Engine, EngineSettings, Request, Sampling
from curation.engines.transformers import TransformersEngine

GREEDY = Sampling(temperature=0, top_p=1)
SAMPLED = Sampling(temperature=0.9, top_p=0.9)
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def ask(content: str, *, seed: int = 0, max_tokens: int = 40) -> Request:
    return Request(messages=(("system", "Be brief."), ("user", content)), seed=seed, max_tokens=max_tokens)


def thirty_two() -> list[Request]:
    """Sixteen prompts of several lengths, two samples each, with limits of their own."""
    contents = [" ".join(WORDS[: 1 + number % 7]) + str(number) for number in range(16)]
    return [
        ask(content, seed=31 * number + index, max_tokens=5 + 3 * number)
        for number, content in enumerate(contents)
        for index in range(2)
    ]


@pytest.fixture(scope="module")
def settings_of_tiny(chat_model: Path) -> EngineSettings:
    return EngineSettings(engine="transformers", model=str(chat_model), device="cpu")


@pytest.fixture(scope="module")
def engine(settings_of_tiny: EngineSettings) -> Engine:
    return open_engine(settings_of_tiny)


def generate_alone(engine: TransformersEngine, request: Request) -> list[int]:
    """What `generate` of transformers makes of one request, greedily, with its stock attention."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = engine._settings.model
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    messages = [{"role": role, "content": content} for role, content in request.messages]
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    made = model.generate(**inputs, do_sample=False, max_new_tokens=request.max_tokens, pad_token_id=0)
    return made[0, inputs.input_ids.shape[1] :].tolist()


def test_greedy_responses_are_those_of_generate(engine):
    requests = thirty_two()[::4]
    for request, made in zip(requests, engine.generate(requests, GREEDY), strict=True):
        expected = generate_alone(engine, request)
        stopped = expected[-1] % 9 == 0
        letters = expected[:-1] if stopped else expected
        assert made.text == engine._loaded.tokenizer.decode(letters)
        assert (made.num_tokens, made.finish_reason) == (len(expected), "stop" if stopped else "length")


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED, Sampling(temperature=1.2, top_p=1)])
def test_a_response_does_not_depend_on_its_batch(settings_of_tiny, engine, sampling):
    requests = thirty_two()
    together = engine.generate(requests, sampling)
    fives = open_engine(replace(settings_of_tiny, batch_size=5))
    shuffled = random.Random(4).sample(range(32), 32)
    apart: dict[int, Completion] = {}
    for start in range(0, 32, 7):
        chosen = shuffled[start : start + 7]
        apart.update(zip(chosen, fives.generate([requests[index] for index in chosen], sampling), strict=True))
    assert [apart[index] for index in range(32)] == together


def test_rows_stop_for_themselves(engine):
    made = engine.generate(thirty_two(), SAMPLED)
    assert {one.finish_reason for one in made} == {"stop", "length"}
    assert len({one.num_tokens for one in made}) > 5
    for request, one in zip(thirty_two(), made, strict=True):
        assert one.num_tokens <= request.max_tokens
        assert one.finish_reason == "stop" or one.num_tokens == request.max_tokens


def test_another_seed_makes_another_sample_and_the_same_one_the_same(engine):
    [first, other, again] = engine.generate([ask("five", seed=seed) for seed in (2**62, 1, 2**62)], SAMPLED)
    assert first == again
    assert first.text != other.text


def test_a_higher_limit_only_continues_a_sample(engine):
    long, short = engine.generate([ask("six", seed=11), ask("six", seed=11, max_tokens=4)], SAMPLED)
    assert (short.num_tokens, short.finish_reason) == (4, "length")
    assert long.num_tokens > 4
    assert long.text.startswith(short.text.rstrip("\ufffd"))  # a limit may cut a character's bytes


def test_a_prompt_without_room_gets_an_empty_answer_and_a_long_one_what_is_left(engine):
    [full, long, short] = engine.generate([ask("x" * 200), ask("y" * 118, seed=3), ask("z")], GREEDY)
    assert (full.text, full.finish_reason, full.num_tokens) == ("", "length", 0)
    assert long.num_prompt_tokens + long.num_tokens <= 160
    assert short.num_tokens > 0


def test_what_the_template_opened_stands_in_the_text(settings_of_tiny, engine):
    thinking = open_engine(replace(settings_of_tiny, template_arguments={"enable_thinking": True}))
    [made] = thinking.generate([ask("seven")], GREEDY)
    assert made.text.startswith("<think>\n")
    assert thinking.version != engine.version


def test_no_requests_are_no_completions(engine):
    assert engine.generate([], GREEDY) == []


def test_a_closed_engine_loads_its_model_again(settings_of_tiny):
    engine = open_engine(settings_of_tiny)
    first = engine.generate([ask("eight")], GREEDY)
    engine.close()
    assert engine.generate([ask("eight")], GREEDY) == first


def test_the_version_holds_the_model_but_not_how_it_is_run(settings_of_tiny, engine):
    assert open_engine(replace(settings_of_tiny, batch_size=3)).version == engine.version
    assert open_engine(replace(settings_of_tiny, dtype="bfloat16")).version != engine.version
    assert str(settings_of_tiny.model) not in engine.version


@given(st.lists(st.text(max_size=30), min_size=1, max_size=9), st.integers(0, 2**63 - 1))
@settings(max_examples=15, deadline=None)
def test_every_request_has_its_answer_in_its_place(engine, contents, seed):
    requests = [ask(content, seed=seed, max_tokens=6) for content in contents]
    made = engine.generate(requests, SAMPLED)
    assert made == [engine.generate([request], SAMPLED)[0] for request in requests]

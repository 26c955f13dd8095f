"""arithmetic: thousands of different prompts, every worked response right."""

import re

import pytest

from curation.errors import ParamsError
from curation.sources.arithmetic import KINDS, TAG, records
from curation.text import split_response

MADE = list(records(num_prompts=6000, seed=11))


def test_no_prompt_and_no_id_comes_twice() -> None:
    assert len({r["prompt"] for r in MADE}) == len({r["id"] for r in MADE}) == 6000


def test_every_step_is_right_and_the_last_is_the_boxed_reference() -> None:
    for record in MADE:
        (response,) = record["responses"]
        parts = split_response(response["text"], "think_answer")
        steps = re.findall(r"(\d+) ([-+*/]) (\d+) = (\d+)", parts.reasoning)
        assert parts.well_formed and response["tag"] == TAG and steps
        assert all(eval(f"{left} {sign} {right} == {result}") for left, sign, right, result in steps), record
        assert re.findall(r"\\boxed\{(\d+)\}", parts.answer) == [record["reference"]] == [steps[-1][3]]


def test_bare_expressions_have_the_reference_as_their_value() -> None:
    bare = [r for r in MADE if r["prompt"].startswith(("What is", "Compute", "Calculate"))]
    assert len(bare) > 2000
    for record in bare:
        expression = re.sub(r"^[A-Z][a-z]+( is)? |[?.]$", "", record["prompt"])
        assert eval(expression) == int(record["reference"]), record


def test_a_kind_never_has_the_same_numbers_twice() -> None:
    keys = [(r["id"].rsplit("-", 1)[0], *sorted(re.findall(r"\d+", r["prompt"]))) for r in MADE]
    assert len(keys) == len(set(keys))


def test_a_longer_run_begins_with_the_shorter_one() -> None:
    assert list(records(num_prompts=500, seed=11)) == MADE[:500]
    assert list(records(num_prompts=500, seed=12)) != MADE[:500]


def test_the_first_prompts_show_every_kind_and_stay_short() -> None:
    assert [r["id"] for r in MADE[: len(KINDS)]] == [f"{kind.name}-00001" for kind in KINDS]
    assert max(len(r["responses"][0]["text"]) for r in MADE) < 160


def test_more_prompts_than_there_are_is_an_error_with_the_number() -> None:
    with pytest.raises(ParamsError, match=r"arithmetic has \d+ prompts, num_prompts asks for 1000000"):
        list(records(num_prompts=1_000_000, seed=1))

"""sums: every column right, no sum twice, short and long ones in turn."""

import re

import pytest

from curation.errors import ParamsError
from curation.sources.sums import TAG, records
from curation.text import split_response

MADE = list(records(num_prompts=4000, seed=11))


def test_every_column_is_right_and_together_they_are_the_boxed_reference():
    for record in MADE:
        (response,) = record["responses"]
        parts = split_response(response["text"], "think_answer")
        lines = re.findall(r"^\w+: ([\d +]+) = (\d+)$", parts.reasoning.strip(), re.MULTILINE)
        first, second = map(int, re.findall(r"\d+", record["prompt"]))
        assert parts.well_formed and response["tag"] == TAG
        assert all(eval(terms) == int(total) for terms, total in lines), record
        *lower, (_, top) = lines
        digits = top + "".join(total[-1] for _, total in reversed(lower))
        assert digits == record["reference"] == str(first + second)
        assert re.findall(r"\\boxed\{(\d+)\}", parts.answer) == [record["reference"]]


def test_no_sum_comes_twice_in_either_order():
    sums = {tuple(sorted(re.findall(r"\d+", record["prompt"]))) for record in MADE}
    assert len(sums) == len({record["id"] for record in MADE}) == 4000


def test_a_quarter_is_short_and_the_work_has_a_line_a_digit():
    lines = [record["responses"][0]["text"].count(" = ") for record in MADE]
    assert (lines.count(2), lines.count(3)) == (1000, 3000)


def test_a_longer_run_begins_with_the_shorter_one():
    assert list(records(num_prompts=500, seed=11)) == MADE[:500]
    assert list(records(num_prompts=500, seed=12)) != MADE[:500]


def test_more_prompts_than_there_are_is_an_error_with_the_number():
    with pytest.raises(ParamsError, match="sums has 8000 prompts, num_prompts asks for 8001"):
        list(records(num_prompts=8001, seed=1))

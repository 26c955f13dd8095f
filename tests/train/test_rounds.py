"""Rounds of multi-round thinking: the prompt of R2, how answers move, which words stand in them."""

import json
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.errors import ParamsError
from schemas.evaluations import EVALUATIONS
from train.rounds import ask_again, check_words, count_words, transitions, word_counts

GOLDEN = json.loads((Path(__file__).parents[1] / "fixtures/evaluate/rounds.json").read_text())


def evaluated(con, chains, words=()):
    """Rows of `evaluations` of one model and benchmark from chains of correct, num_tokens and texts."""
    rows = []
    for index, chain in enumerate(chains):
        for number, correct in enumerate(chain["correct"], start=1):
            told = {"model": "sft", "benchmark": "sums", "round": number, "sample_index": index, "correct": correct}
            ids = {
                "sample_id": f"{index}-{number}",
                "previous_sample_id": f"{index}-{number - 1}" if number > 1 else None,
            }
            counted = count_words(chain["texts"][number - 1], words) if words else []
            rows.append({**told, **ids, "num_tokens": chain["num_tokens"][number - 1], "words": counted})
    return con.from_arrow(pa.Table.from_pylist(rows, schema=pa.schema([*map(nullable, EVALUATIONS.arrow_schema)])))


def nullable(field):
    return field.with_nullable(True)


def test_a_later_round_asks_the_prompt_and_the_answer_before():
    chat = ask_again([("system", "Be brief."), ("user", "What is 7 + 5?\nThink.")], " 11 ")
    again = "The assistant's previous answer is: <answer> 11 </answer>, and please re-answer."
    assert chat == (("system", "Be brief."), ("user", f"What is 7 + 5?\nThink.\n{again}"))


def test_an_answer_with_braces_is_asked_as_it_is():
    assert r"<answer> \boxed{4} {x} </answer>" in ask_again([("user", "?")], r"\boxed{4} {x}")[0][1]


def test_transitions_and_lengths_are_those_counted_by_hand(con):
    found = transitions(evaluated(con, GOLDEN["chains"])).fetchall()
    assert [list(row[2:]) for row in found] == GOLDEN["transitions"]
    assert {row[:2] for row in found} == {("sft", "sums")}


def test_words_are_those_counted_by_hand(con):
    words = GOLDEN["words"]
    found = word_counts(evaluated(con, GOLDEN["chains"], words), words).fetchall()
    assert sorted(list(row[2:]) for row in found) == sorted(GOLDEN["word_counts"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.lists(st.lists(st.sampled_from([True, False, None]), min_size=3, max_size=3), min_size=1, max_size=20))
def test_every_step_of_every_chain_is_counted_once(con, chains):
    """Against a loop over chains."""
    letters = {True: "C", False: "I"}
    wanted = {}
    for chain in chains:
        for number, (before, after) in enumerate(pairwise(chain), start=1):
            known = before is not None and after is not None
            step = (f"{number}-{number + 1}", f"{letters[before]}-{letters[after]}" if known else "unverified")
            wanted[step] = wanted.get(step, 0) + 1
    given_ = [{"correct": chain, "num_tokens": [1, 1, 1], "texts": ["", "", ""]} for chain in chains]
    assert {row[2:4]: row[4] for row in transitions(evaluated(con, given_)).fetchall()} == wanted


def test_one_round_has_no_transitions(con):
    chain = {"correct": [True], "num_tokens": [3], "texts": ["wait"]}
    assert transitions(evaluated(con, [chain])).fetchall() == []
    assert word_counts(evaluated(con, [chain], ["wait"]), ["wait"]).fetchall() == []


# What stands in evaluate.words, and what is said of it.
@pytest.mark.parametrize(
    ("words", "said"),
    [(["Wait"], "'Wait'"), (["hold on"], "'hold on'"), ([""], "''"), (["wait,"], "'wait,'"), (["so", "so"], "twice")],
)
def test_a_word_that_no_text_can_hold_is_refused(words, said):
    with pytest.raises(ParamsError, match=said):
        check_words(words)


def test_words_of_the_report_are_accepted():
    check_words(["but", "wait", "maybe", "therefore"])

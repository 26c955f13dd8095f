"""A round of questions: what a model sees, which ids answers have, what is carried into the next round."""

from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from curation.engines.protocol import Completion
from curation.hashing import prompt_id
from curation.training_params import Evaluate
from train.asked import Asked
from train.asking import ask, parts_of, render
from train.questions import QUESTIONS

SUFFIX = "Think step by step."


@dataclass
class Echo:
    """An engine that answers with the seed, in one of the formats; the first answer of a prompt never ends its thinking."""

    version: str = "echo 1"
    asked: list[str] = field(default_factory=list)

    def generate(self, requests, sampling):
        self.asked += [request.messages[-1][1] for request in requests]
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        cut = "previous answer" not in request.messages[-1][1] and "cut" in request.messages[-1][1]
        text = "<think>Wait, wait" if cut else f"<think>Wait</think>\n<answer>{request.seed}</answer>"
        return Completion(text, "length" if cut else "stop", num_prompt_tokens=3, num_tokens=4)

    def close(self):
        pass


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_HOME", str(tmp_path / "home"))


def evaluate_params(**values):
    one = {"name": "sums", "path": None, "columns": {}, "category": None, "suffix": SUFFIX, "rows_max": None}
    fixed = {"models": ["sft"], "dataset": "sums", "compare": [], "benchmarks": [{**one, "samples": 2}]}
    asked = {"system": "Be brief.", "rounds": 2, "words": ["wait"], "temperature": 0.6, "top_p": 0.95}
    run = {"max_new_tokens": 8, "bootstrap": 10, "engine": "transformers", "engine_options": {}, "batch_requests": 3}
    return Evaluate(**{**fixed, **asked, **run, **values})


def questions(con, *texts):
    rows = [
        {"benchmark": "sums", "position": position, "question_id": text, "category": "math", **chat(text)}
        for position, text in enumerate(texts)
    ]
    return con.from_arrow(pa.Table.from_pylist(rows, schema=QUESTIONS))


def chat(text):
    messages = [{"role": "user", "content": text}]
    return {"messages": messages, "prompt_id": prompt_id(messages)}


def rows_of(relation):
    return relation.order("prompt_id, sample_index").to_arrow_table().to_pylist()


def test_every_question_is_asked_as_often_as_params_say(con, tmp_path):
    engine = Echo()
    found = rows_of(
        ask(
            Asked("sft", "a", engine),
            questions(con, "1 + 1", "2 + 2"),
            None,
            evaluate_params(),
            con=con,
            scratch=tmp_path / "1",
        )
    )
    assert sorted(engine.asked) == [f"{text}\n{SUFFIX}" for text in ("1 + 1", "1 + 1", "2 + 2", "2 + 2")]
    assert [(row["sample_index"], row["round"], row["words"]) for row in found] == [(0, 1, [1]), (1, 1, [1])] * 2
    assert len({row["answer"] for row in found}) == 4


def test_the_next_round_is_shown_its_own_answer_and_no_thinking(con, tmp_path):
    """Thinking that was cut has left no answer."""
    engine, asked = Echo(), questions(con, "1 + 1", "cut")
    model = Asked("sft", "a", engine)
    first = ask(model, asked, None, evaluate_params(), con=con, scratch=tmp_path / "1")
    engine.asked.clear()
    second = ask(model, asked, first, evaluate_params(), con=con, scratch=tmp_path / "2")
    answers = {row["sample_id"]: row["answer"] if row["well_formed"] else "" for row in rows_of(first)}
    assert sorted(answers.values())[:2] == ["", ""]
    shown = [
        f"{row['question_id']}\n{SUFFIX}\nThe assistant's previous answer is: <answer> {answers[row['previous_sample_id']]} "
        f"</answer>, and please re-answer."
        for row in rows_of(second)
    ]
    assert sorted(engine.asked) == sorted(shown)


def test_what_was_asked_before_is_not_asked_again(con, tmp_path):
    engine = Echo()
    model = Asked("sft", "a", engine)
    first = rows_of(ask(model, questions(con, "1 + 1"), None, evaluate_params(), con=con, scratch=tmp_path / "1"))
    engine.asked.clear()
    both = ask(model, questions(con, "1 + 1", "2 + 2"), None, evaluate_params(), con=con, scratch=tmp_path / "2")
    assert engine.asked == [f"2 + 2\n{SUFFIX}"] * 2
    assert [row for row in rows_of(both) if row["question_id"] == "1 + 1"] == first


# What differs, and whether the answers' ids do.
@pytest.mark.parametrize(
    ("values", "identity", "same"),
    [({}, "a", True), ({}, "b", False), ({"temperature": 1.0}, "a", False), ({"bootstrap": 20}, "a", True)],
)
def test_an_id_stands_for_model_and_settings(con, tmp_path, values, identity, same):
    asked = questions(con, "1 + 1")
    one = ask(Asked("sft", "a", Echo()), asked, None, evaluate_params(), con=con, scratch=tmp_path / "1")
    other = ask(Asked("sft", identity, Echo()), asked, None, evaluate_params(**values), con=con, scratch=tmp_path / "2")
    ids, others = ([row["sample_id"] for row in rows_of(found)] for found in (one, other))
    assert (ids == others) is same


def test_a_system_turn_of_the_question_follows_that_of_params():
    messages = [{"role": "system", "content": "You add."}, {"role": "user", "content": "1 + 1"}]
    assert render(messages, "Be brief.", "") == (("system", "Be brief.\n\nYou add."), ("user", "1 + 1"))
    assert render(messages[1:], None, SUFFIX) == (("user", f"1 + 1\n{SUFFIX}"),)


# A text, and the reasoning, answer and form that are found in it.
@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It is 4.", (None, "It is 4.", True)),
        ("", (None, "", False)),
        ("<think>2+2</think><answer>4</answer>", ("2+2", "4", True)),
        ("<think>2+2</think>\nIt is 4.", ("2+2", "\nIt is 4.", True)),
        ("<think>2+2", (None, "<think>2+2", False)),
        ("<think>2+2</think>", ("2+2", "", False)),
    ],
)
def test_a_text_is_split_by_the_format_in_which_it_was_written(text, parts):
    found = parts_of(text)
    assert (found.reasoning, found.answer, found.well_formed) == parts

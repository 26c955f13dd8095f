"""A file's first record tells which columns are ours; what was named wrongly is one sentence."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from curation.errors import CurateError
from curation.guess import BenchmarkWish, SourceWish, guess_benchmark, guess_source, name_of
from curation.params import Name

GSM8K = {"question": "How many?", "answer": "48/2 = 24.\n#### 24"}
SHAREGPT = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}], "uuid": "a"}


@pytest.fixture
def file(tmp_path):
    """Write one record into a file and give its path."""

    def write(record: object, name: str = "data.jsonl") -> str:
        path = tmp_path / name
        path.write_text(json.dumps(record) + "\n")
        return str(path)

    return write


@pytest.mark.parametrize(
    ("record", "columns", "category"),
    [
        (GSM8K, {"prompt": "question", "reference": "answer"}, "math"),
        ({"id": 60, "problem": "x?", "solution": "so", "answer": 4}, {"id": "id", "prompt": "problem", "reference": "answer"}, "math"),
        (SHAREGPT, {"messages": "conversations", "id": "uuid"}, "chat"),
        ({"messages": [{"role": "user", "content": "Hi"}], "prompt": "Hi"}, {"messages": "messages"}, "chat"),
        ({"prompt": "add", "tests": ["assert add(1, 2) == 3"]}, {"prompt": "prompt", "tests": "tests"}, "code"),
        ({"instruction": "Sing", "answer": None}, {"prompt": "instruction"}, "chat"),
        ({"prompt": "Which?", "category": "science"}, {"prompt": "prompt", "category": "category"}, None),
        ({"prompt": "Which?", "category": "algebra"}, {"prompt": "prompt"}, "chat"),
    ],
)  # fmt: skip
def test_known_names_are_guessed(file, record, columns, category):
    source = guess_source(SourceWish(file(record)), priority=1).made
    assert {name: value for name, value in vars(source.columns).items() if value is not None} == columns
    assert source.category == category


def test_a_reference_after_hashes_is_cut_out(file):
    guess = guess_source(SourceWish(file(GSM8K)), priority=1)
    assert guess.made.reference_pattern == "#### (.+)$"
    assert guess.notes[-1] == "the first record's reference is '24'"


def test_what_is_named_is_not_guessed(file):
    wish = SourceWish(file(GSM8K), columns="prompt=answer", category="chat", licence="MIT")
    source = guess_source(wish, priority=3).made
    assert (source.columns.prompt, source.columns.reference) == ("answer", None)
    assert (source.category, source.licence, source.priority) == ("chat", "MIT", 3)


def test_a_dot_reaches_into_a_struct(file):
    path = file({"row": {"text": "Hi?"}})
    assert guess_source(SourceWish(path, columns="prompt=row.text"), priority=1).made.columns.prompt == "row.text"


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"columns": "prompt=qestion"}, "has no column 'qestion'; it has: question, answer"),
        ({"columns": "promt=question"}, "none of our fields; nearest: prompt"),
        ({"columns": "question"}, "--columns has 'question'; wanted pairs as in prompt=question,reference=answer"),
        ({"columns": "reference=answer"}, "which column of .* holds the prompt?.* with one of: question, answer"),
        ({"reference_pattern": "([0-9"}, "no regular expression"),
        ({"reference_pattern": "=> (.*)"}, "the first record of .* makes no prompt: column 'answer'"),
    ],
)
def test_a_wrong_wish_is_one_sentence(file, wish, sentence):
    with pytest.raises(CurateError, match=sentence) as caught:
        guess_source(SourceWish(file(GSM8K), **wish), priority=1)
    assert "\n" not in str(caught.value)


def test_a_file_without_a_readable_record_is_one_sentence(tmp_path):
    path = tmp_path / "data.jsonl"
    for text, sentence in (("", "has no records"), ("{\n", r"data\.jsonl:1 cannot be read: wanted a JSON object")):
        path.write_text(text)
        with pytest.raises(CurateError, match=sentence):
            guess_source(SourceWish(str(path)), priority=1)


def test_a_benchmarks_question_is_guessed_or_asked_for(file):
    benchmark = guess_benchmark(BenchmarkWish(file({"id": 1, "problem": "x?"}, "AIME_24.jsonl"))).made
    assert (benchmark.name, benchmark.question, benchmark.id) == ("aime-24", "problem", "id")
    with pytest.raises(CurateError, match=r"holds the question.*--question with one of: a, b"):
        guess_benchmark(BenchmarkWish(file({"a": 1, "b": 2})))
    with pytest.raises(CurateError, match="has no column 'c'; it has: a"):
        guess_benchmark(BenchmarkWish(file({"a": 1}), question="c"))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=20))
def test_any_file_name_gives_a_name_that_params_take(name):
    assert TypeAdapter(Name).validate_python(name_of(f"folder/{name}.jsonl"))

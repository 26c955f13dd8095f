"""Benchmarks are read whole or refused with a sentence; a question that was trained on is refused."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.errors import DataError, ParamsError
from curation.training_params import Questions
from tests.train.evaluate_project import sum_row, write_release
from train.questions import QUESTIONS, open_benchmark, refuse_trained

COLUMNS = {"id": "id", "prompt": "problem", "reference": "info.answer"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def benchmark(**values):
    fixed = {"name": "aime", "path": "aime.jsonl", "columns": COLUMNS, "category": "math", "suffix": ""}
    return Questions(**{**fixed, "rows_max": None, "samples": 1, **values})


def write_lines(*rows, path="aime.jsonl"):
    Path(path).write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))


def row(number, text=None):
    return {"id": number, "problem": text or f"What is {number}?", "info": {"answer": number}}


def opened(con, **values):
    return open_benchmark(benchmark(**values), "sums", con)


def test_a_file_is_read_by_the_columns_that_params_name(con):
    write_lines(row(7), row(8))
    found = opened(con).questions.to_pylist()
    assert [one["position"] for one in found] == [0, 1]
    assert {(one["question_id"], one["messages"][0]["content"], one["reference"]) for one in found} == {
        ("7", "What is 7?", "7"),
        ("8", "What is 8?", "8"),
    }


def test_parquet_with_code_tests_is_read(con):
    tests = '{"call_type": "std", "inputs": ["1"], "outputs": ["2"]}'
    pq.write_table(pa.table({"prompt": ["Add one."], "tests": [tests]}), "lcb.parquet")
    columns = {"prompt": "prompt", "tests": "tests"}
    (found,) = opened(con, path="lcb.parquet", columns=columns, category="code").questions.to_pylist()
    assert (found["question_id"], found["category"], json.loads(found["tests"])["outputs"]) == ("1", "code", ["2"])


def test_the_test_split_of_a_release_is_a_benchmark(con, folder):
    write_release(folder, {"train": [sum_row(9)], "test": [sum_row(1), sum_row(2)]})
    found = opened(con, path=None, columns={}, category=None)
    assert found.questions.column("prompt_id").to_pylist() == sorted(sum_row(number)["prompt_id"] for number in (1, 2))
    assert found.questions.schema == QUESTIONS
    assert found.questions.column("question_id") == found.questions.column("prompt_id")


def test_a_prompt_that_stands_twice_is_asked_once_and_counted(con):
    write_lines(row(7), row(8, "What is\n7?"), row(9))
    found = opened(con, rows_max=1)
    assert (found.questions.num_rows, found.num_rows, found.num_repeated, found.num_beyond) == (1, 3, 1, 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(st.permutations(range(8)), st.integers(1, 8))
def test_the_rows_that_are_taken_do_not_depend_on_their_order(con, order, rows_max):
    """And fewer rows are some of more."""
    write_lines(*map(row, order), path="shuffled.jsonl")
    write_lines(*map(row, range(8)), path="sorted.jsonl")
    some, all_ = opened(con, path="shuffled.jsonl", rows_max=rows_max), opened(con, path="sorted.jsonl")
    assert some.questions.equals(all_.questions.slice(0, rows_max))


# What the file holds, and what is said of it.
@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["{no json"], "aime.jsonl:1: wanted a JSON object"),
        ([row(7), {"id": 8, "problem": "?"}], r"aime.jsonl:2 has no column 'info.answer' \(has: id, problem\)"),
        (
            [{"id": 8, "problem": None, "info": {"answer": "8"}}],
            "aime.jsonl:1: column 'problem': wanted text, came null",
        ),
        ([row(7, "  ")], "aime.jsonl:1 has an empty 'problem'"),
        ([], "aime.jsonl holds no question"),
    ],
)
def test_a_file_that_cannot_be_asked_whole_is_refused(con, lines, said):
    write_lines(*lines)
    with pytest.raises(DataError, match=f"evaluate: benchmark aime: {said}"):
        opened(con)


# Other values of the benchmark, and what is said of them.
@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"path": "missing.jsonl"}, DataError, "there is no file missing.jsonl"),
        ({"columns": {"prompt": "problem", "answer": "answer"}}, ParamsError, "columns names 'answer'"),
        ({"columns": {"reference": "answer"}}, ParamsError, "columns says nothing of prompt"),
        ({"category": None}, ParamsError, "category is None; a file needs one of math, code"),
        ({"path": "hf://datasets/aime.jsonl"}, ParamsError, "wanted hf://datasets/OWNER/NAME@REVISION/FILE"),
        ({"path": "hf://datasets/a/b@c/d.jsonl"}, DataError, "hf://datasets/a/b@c/d.jsonl cannot be read"),
    ],
)
def test_a_benchmark_that_cannot_be_read_is_refused(con, values, error, said):
    write_lines(row(7))
    with pytest.raises(error, match=said):
        opened(con, **values)


def test_questions_that_a_release_trained_on_are_refused(con, folder):
    """The prompt, not its wording in white space, is what counts."""
    write_release(folder, {"train": [sum_row(1), sum_row(2)], "test": [sum_row(3)]})
    text = sum_row(1)["messages"][0]["content"]
    write_lines(row(7), {"id": 61, "problem": f" {text}\n", "info": {"answer": "2"}})
    questions = con.from_arrow(opened(con).questions)
    with pytest.raises(DataError, match=r"benchmark aime: 1 of its questions .* train split of sums, such as 61 "):
        refuse_trained(questions, [("sums", "default")], con)


def test_questions_that_are_new_are_asked(con, folder):
    write_release(folder, {"train": [sum_row(1)], "test": [sum_row(3)]})
    refuse_trained(
        con.from_arrow(opened(con, path=None, columns={}, category=None).questions), [("sums", "default")], con
    )

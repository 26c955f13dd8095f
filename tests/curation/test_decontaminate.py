"""Prompts that overlap a benchmark question are dropped by name; a benchmark that cannot be read is an error."""

import json
import random
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import tables
from curation.decontaminate import Question, coverage, decontaminate, read_questions
from curation.errors import DataError
from curation.hashing import digest
from curation.params import Benchmark, Decontaminate
from curation.text import words
from schemas.prompts import PROMPTS

ROOT = Path(__file__).parents[2]
PARAMS = Decontaminate([], 8, 0.5, 0.9, "words", 100)
CASES = [
    json.loads(line)
    for line in (ROOT / "tests/fixtures/decontaminate/overlaps.jsonl").read_text(encoding="utf-8").splitlines()
]


def encode(texts):
    """Hashed bags of words, rows of length 1."""
    found = np.zeros((tables.count(texts), 512), dtype=np.float32)
    for position, text in texts.project("position, text").fetchall():
        np.add.at(found[position], [zlib.crc32(word.encode()) % 512 for word in words(text) or [""]], 1)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def row(number, text):
    ids = {"record_id": digest("record", str(number)), "prompt_id": digest("prompt", str(number))}
    fixed = {"source": "s", "source_row": str(number), "category": "chat", "licence": "MIT", "priority": 1}
    return {**ids, **fixed, "messages": [{"role": "user", "content": text}]}


def run(con, rows, questions, params=PARAMS):
    """The kept rows and the drops, by prompt_id."""
    asked = [Question(name, text) for name, text in questions.items()]
    result = decontaminate(tables.from_rows(con, rows, PROMPTS), asked, params, con=con, encode=encode)
    found = (part.order("prompt_id").to_arrow_table().to_pylist() for part in (result.kept, result.dropped))
    return [{one["prompt_id"]: one for one in part} for part in found]


@pytest.mark.parametrize("case", CASES, ids=[case["title"] for case in CASES])
def test_golden_cases(case, con):
    kept, dropped = run(con, [row(0, case["prompt"])], case["questions"])
    assert len(kept) + len(dropped) == 1
    (hit,) = [*dropped.values(), None][:1]
    assert (hit and {name: hit[name] for name in case["hit"] or ["reason"]}) == case["hit"]


def naive_coverage(prompt, question, ngram_words):
    """Word by word: is there a run through it that the prompt has too?"""
    length = min(ngram_words, len(question))
    text = f" {' '.join(prompt)} "
    runs = [range(start, start + length) for start in range(len(question) - length + 1)]
    shared = [run for run in runs if f" {' '.join(question[place] for place in run)} " in text]
    covered = "".join("x" if any(place in run for run in shared) else " " for place in range(len(question)))
    longest = max(map(len, covered.split()), default=0)
    return covered.count("x") / len(question), longest


WORDS = st.lists(st.sampled_from("abc"), max_size=14)


@settings(max_examples=200, deadline=None)
@given(WORDS, WORDS.filter(bool), st.integers(1, 6))
def test_coverage_is_that_of_looking_at_each_word(prompt, question, ngram_words):
    share, run = coverage(prompt, question, ngram_words)
    wanted, longest = naive_coverage(prompt, question, ngram_words)
    assert share == pytest.approx(wanted, abs=1e-6)
    assert len(run.split()) == longest
    assert not run or f" {run} " in f" {' '.join(question)} "


def test_a_question_without_words_covers_nothing():
    assert coverage(["a"], [], 8) == (0.0, "")
    assert coverage([], ["a"], 8) == (0.0, "")


def test_thresholds_are_those_of_params(con):
    question = {"q/1": "one two three four five six seven eight nine ten"}
    rows = [row(0, "one two three four and then ten nine eight seven six five")]
    loose = Decontaminate([], 4, 0.4, 1.0, "words", 100)
    (hit,) = run(con, rows, question, loose)[1].values()
    assert (hit["reason"], hit["figure"], hit["detail"]) == ("ngram_overlap", 0.4, "one two three four")
    assert run(con, rows, question, Decontaminate([], 4, 0.5, 1.0, "words", 100))[1] == {}
    (hit,) = run(con, rows, question, Decontaminate([], 5, 0.4, 0.8, "words", 100))[1].values()
    assert hit["reason"] == "semantic_match"
    assert 0.8 < hit["figure"] < 0.95


def test_without_questions_or_prompts_nothing_happens(con):
    kept, dropped = run(con, [row(0, "Why?")], {})
    assert (len(kept), dropped) == (1, {})
    assert run(con, [], {"q/1": "Why?"}) == [{}, {}]


BITS = ["the red cat sleeps in the old house", "and two dogs run over a green hill to", "see a boat", "at noon"]
TEXTS = st.lists(st.sampled_from(BITS), max_size=4).map(" ".join)


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(TEXTS, max_size=8), asked=st.lists(TEXTS.filter(bool), max_size=4), draw=st.randoms())
def test_nothing_is_lost_once_is_enough_and_order_does_not_matter(texts, asked, draw):
    con = tables.connect(memory_gb=1, processes=1)
    questions = {f"q/{number}": text for number, text in enumerate(asked)}
    rows = [row(number, text) for number, text in enumerate(texts)]
    kept, dropped = run(con, rows, questions)
    assert kept.keys() | dropped.keys() == {one["prompt_id"] for one in rows}
    assert not kept.keys() & dropped.keys()
    assert run(con, list(kept.values()), questions) == [kept, {}]
    draw.shuffle(rows)
    assert run(con, rows, questions) == [kept, dropped]


def test_questions_are_found_by_their_runs_as_by_looking_at_all(con):
    draw = random.Random(5)
    texts = [" ".join(draw.choices("abcd", k=draw.randint(1, 12))) for _ in range(60)]
    questions = {f"q/{number}": text for number, text in enumerate(texts[:20])}
    params = Decontaminate([], 3, 0.7, 1.0, "words", 100)
    _, dropped = run(con, [row(number, text) for number, text in enumerate(texts[20:])], questions, params)
    best = [max(coverage(text.split(), asked.split(), 3)[0] for asked in texts[:20]) for text in texts[20:]]
    wanted = {digest("prompt", str(number)): share for number, share in enumerate(best) if share >= 0.7}
    assert 0 < len(wanted) < 40
    assert {name: drop["figure"] for name, drop in dropped.items()} == wanted


GOOD = '{"id": "a", "text": "Why?"}\n'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "q.jsonl not found. Put it there, or correct decontaminate.benchmarks in params.yaml"),
        ("", "q.jsonl holds no question"),
        (GOOD + '{"id": "b", \n', "q.jsonl:2: wanted a JSON object on one line, came no JSON.* Mend that line"),
        (GOOD + '{"id": "b", "question": "x"}\n', r"q.jsonl:2 has no column 'text' \(has: id, question\)"),
        (GOOD + '{"text": "x"}\n', r"q.jsonl:2 has no column 'id' \(has: text\)"),
        (GOOD + '{"id": "b", "text": null}\n', "q.jsonl:2 has no words in its column 'text', got None"),
        (GOOD + '{"id": "b", "text": " ?"}\n', "q.jsonl:2 has no words in its column 'text', got ' [?]'"),
    ],
)
def test_a_benchmark_that_cannot_be_read_is_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "q.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=f"^decontaminate: benchmark quiz: .*{sentence}"):
        read_questions([Benchmark("quiz", str(path), "text", "id")])


def test_questions_are_named_by_benchmark_and_id_or_line(tmp_path):
    (tmp_path / "a.jsonl").write_text(GOOD * 2)
    (tmp_path / "b.csv").write_text('n,info\n7,"Who, me?"\n')
    benchmarks = [
        Benchmark("a", str(tmp_path / "a.jsonl"), "text"),
        Benchmark("b", str(tmp_path / "b.csv"), "info", "n"),
    ]
    asked = [Question("a/1", "Why?"), Question("a/2", "Why?"), Question("b/7", "Who, me?")]
    assert read_questions(benchmarks) == asked


def test_the_questions_of_the_embedded_benchmark_drop_themselves(con):
    questions = read_questions([Benchmark("own", str(ROOT / "data/benchmarks/embedded.jsonl"), "question", "id")])
    rows = [row(number, one.text) for number, one in enumerate(questions)]
    kept, dropped = run(con, rows, {one.evidence_id: one.text for one in questions})
    assert kept == {}
    assert {drop["reason"] for drop in dropped.values()} == {"exact_match"}
    names = sorted(drop["evidence_id"] for drop in dropped.values())
    assert all(a < b for a, b in pairwise(names)), "each by itself"

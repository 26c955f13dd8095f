"""The prompts and questions written for this project: well formed, and as right as their tags say."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from curation.clean import RULES, look_at
from curation.hashing import prompt_id
from curation.params import load as load_params
from curation.text import split_response, words
from curation.verifiers.instructions import CHECKS, verify_instructions
from curation.verifiers.science import SCORE_MAX, verify_science
from curation.verifiers.verdict import Task

ROOT = Path(__file__).parents[2]
FILES = {"code": 61, "science": 81, "instruction": 81, "multi_turn": 15, "chat": 41, "planted": 46}
KEYS = {"id", "prompt", "messages", "category", "reference", "tests", "constraints", "responses"}
RIGHT, FLAWED = "curate-handwritten", "curate-handwritten-flawed"


def load(path: str) -> list[dict]:
    return [json.loads(line) for line in (ROOT / "data" / path).read_text(encoding="utf-8").splitlines()]


RECORDS = {name: load(f"sources/{name}.jsonl") for name in FILES}
QUESTIONS = load("benchmarks/embedded.jsonl")
PLANTED = {record["id"]: record for record in RECORDS["planted"]}
EXPECTED = json.loads((ROOT / "tests/fixtures/planted.json").read_text())


def messages(record: dict) -> list[dict]:
    return record.get("messages") or [{"role": "user", "content": record["prompt"]}]


def answered(name: str) -> list[tuple[dict, str, bool]]:
    """Records with a ready response: the record, its answer, whether it is said to be right."""
    with_response = [record for record in RECORDS[name] if "responses" in record]
    return [
        (record, split_response(record["responses"][0]["text"], "think_answer").answer.strip("\n"), tag == RIGHT)
        for record in with_response
        for tag in [record["responses"][0]["tag"]]
    ]


def task(record: dict, answer: str) -> Task:
    turns = tuple((message["role"], message["content"]) for message in messages(record))
    return Task(turns, answer, *(record.get(key) for key in ("reference", "tests", "constraints")))


@pytest.mark.parametrize("name", FILES)
def test_records_are_flat_and_end_with_a_user_turn(name: str) -> None:
    records = RECORDS[name]
    assert len(records) == len({r["id"] for r in records}) == FILES[name]
    assert all(set(r) <= KEYS and messages(r)[-1]["role"] == "user" for r in records)
    assert name == "planted" or {r["category"] for r in records} == {name}


@pytest.mark.parametrize("name", FILES)
def test_ready_responses_are_well_formed_and_say_who_wrote_them(name: str) -> None:
    responses = [response for r in RECORDS[name] for response in r.get("responses", [])]
    assert bool(responses) == (name != "planted")
    assert all(split_response(r["text"], "think_answer").well_formed for r in responses)
    assert {r["tag"] for r in responses} <= {RIGHT, FLAWED}


def run(program: str, stdin: str = "") -> tuple[int, str]:
    """Run one of our own programs; nothing here is untrusted."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], input=stdin, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def passes(program: str, tests: dict) -> bool:
    if tests["call_type"] == "std":
        cases = zip(tests["inputs"], tests["outputs"], strict=True)
        return all(run(program, given) == (0, expected) for given, expected in cases)
    cases = tests.get("assert_case") or [
        f"assert {tests['fn_name']}(*{given!r}) == {expected!r}"
        for given, expected in zip(tests["inputs"], tests["outputs"], strict=True)
    ]
    return run("\n".join([program, *cases]))[0] == 0


@pytest.mark.parametrize(("record", "answer", "is_right"), answered("code"), ids=lambda value: str(value)[:40])
def test_code_responses_pass_their_tests_unless_said_to_be_flawed(record: dict, answer: str, is_right: bool) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", answer, re.DOTALL)
    assert passes(program, json.loads(record["tests"])) == is_right


def test_code_prompts_have_three_to_ten_tests_of_each_kind() -> None:
    tests = [json.loads(r["tests"]) for r in RECORDS["code"]]
    assert all(3 <= len(t.get("assert_case") or t["outputs"]) <= 10 for t in tests)
    assert [sum(t["call_type"] == kind for t in tests) for kind in ("std", "assert", "call")] == [20, 20, 21]


def test_instruction_responses_follow_their_constraints_unless_said_to_be_flawed() -> None:
    verdicts = verify_instructions([task(record, answer) for record, answer, _ in answered("instruction")])
    assert [v.score == 1 for v in verdicts] == [is_right for *_, is_right in answered("instruction")]


def test_instruction_prompts_use_twenty_of_the_checks() -> None:
    used = {i for r in RECORDS["instruction"] for i in json.loads(r["constraints"])["instruction_id_list"]}
    assert used <= set(CHECKS) and len(used) == 20


def test_science_responses_choose_the_reference_unless_said_to_be_flawed() -> None:
    tasks = [task(record, answer) for record, answer, _ in answered("science")]
    verdicts = verify_science(tasks, extraction="boxed", timeout_seconds=5)
    assert [v.score == SCORE_MAX for v in verdicts] == [is_right for *_, is_right in answered("science")]


def test_science_prompts_list_four_choices_and_each_letter_is_right_as_often() -> None:
    records = [r for r in RECORDS["science"] if r["id"] != "clean-image_reference"]
    assert all(re.findall(r"^([A-D])\) .+$", r["prompt"], re.MULTILINE) == list("ABCD") for r in records)
    assert [sum(r["reference"] == letter for r in records) for letter in "ABCD"] == [20, 20, 20, 20]


def test_benchmark_questions_have_an_id_a_question_and_an_answer() -> None:
    assert len({q["id"] for q in QUESTIONS}) == len({q["question"] for q in QUESTIONS}) == 40
    assert all(set(q) == {"id", "question", "answer"} and all(q.values()) for q in QUESTIONS)


def test_every_planted_record_has_an_expectation() -> None:
    assert list(EXPECTED) == list(PLANTED)


def test_exact_duplicates_have_the_prompt_id_of_another_record() -> None:
    others = [
        prompt_id(messages(r)) for name in FILES for r in RECORDS[name] if EXPECTED.get(r["id"]) != "exact_duplicate"
    ]
    found = [prompt_id(messages(PLANTED[i])) in others for i, what in EXPECTED.items() if what == "exact_duplicate"]
    assert found == [True] * 9


def test_numbers_only_variants_differ_in_digits_only() -> None:
    for stem, count in (("numbers-bakery", 3), ("numbers-medicine", 2), ("numbers-cyclist", 2)):
        variants = [r for i, r in PLANTED.items() if i.startswith(stem)]
        assert len({r["prompt"] for r in variants}) == len({r["reference"] for r in variants}) == count
        assert len({re.sub(r"\d+", "N", r["prompt"]) for r in variants}) == 1


def test_copies_of_benchmark_questions_hold_the_question_word_for_word() -> None:
    questions = [" ".join(words(q["question"])) for q in QUESTIONS]
    copies = [i for i in PLANTED if i.startswith(("bench-copy", "bench-overlap"))]
    texts = {i: " ".join(words(PLANTED[i]["prompt"])) for i in copies}
    assert [sum(q in text for q in questions) for text in texts.values()] == [1] * 5


def test_each_clean_record_is_dropped_for_the_reason_in_its_id():
    params = load_params(ROOT / "params.yaml").clean
    records = [record for name in FILES for record in RECORDS[name] if record["id"].startswith("clean-")]
    for record in records:
        prompt = look_at(messages(record))
        reason = next((reason for reason, rule in RULES if rule(prompt, params)), None)
        assert f"clean-{reason}" == record["id"]
    assert len(records) == 7

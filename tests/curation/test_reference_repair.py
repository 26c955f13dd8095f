"""Checks of references: by hand for both rules, and against plain Python on random answers."""

import json
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import params as params_module
from curation import tables
from curation.errors import ParamsError
from curation.grade import check_all_references
from curation.params import ReferenceRepair
from curation.reference_repair import answers_of, check_references, equal_answers
from curation.verifiers.math import DETAIL_CHARS
from schemas.prompts import PROMPTS
from schemas.reference_checks import REFERENCE_CHECKS
from schemas.verdicts import VERDICTS

R7 = ReferenceRepair(role="large", rule="r7", votes_min=2)
ARBITER = pa.schema([("prompt_id", pa.string()), ("answer", pa.string())])
# Votes of a prompt whose reference is 1, the arbiter's answer, then majority, its votes and the outcomes by r6 and r7.
CASES = [
    # The majority settles it; an arbiter's answer changes nothing.
    (["1", "1.0", "2"], None, "1", 2, "agrees", "agrees"),
    (["1", "1", "2"], "2", "1", 2, "agrees", "agrees"),
    # Wrong answers that are equal count together; the commonest spelling stands for them.
    (["2.0", "02", "02", "1", "1"], None, "02", 3, "needs_arbiter", "needs_arbiter"),
    # Ties, and fewer votes than two, are no majority, whatever the arbiter says.
    (["1", "2"], None, None, 1, "no_majority", "no_majority"),
    (["1", "1", "2", "2.0"], "2", None, 2, "no_majority", "no_majority"),
    (["2", "2", "3", "3"], "2", None, 2, "no_majority", "no_majority"),
    (["1"], None, None, 1, "no_majority", "no_majority"),
    # The arbiter agrees with the majority, with the reference, with neither; it says nothing.
    (["2", "2", "1"], "2.0", "2", 2, "repaired", "repaired"),
    (["2", "2", "1"], "1.0", "2", 2, "kept", "kept"),
    (["2", "2", "1"], "3", "2", 2, "drop", "kept"),
    (["2", "2", "1"], None, "2", 2, "needs_arbiter", "needs_arbiter"),
]


def equal(pairs):
    """Equality of the tests: answers are numbers."""
    return pairs.filter("first::DOUBLE = second::DOUBLE")


def verdict(index, answer, *, prompt="p", teacher="t", category="math", score=None):
    found = float(float(answer) == 1) if score is None else score
    ids = {"sample_id": f"s{index:03d}", "prompt_id": prompt, "teacher": teacher, "category": category}
    detail = json.dumps({"stage": "number", "answer": answer})
    return {**ids, "verifier": "math", "version": "1", "status": "verified", "score": found, "detail": detail}


def prompt_row(prompt, reference="1"):
    fixed = {"record_id": "r", "source": "x", "source_row": "1", "category": "math", "language": "en", "licence": "MIT"}
    return {**fixed, "prompt_id": prompt, "messages": [], "priority": 1, "reference": reference}


def answers(verdicts, con, teachers=("t",)):
    prompts = sorted({row["prompt_id"] for row in verdicts})
    rows = [prompt_row(prompt) for prompt in prompts]
    return answers_of(tables.from_rows(con, verdicts, VERDICTS), tables.from_rows(con, rows, PROMPTS), teachers)


def checks(verdicts, con, params=R7, arbiter=None):
    """Checks as rows by prompt."""
    asked = None
    if arbiter is not None:
        rows = [{"prompt_id": prompt, "answer": answer} for prompt, answer in arbiter.items()]
        asked = con.from_arrow(pa.Table.from_pylist(rows, schema=ARBITER))
    found = check_references(answers(verdicts, con), params, equal=equal, con=con, arbiter=asked)
    assert set(found.columns) == set(REFERENCE_CHECKS.column_names)
    return {row["prompt_id"]: row for row in found.to_arrow_table().to_pylist()}


@pytest.mark.parametrize(("votes", "arbiter", "majority", "num_votes", "by_r6", "by_r7"), CASES)
def test_an_outcome_follows_from_votes_arbiter_and_rule(votes, arbiter, majority, num_votes, by_r6, by_r7, con):
    verdicts = [verdict(index, answer) for index, answer in enumerate(votes)]
    for rule, wanted in (("r6", by_r6), ("r7", by_r7)):
        row = checks(verdicts, con, replace(R7, rule=rule), None if arbiter is None else {"p": arbiter})["p"]
        assert (row["majority_answer"], row["majority_votes"], row["outcome"]) == (majority, num_votes, wanted)
        assert row["agrees"] == (None if majority is None else float(majority) == 1)
        assert (row["reference"], row["num_votes"], row["arbiter_answer"]) == ("1", len(votes), arbiter)


def naive(votes, params, arbiter):
    """Majority, its votes and the outcome, by counting."""
    by_value = Counter(float(answer) for answer in votes)
    (value, most), *others = by_value.most_common()
    if most < params.votes_min or (others and others[0][1] == most):
        return None, most, "no_majority"
    spellings = Counter(answer for answer in votes if float(answer) == value)
    majority = min(spellings, key=lambda answer: (-spellings[answer], answer))
    if value == 1:
        return majority, most, "agrees"
    if arbiter is None:
        return majority, most, "needs_arbiter"
    if float(arbiter) == value:
        return majority, most, "repaired"
    return majority, most, "kept" if float(arbiter) == 1 or params.rule == "r7" else "drop"


ANSWERS = st.sampled_from(["1", "1.0", "2", "2.0", "02", "3", "03", "4"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.sampled_from("pqr"), ANSWERS), min_size=1, max_size=24),
    arbiter=st.dictionaries(st.sampled_from("pqr"), st.none() | ANSWERS),
    rule=st.sampled_from(["r6", "r7"]),
    votes_min=st.integers(1, 3),
    data=st.data(),
)
def test_checks_equal_plain_python_in_any_order(con, rows, arbiter, rule, votes_min, data):
    params = ReferenceRepair(role="large", rule=rule, votes_min=votes_min)
    verdicts = [verdict(index, answer, prompt=prompt) for index, (prompt, answer) in enumerate(rows)]
    found = checks(verdicts, con, params, arbiter)
    assert checks(data.draw(st.permutations(verdicts)), con, params, arbiter) == found
    assert found.keys() == {prompt for prompt, _ in rows}
    for prompt, row in found.items():
        votes = [answer for own, answer in rows if own == prompt]
        wanted = naive(votes, params, arbiter.get(prompt))
        assert (row["majority_answer"], row["majority_votes"], row["outcome"]) == wanted
        assert row["num_votes"] == len(votes)


def test_only_verified_math_answers_of_the_roles_teachers_vote(con):
    verdicts = [
        verdict(0, "2"),
        verdict(1, "2", teacher="stranger"),
        verdict(2, "2", prompt="q", category="science"),
        {**verdict(3, "2"), "status": "unverified", "score": None, "why": "timeout"},
        {**verdict(4, "2"), "detail": json.dumps({"stage": "no_answer", "answer": None})},
        {**verdict(5, "2", prompt="r"), "detail": None},
    ]
    assert answers(verdicts, con).fetchall() == [("p", "1", "2", False, 1)]


def test_a_role_may_hold_several_teachers(con):
    verdicts = [verdict(0, "2"), verdict(1, "2", teacher="it's another")]
    assert answers(verdicts, con, ("t", "it's another")).fetchall() == [("p", "1", "2", False, 2)]


def test_answers_are_equal_where_verify_says_so(con, tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_HOME", str(tmp_path))
    long = "1" * DETAIL_CHARS
    pairs = [
        ("x^2+2x+1", "(x+1)^2"),
        (r"\frac{1}{2}", "0.5"),
        ("12\\", "12\\"),
        ("7", "8"),
        ("x", "y"),
        (long, long),
    ]
    table = pa.table({"first": [one for one, _ in pairs], "second": [other for _, other in pairs]})
    params = replace(params_module.load().verify, timeout_seconds=30)
    found = equal_answers(con.from_arrow(table), params, con=con, processes=1)
    assert set(found.fetchall()) == set(pairs[:3])


def test_no_pairs_need_no_verifier(con, tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_HOME", str(tmp_path))
    pairs = con.sql("SELECT 'a' AS first, 'b' AS second WHERE false")
    assert equal_answers(pairs, params_module.load().verify, con=con).fetchall() == []
    assert list(tmp_path.iterdir()) == []


def test_without_the_block_nothing_is_checked(con):
    params = params_module.load()
    params = replace(params, grade=replace(params.grade, reference_repair=None))
    verdicts = tables.from_rows(con, [verdict(0, "2")], VERDICTS)
    found = check_all_references(verdicts, tables.from_rows(con, [prompt_row("p")], PROMPTS), params, con=con)
    assert found.columns == list(REFERENCE_CHECKS.column_names)
    assert found.fetchall() == []


def test_a_role_that_is_not_there_is_an_error():
    raw = params_module.dump(params_module.load())
    raw["grade"]["reference_repair"]["role"] = "huge"
    with pytest.raises(ParamsError, match=r"grade\.reference_repair names the role 'huge'; roles has: small"):
        params_module.parse(raw, where="params.yaml")

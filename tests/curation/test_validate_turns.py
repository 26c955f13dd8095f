"""Turns without fault are not told; each fault is, and the SQL agrees with plain Python."""

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import tables
from curation.text import join_response
from curation.validate_turns import turn_faults
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES

ROLES = st.sampled_from(["system", "user", "assistant"])
PIECES = st.lists(st.sampled_from(["<think>", "</think>", "two", " ", "\u3000\n", "<answer>"]), max_size=4).map("".join)
TURNS = st.lists(st.tuples(ROLES, PIECES), max_size=6)
ANSWERS = st.tuples(st.none() | PIECES, PIECES, st.sampled_from(["thinker", "plain"]))


def faults(con, prompts, answers):
    """Faults by position in the lists."""
    messages = [[{"role": role, "content": content} for role, content in turns] for turns in prompts]
    asked = tables.from_rows(con, [{"prompt_id": str(i), "messages": m} for i, m in enumerate(messages)], PROMPTS)
    names = ("reasoning", "answer", "teacher")
    rows = [{"sample_id": str(i), **dict(zip(names, one, strict=True))} for i, one in enumerate(answers)]
    found = turn_faults(con, asked, tables.from_rows(con, rows, RESPONSES), thinking_teachers=["thinker"])
    return [{int(row[0]): row[1:] for row in relation.fetchall()} for relation in (found.prompts, found.samples)]


def bad_think(text):
    return re.findall("</?think>", text) not in ([], ["<think>", "</think>"])


def naive_prompt(turns):
    roles = [role for role, _ in turns]
    spoken = roles[1:] if roles[:1] == ["system"] else roles
    alternate = len(spoken) % 2 == 1 and spoken == ["user", "assistant"] * (len(spoken) // 2) + ["user"]
    empty = sum(not content.strip() for _, content in turns)
    return alternate, empty, sum(bad_think(content) for role, content in turns if role == "assistant")


def naive_sample(reasoning, answer, teacher):
    text = join_response(reasoning, answer)
    missing = teacher == "thinker" and "think>" not in text
    return int(not answer.strip()), int(bad_think(text) or missing)


def test_a_conversation_without_fault_is_not_told(con):
    turns = [("system", "Be brief."), ("user", "2?"), ("assistant", "<think>1+1</think>2"), ("user", "3?")]
    assert faults(con, [turns, turns[1:2]], [("1+2", "3", "thinker"), (None, "3", "plain")]) == [{}, {}]


def test_a_thinking_teacher_owes_a_block_and_a_plain_one_may_have_one(con):
    answers = [(None, "3", "thinker"), (None, "<think>1</think>3", "plain"), (None, "<think>1", "plain")]
    assert faults(con, [], answers) == [{}, {0: (0, 1), 2: (0, 1)}]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompts=st.lists(TURNS, max_size=20), answers=st.lists(ANSWERS, max_size=20))
def test_faults_are_those_that_plain_python_finds(con, prompts, answers):
    wanted_prompts = {i: naive_prompt(turns) for i, turns in enumerate(prompts)}
    wanted_samples = {i: naive_sample(*one) for i, one in enumerate(answers)}
    of_prompts, of_samples = faults(con, prompts, answers)
    assert of_prompts == {i: one for i, one in wanted_prompts.items() if one != (True, 0, 0)}
    assert of_samples == {i: one for i, one in wanted_samples.items() if one != (0, 0)}

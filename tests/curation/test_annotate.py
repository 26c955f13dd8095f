"""Labels by rules, and which math goes because no answer can be compared."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import tables
from curation.annotate import DIFFICULTIES, LABELS, annotate, difficulty, label, main, unverifiable
from curation.hashing import digest
from curation.params import CATEGORIES, Annotate
from schemas.annotations import ANNOTATIONS
from schemas.prompts import PROMPTS

PARAMS = Annotate("rules", drop_proofs=True, drop_multi_part=True)
FILE = Path(__file__).parents[1] / "fixtures/annotate/annotate.jsonl"
GOLDEN = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
PROMPT = st.tuples(
    st.sampled_from(CATEGORIES), st.sampled_from([case["text"] for case in GOLDEN]) | st.text(max_size=9)
)


def prompt_row(number, category, text, **columns):
    ids = {"record_id": digest("record", str(number)), "prompt_id": digest("prompt", str(number))}
    told = {"source": "school", "source_row": str(number), "licence": "MIT", "priority": 1, "language": "en"}
    return {**ids, **told, "category": category, "messages": [{"role": "user", "content": text}], **columns}


def prompt_rows(prompts):
    return [prompt_row(number, *prompt) for number, prompt in enumerate(prompts)]


def annotated(con, rows):
    """Kept, annotations and dropped, as rows by prompt_id."""
    result = annotate(tables.from_rows(con, rows, PROMPTS), PARAMS)
    parts = (result.kept, result.annotations.project(", ".join(ANNOTATIONS.column_names)), result.dropped)
    return [{row["prompt_id"]: row for row in part.to_arrow_table().to_pylist()} for part in parts]


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["title"])
def test_golden(con, case):
    row = prompt_row(0, case["category"], case["text"])
    kept, annotations, dropped = annotated(con, [row])
    assert bool(kept) == bool(annotations) == (case["reason"] is None)
    (found,) = [*annotations.values(), *dropped.values()]
    assert found.get("reason") == case["reason"]
    for name in {"figure", "detail", "label", "difficulty"} & set(case):
        assert found[name] == case[name], name


def test_the_switches_turn_the_drops_off():
    proof, parts = "Prove that 7 is prime.", "(a) Find f(2). (b) Find f(3)."
    assert unverifiable(proof, replace(PARAMS, drop_proofs=False)) is None
    assert unverifiable(parts, replace(PARAMS, drop_multi_part=False)) is None
    assert unverifiable(f"{parts} (c) Prove it.", PARAMS)[0] == "proof"


def test_an_annotation_tells_lengths_and_whether_an_answer_can_be_verified(con):
    turns = [("system", "Be brief."), ("user", "What is a prime?"), ("assistant", "A number."), ("user", "Is 91 one?")]
    told = [{"role": role, "content": content} for role, content in turns]
    rows = [{**prompt_row(0, "multi_turn", ""), "messages": told}, prompt_row(1, "math", "2 + 2?", reference="4")]
    _, annotations, _ = annotated(con, rows)
    first, second = (annotations[row["prompt_id"]] for row in rows)
    assert (first["num_turns"], first["length_words"], first["verifiable"]) == (3, 11, False)
    assert (second["num_turns"], second["length_words"], second["verifiable"]) == (1, 2, True)


def test_every_label_and_difficulty_has_a_golden_case():
    assert {case.get("label") for case in GOLDEN} - {None} == set(LABELS)
    assert {case.get("difficulty") for case in GOLDEN} - {None} == set(DIFFICULTIES)


@given(st.sampled_from(CATEGORIES), st.text())
def test_labels_and_difficulties_are_of_the_sets(category, text):
    assert label(category, text) in LABELS
    assert difficulty(category, text) in DIFFICULTIES


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompts=st.lists(PROMPT, max_size=8))
def test_nothing_is_lost_and_every_kept_prompt_has_one_annotation(con, prompts):
    rows = prompt_rows(prompts)
    kept, annotations, dropped = annotated(con, rows)
    assert sorted([*kept, *dropped]) == sorted(row["prompt_id"] for row in rows)
    assert set(annotations) == set(kept)
    assert all(row.items() <= kept[row["prompt_id"]].items() for row in rows if row["prompt_id"] in kept)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompts=st.lists(PROMPT, max_size=8))
def test_annotating_what_was_kept_changes_nothing(con, prompts):
    kept, annotations, _ = annotated(con, prompt_rows(prompts))
    assert annotated(con, list(kept.values())) == [kept, annotations, {}]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompts=st.lists(PROMPT, max_size=8), data=st.data())
def test_the_order_of_rows_decides_nothing(con, prompts, data):
    rows = prompt_rows(prompts)
    assert annotated(con, data.draw(st.permutations(rows))) == annotated(con, rows)


def test_the_stage_accounts_for_every_prompt(tiny_project):
    assert main([]) == 0
    counts = json.loads((tiny_project / "data/annotate/counts.json").read_text())
    assert counts == {"unit": "prompt", "rows_in": 2, "rows_kept": 2, "dropped": {}}
    with tables.connect(memory_gb=1) as con:
        written = tables.read(con, tiny_project / "data/annotate/annotations", ANNOTATIONS)
        assert sorted(written.project("label").fetchall()) == [("Coding & Debugging",), ("Math",)]

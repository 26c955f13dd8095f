"""Who is dropped, why and for whom; and the planted set through the first four stages with the real model."""

import json
import random
import shutil
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import clean, decontaminate, deduplicate, ingest, tables
from curation.hashing import prompt_id
from curation.params import Deduplicate, NearDuplicates, Semantic
from curation.text import words
from schemas.drops import DROPS
from schemas.prompts import PROMPTS

ROOT = Path(__file__).parents[2]
PARAMS = Deduplicate(NearDuplicates(3, 24, 5, 0.5), Semantic("words", 0.9, 8, 100))
CASES = [
    json.loads(line)
    for line in (ROOT / "tests/fixtures/deduplicate/prompts.jsonl").read_text(encoding="utf-8").splitlines()
]


def encode(texts):
    """Hashed bags of words, rows of length 1."""
    found = np.zeros((tables.count(texts), 512), dtype=np.float32)
    for position, text in texts.project("position, text").fetchall():
        np.add.at(found[position], [zlib.crc32(word.encode()) % 512 for word in words(text) or [""]], 1)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def row(given):
    """A row of prompts whose record_id is its name."""
    messages = [{"role": "user", "content": given["text"]}]
    evidence = {name: given.get(name) for name in ("reference", "tests", "constraints")}
    ids = {"record_id": given["id"], "prompt_id": prompt_id(messages), "source": "s", "source_row": given["id"]}
    kind = {"category": "chat", "licence": "MIT", "priority": given.get("priority", 1)}
    return {**ids, "messages": messages, **evidence, **kind}


def run(con, rows, params=PARAMS):
    """The result, the kept rows, and the drops by record_id."""
    prompts = tables.from_rows(con, rows, PROMPTS)
    result = deduplicate.deduplicate(prompts, params, con=con, encode=encode if params.semantic else None)
    dropped = {drop["record_id"]: drop for drop in result.dropped.to_arrow_table().to_pylist()}
    return result, result.kept.to_arrow_table().to_pylist(), dropped


def kept_ids(con, rows, params=PARAMS):
    return sorted(kept["record_id"] for kept in run(con, rows, params)[1])


@pytest.mark.parametrize("case", CASES, ids=[case["title"] for case in CASES])
def test_golden_cases(case, con):
    _, kept, dropped = run(con, [row(given) for given in case["prompts"]])
    assert sorted(one["record_id"] for one in kept) == sorted(case["kept"])
    told = {name: {key: dropped[name][key] for key in wanted} for name, wanted in case["dropped"].items()}
    assert told == case["dropped"]


def sorting_prompts(number):
    """As reasoning-gym's number_sorting asks, with its long shared instruction."""
    draw = random.Random(number)
    return [
        f"Sort these numbers in ascending order: {', '.join(str(draw.randint(-100, 100)) for _ in range(6))}\n"
        "Please follow the instruction below:\n## 1. Let all your answers be a list of numbers. Instead of reporting "
        "your answer as -69, -13, 1, 7, 11, 43, 59, 61, use ['-69', '-13', '1', '7', '11', '43', '59', '61'] instead\n"
        "## 2. Convert all numbers in the square brackets as strings. For example, ['-69', '-13', '1', '7']"
        for _ in range(number)
    ]


@pytest.mark.parametrize("verifiable", [True, False])
def test_prompts_of_one_template_with_other_numbers_all_survive(con, verifiable):
    rows = [row({"id": f"{n:03d}", "text": text}) for n, text in enumerate(sorting_prompts(150))]
    for number, one in enumerate(rows):
        one["reference"] = str(number) if verifiable else None
    result, kept, dropped = run(con, rows)
    assert (len(kept), dropped) == (150, {})
    assert result.guarded["near"]["numbers"] > 0
    assert result.guarded["semantic"]["numbers"] > 100


def test_null_blocks_switch_off_kinds_of_likeness(con):
    texts = ["Tea or coffee, which is better before an exam?", "Which is better before an exam, coffee or some tea?"]
    texts += ["The cat sleeps in the old red house near the sea", "The cat sleeps in an old red house near the sea"]
    rows = [row({"id": name, "text": text}) for name, text in zip("abcd", texts, strict=True)]
    assert kept_ids(con, rows) == ["a", "c"]
    assert kept_ids(con, rows, replace(PARAMS, semantic=None)) == ["a", "b", "c"]
    assert kept_ids(con, rows, replace(PARAMS, near=None)) == ["a", "c"]
    assert kept_ids(con, [*rows, row({"id": "e", "text": texts[0]})], Deduplicate(None, None)) == ["a", "b", "c", "d"]


def test_what_the_guard_kept_apart_is_counted_by_cause(con):
    text = "A bakery fills {} trays with fresh white rolls and {} sells all of them by noon every single day."
    filled = [text.format(*words) for words in ((7, "Ann"), (8, "Ann"), (7, "Bob"))]
    rows = [row({"id": str(n), "text": one}) for n, one in enumerate(filled)]
    rows.append({**row({"id": "3", "text": filled[0].replace("fresh", "new")}), "reference": "5"})
    rows[0]["reference"] = "4"
    guarded = run(con, rows)[0].guarded
    assert set(guarded["near"]) == {"numbers", "wording", "reference"}
    assert guarded["near"]["reference"] == 1


WORDING = "The {} keeps a garden by the sea and sells {} carrots to all of the people there{}"
TEXTS = [
    WORDING.format(*parts)
    for parts in (
        ("farmer", "7", "."),
        ("FARMER", "7", ""),
        ("farmer", "8", "."),
        ("gardener", "7", "."),
        ("gardener", "7", " and then goes home."),
        ("gardener", "7", " and then goes home with a cat."),
        ("farmer", "7", " twice."),
    )
] + ["Tea or coffee?", "Coffee or tea?", "?", ""]
ROW = st.fixed_dictionaries(
    {
        "text": st.sampled_from(TEXTS),
        "priority": st.integers(1, 2),
        "reference": st.sampled_from([None, None, "4", "5"]),
        "tests": st.sampled_from([None, None, None, "t"]),
    }
)
SETTINGS = st.sampled_from(
    [PARAMS, replace(PARAMS, near=None), replace(PARAMS, semantic=None), Deduplicate(None, None)]
)


@settings(max_examples=40, deadline=None)
@given(given_rows=st.lists(ROW, max_size=14), params=SETTINGS, draw=st.randoms())
def test_nothing_is_lost_once_is_enough_and_order_does_not_matter(given_rows, params, draw):
    con = tables.connect(memory_gb=1, processes=1)
    rows = [row({"id": f"{n:02d}", **given}) for n, given in enumerate(given_rows)]
    _, kept, dropped = run(con, rows, params)
    names = {one["record_id"] for one in kept}
    assert names | set(dropped) == {one["record_id"] for one in rows}
    assert len(kept) + len(dropped) == len(rows)
    assert len({one["prompt_id"] for one in kept}) == len(kept)
    assert {drop["evidence_id"] for drop in dropped.values()} <= names
    assert run(con, kept, params)[1:] == (kept, {})
    draw.shuffle(rows)
    _, again, drops = run(con, rows, params)
    assert ({one["record_id"] for one in again}, drops) == (names, dropped)


def test_a_winner_ranks_before_what_it_wins_over(con):
    draw = random.Random(3)
    given = [{"id": f"{n:02d}", "text": draw.choice(TEXTS), "priority": draw.randint(1, 3)} for n in range(40)]
    rows = [{**row(one), "reference": draw.choice([None, "4"])} for one in given]
    _, _, dropped = run(con, rows)
    ranks = {one["record_id"]: (one["reference"] is None, one["priority"], one["record_id"]) for one in rows}
    assert len(dropped) > 20
    assert all(ranks[drop["evidence_id"]] < ranks[name] for name, drop in dropped.items())


def test_the_planted_prompts_meet_their_fates_with_the_real_model(tmp_path, monkeypatch, con):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CURATE_HOME", str(tmp_path / "home"))
    for name in ("sources", "benchmarks"):
        shutil.copytree(ROOT / "data" / name, Path("data") / name)
    values = yaml.safe_load((ROOT / "profiles/embedded.yaml").read_text())
    values["ingest"]["sources"] = [one for one in values["ingest"]["sources"] if one["kind"] == "file"]
    Path("params.yaml").write_text(yaml.safe_dump(values))
    assert [stage.main([]) for stage in (ingest, clean, deduplicate, decontaminate)] == [0, 0, 0, 0]
    records = tables.read(con, Path("data/ingest/prompts"), PROMPTS)
    planted = records.filter("source = 'planted'").project("source_row, record_id").fetchall()
    reasons = {}
    for stage in ("clean", "deduplicate", "decontaminate"):
        drops = tables.read(con, Path("data") / stage / "drops", DROPS).project("record_id, reason").fetchall()
        reasons |= {name: "contaminated" if stage == "decontaminate" else reason for name, reason in drops}
    fates = {name: reasons.get(record, "kept") for name, record in planted}
    assert fates == json.loads((ROOT / "tests/fixtures/planted.json").read_text())
    others = {name for name, reason in reasons.items() if "duplicate" in reason} - {record for _, record in planted}
    assert others == set(), "nothing else was dropped as a duplicate"

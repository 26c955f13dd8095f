"""The selections of R3 and R5 by example: outcomes reckoned by hand from the reports' rules.

A line of tests/fixtures/recipes/*.jsonl is a candidate: a response with its score, or a prompt with its scores by
teacher; what becomes of it (kept, its levels, or a reason), the figure beside that, what it lost to, and why. `draw`
gives draws of ids, int(md5(seed/id)[:13], 16) / 2**52, for the seed below.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from curation import params as params_module
from curation import tables
from curation.candidates import Curated
from curation.grade import grade
from curation.params import Dataset
from curation.select import create_draw, select
from schemas.annotations import ANNOTATIONS
from schemas.prompts import PROMPTS
from schemas.reference_checks import REFERENCE_CHECKS
from schemas.responses import RESPONSES
from schemas.scores import SCORES
from schemas.verdicts import VERDICTS

FIXTURES = Path(__file__).parents[1] / "fixtures/recipes"
SEED = 17
ROLES = {"small": ["r1-1.5b"], "medium": ["r1-7b"], "large": ["r1-32b"], "strongest": ["r1"]}
# R5 6.5
THRESHOLDS = {"math": 0.99, "code": 0.99, "instruction": 0.99, "science": 4.99, "multi_turn": 0.7, "chat": 0.7}
# R5 6.8, with the 0.05 of its first two versions; its "other" is our chat.
STAGE1 = {
    "roles": ["strongest"],
    "thresholds": THRESHOLDS,
    "cv": "population",
    "cv_min": dict.fromkeys(THRESHOLDS, 0.05),
    "keep_easy": 0.5,
    "keep_easy_of": ["chat", "multi_turn"],
}
# R5 6.9 prints 0.99 for all categories.
STAGE2 = {
    "roles": ["strongest"],
    "thresholds": dict.fromkeys(THRESHOLDS, 0.99),
    "cv": "population",
    "cv_min": dict.fromkeys(THRESHOLDS, 0.05),
    "prompts_max": {"math": 2, "chat": 1},
}
# R3 4.2
LEVELS = {
    "roles": ["small", "medium", "large", "strongest"],
    "ceiling": "strongest",
    "keep_solved": {"math": 0.5, "code": 0.1},
}
EXAMPLES = [
    ("am_40m_stage1", "am_40m_stage1", STAGE1),
    ("am_40m_stage1_sample_cv", "am_40m_stage1", STAGE1 | {"cv": "sample"}),
    ("am_40m_stage1_thresholds", "am_40m_stage1", STAGE1),
    ("am_40m_stage2", "am_40m_stage2", STAGE2),
    ("am_difficulty_rl", "am_difficulty_rl", LEVELS),
]


def lines_of(name):
    return [json.loads(line) for line in (FIXTURES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def samples_of(line):
    """The responses of a line: its own, or those of a prompt with scores by teacher."""
    if "sample" in line:
        yield line
    for teacher, scores in line.get("scores", {}).items():
        for index, score in enumerate(scores):
            yield line | {"sample": f"{line['prompt']}-{teacher}-{index}", "teacher": teacher, "score": score}


def curated(samples, con):
    """Tables of the stages before select, empty where these recipes read nothing."""
    ids = [{"sample_id": one["sample"], "prompt_id": one["prompt"], "teacher": one["teacher"]} for one in samples]
    judged = [{"category": one["category"], "score": one["score"]} for one in samples]
    prompts = [{"prompt_id": prompt, "group_id": prompt} for prompt in sorted({one["prompt"] for one in samples})]
    verdicts = tables.from_rows(con, [one | found for one, found in zip(ids, judged, strict=True)], VERDICTS)
    return Curated(
        prompts=tables.from_rows(con, [], PROMPTS),
        annotations=tables.from_rows(con, prompts, ANNOTATIONS),
        responses=tables.from_rows(con, ids, RESPONSES),
        verdicts=verdicts,
        scores=tables.from_rows(con, ids, SCORES),
        grades=grade(verdicts, THRESHOLDS, con=con),
        reference_checks=tables.from_rows(con, [], REFERENCE_CHECKS),
    )


def selected(samples, recipe, values, con):
    """Result of select on the samples under the values."""
    layout = "am_difficulty_rl" if recipe == "am_difficulty_rl" else "am_40m"
    block = Dataset(recipe=recipe, values=values, ask=None, layout=layout, splits={"train": 1.0}, split_by="prompt")
    graded = params_module.Grade(thresholds=THRESHOLDS, reference_repair=None)
    params = replace(params_module.load(), seed=SEED, roles=ROLES, grade=graded, datasets={"mine": block})
    return select(curated(samples, con), params, dataset="mine", con=con)


def fates(result, samples):
    """By candidate: outcome and evidence; and by the candidates of a row, which may be several of a prompt, its figure."""
    outcomes, figures = {}, {}
    for row in result.kept.order("config").to_arrow_table().to_pylist():
        name, config = row["sample_id"] or row["prompt_id"], row["config"].replace("default", "kept")
        outcomes[name] = (f"{outcomes[name][0]}, {config}" if name in outcomes else config, None)
        figures[name,] = row["figure"]
    by_prompt = "scores" in samples[0]
    for row in sorted(result.dropped.to_arrow_table().to_pylist(), key=lambda row: row["sample_id"] is None):
        names = (row["prompt_id"] if by_prompt else row["sample_id"],)
        if names == (None,):
            of_prompt = [s for s in samples if s["prompt"] == row["prompt_id"] and s["teacher"] in ROLES["strongest"]]
            names = tuple(s["sample"] for s in of_prompt if s["sample"] not in outcomes)
            assert len(names) == row["num_units"] > 1
        assert outcomes.keys().isdisjoint(names)
        outcomes |= dict.fromkeys(names, (row["reason"], row["evidence_id"]))
        figures[names] = row["figure"]
    return outcomes, figures


@pytest.mark.parametrize(("name", "recipe", "values"), EXAMPLES, ids=[name for name, *_ in EXAMPLES])
def test_a_recipe_gives_what_was_reckoned_by_hand(con, name, recipe, values):
    lines = lines_of(name)
    samples = [sample for line in lines for sample in samples_of(line)]
    outcomes, figures = fates(selected(samples, recipe, values, con), samples)
    wanted = {line.get("sample", line["prompt"]): line for line in lines if line["outcome"] != "out_of_scope"}
    assert outcomes == {one: (line["outcome"], line.get("evidence")) for one, line in wanted.items()}
    most = {names: max((wanted[one]["figure"] for one in names), key=lambda f: (f is not None, f)) for names in figures}
    assert figures == pytest.approx(most, abs=1e-9)


def test_the_draws_are_those_reckoned_by_hand(con):
    create_draw(con, SEED)
    lines = [line for name, *_ in EXAMPLES for line in lines_of(name)]
    draws = {drawn: wanted for line in lines for drawn, wanted in line.get("draw", {}).items()}
    found = {drawn: con.execute("SELECT draw(?)", [drawn]).fetchall()[0][0] for drawn in draws}
    assert found == pytest.approx(draws, abs=1e-12)

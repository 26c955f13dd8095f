"""Selections: both recipes against plain Python on random tables, splits, what a wrong recipe is told, what is written."""

import csv
import hashlib
import json
from dataclasses import dataclass, field, replace

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import params as params_module
from curation import tables
from curation.candidates import Curated, sample_candidates
from curation.errors import DataError, ParamsError
from curation.grade import create_passed, grade
from curation.params import Ask, Dataset, Params
from curation.select import main, select
from schemas.annotations import ANNOTATIONS
from schemas.prompts import PROMPTS
from schemas.reference_checks import REFERENCE_CHECKS
from schemas.responses import RESPONSES
from schemas.scores import SCORES
from schemas.selections import SELECTIONS
from schemas.verdicts import VERDICTS

THRESHOLDS = {"math": 0.99, "science": 4.99, "chat": 0.7}
ROLES = {"small": ["tiny"], "large": ["big", "tag"], "spare": ["tiny"]}
PREFERENCE = {"big": 0, "tag": 0, "tiny": 1}
DIFFICULTIES = ["very easy", "easy", "medium", "hard"]
VALUES = {"roles": ["large", "small"], "keep_unverified": True, "keep_easy": 0.5, "keep_medium": 0.7}
SPLITS = {"train": 0.5, "validation": 0.25, "test": 0.25}
ASK = Ask(roles=["small"], samples=1, keep_existing=False)


def dataset(recipe="am_1_4m", **changes) -> Dataset:
    values = VALUES if recipe == "am_1_4m" else {"roles": ["large", "small"]}
    block = Dataset(
        recipe=recipe, values=values, ask=ASK, layout="am_40m", splits=SPLITS, split_by="prompt", allow_empty=True
    )
    return replace(block, **changes)


@pytest.fixture
def params() -> Params:
    """The default params with roles and thresholds of the tests."""
    return replace(
        params_module.load(),
        seed=3,
        roles=ROLES,
        grade=params_module.Grade(thresholds=THRESHOLDS, reference_repair=None),
        datasets={"mine": dataset()},
    )


@dataclass(frozen=True)
class Sample:
    """All that recipes know of one response."""

    index: int
    prompt: int
    teacher: str
    score: float | None
    reason: str | None
    difficulty: str = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "difficulty", DIFFICULTIES[self.prompt % 4])

    @property
    def id(self):
        return f"s{self.index:02d}"

    @property
    def prompt_id(self):
        return f"p{self.prompt}"


SAMPLES = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(["tiny", "big", "tag", "stranger"]),
        st.sampled_from([None, 0.0, 0.5, 1.0, 1.0]),
        st.sampled_from([None, None, None, "repetition"]),
    ),
    min_size=1,
    max_size=24,
).map(lambda rows: [Sample(index, *row) for index, row in enumerate(rows)])


def curated(samples, con) -> Curated:
    """Tables of the stages before select, as they would be for these samples."""
    prompts = sorted({sample.prompt for sample in samples})
    ids = [{"sample_id": s.id, "prompt_id": s.prompt_id, "teacher": s.teacher} for s in samples]
    responses = [
        {
            **row,
            "record_id": "r" if s.teacher == "tag" else None,
            "sample_index": s.index,
            "answer": "a",
            "well_formed": True,
        }
        for row, s in zip(ids, samples, strict=True)
    ]
    verdicts = [
        {**row, "category": "math", "verifier": "math", "version": "1", "score": s.score}
        | {"status": "unverified" if s.score is None else "verified"}
        for row, s in zip(ids, samples, strict=True)
    ]
    flags = {"well_formed": True, "language_mixed": False, "boxed": False, "repetition": 1, "frequent_ngrams": 0}
    lengths = {"reasoning_tokens": 0, "answer_tokens": 1}
    scores = [
        {**row, **flags, **lengths, "reason": s.reason, "figure": 9.0 if s.reason else None}
        for row, s in zip(ids, samples, strict=True)
    ]
    fixed = {"record_id": "r", "source": "x", "source_row": "1", "category": "math", "language": "en", "licence": "MIT"}
    asked = [{**fixed, "prompt_id": f"p{p}", "messages": [], "priority": 1} for p in prompts]
    labels = {"label": "Math", "annotator": "rules", "num_turns": 1, "length_words": 3, "verifiable": True}
    labelled = [
        {**labels, "prompt_id": f"p{p}", "group_id": f"g{p % 3}", "difficulty": DIFFICULTIES[p % 4]} for p in prompts
    ]
    verdict_rows = tables.from_rows(con, verdicts, VERDICTS)
    return Curated(
        prompts=tables.from_rows(con, asked, PROMPTS),
        annotations=tables.from_rows(con, labelled, ANNOTATIONS),
        responses=tables.from_rows(con, responses, RESPONSES),
        verdicts=verdict_rows,
        scores=tables.from_rows(con, scores, SCORES),
        grades=grade(verdict_rows, THRESHOLDS, con=con),
        reference_checks=tables.from_rows(con, [], REFERENCE_CHECKS),
    )


def selected(samples, params, con, block=None):
    """Kept and dropped as rows by sample_id; a drop without sample stands for the prompt's samples without a row."""
    params = replace(params, datasets={"mine": block or dataset()})
    result = select(curated(samples, con), params, dataset="mine", con=con)
    assert set(result.kept.columns) == set(SELECTIONS.column_names)
    kept, rows = (part.to_arrow_table().to_pylist() for part in (result.kept, result.dropped))
    assert len(kept) + sum(row["num_units"] for row in rows) == result.num_candidates
    dropped = {row["sample_id"]: row for row in rows if row["sample_id"]}
    for row in (row for row in rows if not row["sample_id"]):
        told = dropped.keys() | {one["sample_id"] for one in kept}
        shared = {s.id for s in samples if s.prompt_id == row["prompt_id"] and s.teacher in PREFERENCE} - told
        assert len(shared) == row["num_units"] > 1
        dropped |= dict.fromkeys(shared, row)
    return [{row["sample_id"]: row for row in kept}, dropped]


def draw(text, seed=3):
    """What the macro `draw` gives."""
    return int(hashlib.md5(f"{seed}/{text}".encode()).hexdigest()[:13], 16) / 2**52


def naive_am_1_4m(samples):
    """R1's recipe in plain Python: sample_id -> (reason, evidence)."""
    reasons = {}
    by_prompt = {}
    for sample in (sample for sample in samples if sample.teacher in PREFERENCE):
        own_draw = draw(sample.prompt_id)
        share = {"very easy": 0.5, "easy": 0.5, "medium": 0.7, "hard": 1.0}[sample.difficulty]
        if sample.reason is not None:
            reasons[sample.id] = (sample.reason, None)
        elif sample.score is not None and not sample.score > 0.99:
            reasons[sample.id] = ("failed_verification", None)
        elif own_draw >= share:
            reasons[sample.id] = ("downsampled", None)
        else:
            by_prompt.setdefault(sample.prompt, []).append(sample)
    for group in by_prompt.values():
        group.sort(key=lambda s: (s.score is None, s.teacher != "tag", PREFERENCE[s.teacher], -(s.score or 0), s.id))
        reasons.update({sample.id: ("not_chosen", group[0].id) for sample in group})
        reasons[group[0].id] = (None, None)
    return reasons


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=SAMPLES, data=st.data())
def test_am_1_4m_equals_plain_python_in_any_order(con, params, samples, data):
    kept, dropped = selected(data.draw(st.permutations(samples)), params, con)
    found = {name: (row["reason"], row["evidence_id"]) for name, row in dropped.items()}
    assert found | dict.fromkeys(kept, (None, None)) == naive_am_1_4m(samples)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=SAMPLES)
def test_am_40m_keeps_all_but_what_a_quality_rule_dropped(con, params, samples):
    kept, dropped = selected(samples, params, con, dataset("am_40m"))
    in_scope = [sample for sample in samples if sample.teacher in PREFERENCE]
    assert {name: row["figure"] for name, row in kept.items()} == {s.id: s.score for s in in_scope if not s.reason}
    assert {name: row["reason"] for name, row in dropped.items()} == {s.id: s.reason for s in in_scope if s.reason}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=SAMPLES, extra=SAMPLES)
def test_a_prompt_has_one_split_and_keeps_it_when_rows_are_added(con, params, samples, extra):
    more = [*samples, *(replace(sample, index=sample.index + 50) for sample in extra)]
    few = selected(samples, params, con, dataset("am_40m"))[0]
    many = selected(more, params, con, dataset("am_40m"))[0]
    assert {name: many[name]["split"] for name in few} == {name: row["split"] for name, row in few.items()}
    splits = {(row["prompt_id"], row["split"]) for row in many.values()}
    assert len(splits) == len({prompt for prompt, _ in splits})


def test_prompts_of_a_group_share_a_split_where_groups_are_drawn(con, params):
    samples = [Sample(index, index, "big", 1.0, None) for index in range(60)]
    kept, _ = selected(samples, params, con, dataset("am_40m", split_by="group"))
    splits = {(sample.prompt % 3, kept[sample.id]["split"]) for sample in samples}
    assert splits == {(group, split_of(draw(f"split/g{group}"))) for group in range(3)}


def split_of(own_draw):
    return "test" if own_draw < SPLITS["test"] else "validation" if own_draw < 0.5 else "train"


def test_splits_follow_the_shares(con, params):
    samples = [Sample(index, index, "big", 1.0, None) for index in range(400)]
    kept, _ = selected(samples, params, con, dataset("am_40m"))
    splits = [row["split"] for row in kept.values()]
    assert splits.count("train") == pytest.approx(200, abs=40)
    assert splits.count("test") == pytest.approx(100, abs=35)


def test_unverified_responses_stand_only_where_allowed(con, params):
    strict = dataset(values={**VALUES, "keep_unverified": False})
    kept, dropped = selected([Sample(0, 3, "big", None, None)], params, con, strict)
    assert (kept, dropped["s00"]["reason"]) == ({}, "unverified")
    assert selected([Sample(0, 3, "big", None, None)], params, con)[1] == {}


def test_candidates_hold_what_the_recipe_names_and_no_text(con, params, tmp_path):
    own = tmp_path / "own.sql"
    own.write_text(
        """
        -- A comment names no column: perplexity.
        SELECT sample_id, prompt_id, 'default' AS config, 'response' AS role, pass_rate AS figure, NULL AS reason,
            NULL AS evidence_id
        FROM candidates WHERE true OR (roles, preference, brought, passed, cv_sample) IS NULL
        """
    )
    block = dataset(recipe=str(own), values={"roles": ["large", "small"]})
    samples = [Sample(0, 3, "tiny", 1.0, None), Sample(1, 3, "tiny", 0.0, None), Sample(2, 3, "tag", 0.0, None)]
    create_passed(con, params.grade.thresholds)
    params = replace(params, datasets={"mine": block})
    candidates = sample_candidates(curated(samples, con), params, dataset="mine", recipe=own.read_text(), con=con).rows
    rows = candidates.order("sample_id").project("roles, preference, brought, passed, pass_rate, cv_sample").fetchall()
    assert rows[0] == (["small", "spare"], 1, False, True, 0.5, pytest.approx(2**0.5))
    assert rows[2] == (["large"], 0, True, False, 0.0, None)
    named = {"roles", "preference", "brought", "passed", "pass_rate", "cv_sample"}
    assert set(candidates.columns) == {"sample_id", "prompt_id", *named}


# Each: changes of the dataset, the recipe's SQL (null: the packaged one), the error, what its sentence says.
WRONG = [
    ({"values": {"roles": ["large"], "keep_unverified": True, "keep_medium": 1}}, None, ParamsError, r"reads \$keep_easy, .* lacks; nearest: "),
    ({"values": {**VALUES, "keep_esay": 1}}, None, ParamsError, "does not read datasets.mine.values.keep_esay; nearest: keep_easy"),
    ({"values": {"roles": ["lage"]}}, None, ParamsError, "names 'lage'; nearest: large"),
    ({"values": {}}, None, ParamsError, "lacks roles"),
    ({"recipe": "am_40n"}, None, ParamsError, "nearest: am_40m"),
    ({"splits": {"train": 0.5}}, None, ParamsError, "add up to 0.5"),
    ({"allow_empty": False}, "SELECT {all}, 'bad' AS reason, NULL AS evidence_id FROM candidates", DataError, r"keeps no candidate \(bad 1\)"),
    ({}, "SELECT {all}, NULL AS reason, NULL AS evidence_id FROM candidate", ParamsError, "candidate"),
    ({}, "SELECT {all}, NULL AS raison, NULL AS evidence_id FROM candidates", ParamsError, "no column 'reason'"),
    ({}, "SELECT {all}, NULL AS reason, NULL AS evidence_id FROM candidates WHERE false", DataError, "no row to the candidate s00"),
    ({}, "SELECT {all}, NULL AS reason, NULL AS evidence_id FROM candidates, range(2)", DataError, "several rows of one config to the candidate s00"),
    ({}, "SELECT {all}, nope AS reason, NULL AS evidence_id FROM candidates", ParamsError, "nope"),
    ({}, "SELECT 1; SELECT 2", ParamsError, "one SELECT"),
    ({}, "DROP TABLE candidates", ParamsError, "one SELECT"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sql", "error", "sentence"), WRONG)
def test_a_wrong_recipe_is_told_what_is_wrong(con, params, tmp_path, changes, sql, error, sentence):
    block = dataset(**changes)
    if sql is not None:
        own = tmp_path / "own.sql"
        own.write_text(sql.format(all="sample_id, prompt_id, 'default' AS config, 'response' AS role, 1 AS figure"))
        block = replace(block, recipe=str(own), values={"roles": ["large"]})
    with pytest.raises(error, match=sentence):
        selected([Sample(0, 3, "big", 1.0, None)], params, con, block)


def test_tables_of_samples_in_different_orders_stop_the_stage(con, params):
    given = curated([Sample(0, 3, "big", 1.0, None), Sample(1, 3, "big", 1.0, None)], con)
    turned = replace(given, scores=given.scores.order("sample_id DESC"), verdicts=given.verdicts.order("sample_id"))
    with pytest.raises(DataError, match="different runs"):
        select(turned, params, dataset="mine", con=con)


def test_responses_without_a_verdict_stop_the_stage(con, params):
    given = curated([Sample(0, 3, "big", 1.0, None)], con)
    with pytest.raises(DataError, match="different runs"):
        select(replace(given, verdicts=given.verdicts.filter("false")), params, dataset="mine", con=con)


@pytest.fixture
def own_roles(tiny_project):
    """The tiny project, whose teachers fill the roles; reports asked none of them."""
    path = tiny_project / "params.yaml"
    values = yaml.safe_load(path.read_text())
    values["roles"] |= {"small": ["small"], "large": ["school"]}
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return tiny_project


def test_statistics_are_written_beside_the_selection_and_equal_twice(own_roles):
    def written():
        assert main(["am-40m"]) == 0
        return {path.name: path.read_bytes() for path in (own_roles / "data/select/am-40m").glob("*.*")}

    first = written()
    assert first == written()
    assert json.loads(first["summary.json"]) == {
        "rows": 3,
        "prompts": 2,
        "tokens": 27,
        "tokens_mean": 9.0,
        "pass_rate": 0.333333,
    }
    rows = list(csv.DictReader(first["categories.csv"].decode().splitlines()))
    assert [(row["dataset"], row["category"], row["rows"]) for row in rows] == [
        *[("am-40m", "code", "2"), ("am-40m", "math", "1")]
    ]


def test_an_empty_dataset_has_statistics_that_dvc_can_draw(tiny_project):
    assert main(["am-multi-teacher"]) == 0
    folder = tiny_project / "data/select/am-multi-teacher"
    assert json.loads((folder / "summary.json").read_text())["rows"] == 0
    assert len((folder / "pass_rates.csv").read_text().splitlines()) == 2

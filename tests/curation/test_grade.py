"""Grades against the worked examples of R5 6.5 and 6.7 and against plain Python."""

import json
import math
import statistics
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import tables
from curation.errors import DataError, ParamsError
from curation.grade import create_passed, grade, main, pass_rates
from schemas.grades import GRADES
from schemas.reference_checks import REFERENCE_CHECKS
from schemas.verdicts import VERDICTS

THRESHOLDS = {"math": 0.99, "code": 0.99, "science": 4.99, "instruction": 0.99, "multi_turn": 0.7, "chat": 0.7}
CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "fixtures/grade/grades.jsonl").read_text(encoding="utf-8").splitlines()
]
SCORES = st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.7, 0.99, 1.0, 1 / 3]))


def verdict(index, score, *, category="math", prompt="p", teacher="t"):
    status = "unverified" if score is None else "verified"
    ids = {"sample_id": f"s{index:03d}", "prompt_id": prompt, "teacher": teacher, "category": category}
    return {**ids, "verifier": "math", "version": "1", "status": status, "score": score}


def grades_of(verdicts, con):
    """Grades as rows by prompt and teacher."""
    graded = grade(tables.from_rows(con, verdicts, VERDICTS), THRESHOLDS, con=con)
    assert set(graded.columns) == set(GRADES.column_names)
    return {(row["prompt_id"], row["teacher"]): row for row in graded.to_arrow_table().to_pylist()}


@pytest.mark.parametrize("case", CASES, ids=[case["title"] for case in CASES])
def test_golden_cases(case, con):
    verdicts = [verdict(index, score, category=case["category"]) for index, score in enumerate(case["scores"])]
    row = grades_of(verdicts, con)["p", "t"]
    for name, wanted in case["grade"].items():
        if name in ("best", "worst"):
            assert row[f"{name}_sample_id"] == (None if wanted is None else f"s{wanted:03d}")
        else:
            assert row[name] == (None if wanted is None else pytest.approx(wanted, abs=1e-8)), name


def naive(scores, threshold):
    """Figures of one prompt and teacher by the standard library."""
    found = [score for score in scores if score is not None]
    mean = statistics.fmean(found) if found else None
    passed = sum(score > threshold for score in found)
    return {
        "num_samples": len(scores),
        "num_verified": len(found),
        "num_passed": passed,
        "pass_rate": passed / len(found) if found else None,
        "mean_score": mean,
        "cv_population": statistics.pstdev(found) / mean if mean else None,
        "cv_sample": statistics.stdev(found) / mean if mean and len(found) > 1 else None,
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.sampled_from("pqr"), st.sampled_from("tu"), SCORES), min_size=1, max_size=24),
    data=st.data(),
)
def test_grades_equal_plain_python_in_any_order(con, rows, data):
    verdicts = [verdict(index, score, prompt=p, teacher=t) for index, (p, t, score) in enumerate(rows)]
    graded = grades_of(verdicts, con)
    assert grades_of(data.draw(st.permutations(verdicts)), con) == graded
    assert sum(row["num_samples"] for row in graded.values()) == len(rows)
    for (prompt, teacher), row in graded.items():
        scores = [score for p, t, score in rows if (p, t) == (prompt, teacher)]
        wanted = naive(scores, THRESHOLDS["math"])
        assert {name: row[name] for name in wanted} == pytest.approx(wanted, abs=1e-9)


def test_a_category_without_a_threshold_is_an_error(con):
    verdicts = tables.from_rows(con, [verdict(0, 1.0, category="chat")], VERDICTS)
    with pytest.raises(ParamsError, match=r"category 'chat', grade\.thresholds only math"):
        grade(verdicts, {"math": 0.99}, con=con)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_finite_number_is_an_error_that_names_the_sample(score, con):
    verdicts = tables.from_rows(con, [verdict(0, 1.0), verdict(1, None), verdict(2, score)], VERDICTS)
    with pytest.raises(DataError, match=rf"the score {score} for the sample s002 \(math, by t\)"):
        grade(verdicts, THRESHOLDS, con=con)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (lambda shard: shard.drop_columns(["why"]), "has no column 'why'"),
        (lambda shard: shard.set_column(7, "score", shard["score"].cast(pa.float32())), "has 'score' as float, wanted double"),
    ],
)  # fmt: skip
def test_verdicts_of_another_version_of_the_schema_are_an_error(tiny_project, changed, sentence, capsys):
    path = Path("data/verify/verdicts/00000.parquet")
    pq.write_table(changed(pq.read_table(path)), path)
    assert main([]) == 1
    assert sentence in capsys.readouterr().err


def test_the_stage_writes_the_same_bytes_each_time(tiny_project, con):
    values = yaml.safe_load(Path("params.yaml").read_text())
    values["roles"]["large"] = ["small"]
    Path("params.yaml").write_text(yaml.safe_dump(values))
    path = Path("data/verify/verdicts/00000.parquet")
    shard = pq.read_table(path)
    detail = pa.array([json.dumps({"answer": "7" if score == 1 else "8"}) for score in shard["score"].to_pylist()])
    pq.write_table(shard.set_column(9, "detail", detail), path)

    written = []
    for _ in range(2):
        assert main([]) == 0
        written.append({file: file.read_bytes() for file in Path("data/grade").rglob("*") if file.is_file()})
    assert written[0] == written[1]
    rows = [tables.read(con, Path("data/grade") / one.name, one).fetchall() for one in (GRADES, REFERENCE_CHECKS)]
    assert (len(rows[0]), [row[1:] for row in rows[1]]) == (3, [("7", None, 1, 2, None, None, "no_majority")])


def test_passed_knows_true_false_and_null(con):
    create_passed(con, THRESHOLDS)
    rows = con.sql("SELECT passed('science', 5), passed('science', 4.99), passed('math', NULL)").fetchall()
    assert rows == [(True, False, None)]


def test_pass_rates_are_told_by_category_and_teacher(con):
    verdicts = [verdict(0, 1.0), verdict(1, 0.0), verdict(2, None), verdict(3, None, category="chat", prompt="q")]
    graded = grade(tables.from_rows(con, verdicts, VERDICTS), THRESHOLDS, con=con)
    assert pass_rates(graded) == {
        "chat": {"t": {"samples": 1, "verified": 0, "passed": 0, "pass_rate": None}},
        "math": {"t": {"samples": 3, "verified": 2, "passed": 1, "pass_rate": 0.5}},
    }


def test_no_verdicts_give_no_grades(con):
    empty = con.from_arrow(pa.Table.from_pylist([], schema=VERDICTS.arrow_schema))
    assert grade(empty, THRESHOLDS, con=con).fetchall() == []

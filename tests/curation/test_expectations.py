"""The suites are Great Expectations' own, and the judge says which rows break them."""

import json
import uuid

import pyarrow as pa
import pytest

from curation.errors import DataError
from curation.expectations import EXAMPLES, SUITES, Judge
from curation.params import CATEGORIES

FILES = sorted(SUITES.glob("*.json"))


@pytest.fixture(scope="module")
def judge():
    """Importing the library takes seconds."""
    return Judge()


def suite(folder, *expectations):
    """A suite file of the given types and kwargs."""
    written = [
        {
            "id": f"00000000-0000-4000-8000-{number:012d}",
            "type": kind,
            "kwargs": kwargs,
            "description": f"Rule {number}.",
        }
        for number, (kind, kwargs) in enumerate(expectations)
    ]
    path = folder / "mine.json"
    path.write_text(json.dumps({"name": "mine", "expectations": written}))
    return path


def judged(judge, frame, path, **parameters):
    return judge.judge(pa.table(frame), path, dataset="demo", id_column="id", parameters=parameters)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_suite_is_what_the_library_loads_and_writes(judge, path):
    import great_expectations as gx

    written = json.loads(path.read_text(encoding="utf-8"))
    loaded = gx.ExpectationSuite(**written).to_json_dict()
    assert (loaded["name"], loaded["id"], loaded["meta"]["notes"]) == (
        path.stem,
        written["id"],
        written["meta"]["notes"],
    )
    for expectation, known in zip(written["expectations"], loaded["expectations"], strict=True):
        assert expectation.items() <= known.items()


def test_ids_differ_over_all_suites_and_are_written_out():
    suites = [json.loads(path.read_text(encoding="utf-8")) for path in FILES]
    ids = [one["id"] for written in suites for one in (written, *written["expectations"])]
    assert len(set(ids)) == len(ids)
    assert [str(uuid.UUID(one)) for one in ids] == ids


def test_every_expectation_says_what_it_wants_and_the_categories_are_those_of_params():
    expectations = [one for path in FILES for one in json.loads(path.read_text(encoding="utf-8"))["expectations"]]
    assert all(one["description"].endswith(".") for one in expectations)
    (categories,) = (one["kwargs"]["value_set"] for one in expectations if "math" in one["kwargs"].get("value_set", []))
    assert sorted(categories) == sorted(CATEGORIES)


def test_a_finding_names_the_rows_that_break_a_rule(judge, tmp_path):
    path = suite(
        tmp_path, ("expect_column_values_to_be_between", {"column": "score", "max_value": {"$PARAMETER": "most"}})
    )
    (found,) = judged(judge, {"id": ["a", "b", "c"], "score": [1, 7, 2]}, path, most=5)
    assert (found.success, found.rows, found.failed_rows, found.examples) == (False, 3, 1, ("b (7)",))
    assert found.sentence == (
        "demo: Rule 0. 1 of 3 rows do not (expect_column_values_to_be_between on score, wanted {'max_value': 5.0}); first: b (7)"
    )


def test_the_first_failing_rows_are_named_and_all_are_counted(judge, tmp_path):
    path = suite(tmp_path, ("expect_column_values_to_be_in_set", {"column": "passed", "value_set": [True]}))
    (found,) = judged(judge, {"id": [f"r{n}" for n in range(9)], "passed": [False] * 8 + [None]}, path)
    assert (found.failed_rows, found.examples) == (8, tuple(f"r{n} (False)" for n in range(EXAMPLES)))


def test_findings_keep_the_order_and_ids_of_the_suite(judge, tmp_path):
    kinds = ["expect_column_values_to_not_be_null", "expect_column_values_to_match_regex"]
    path = suite(tmp_path, (kinds[1], {"column": "id", "regex": "^[a-z]$"}), (kinds[0], {"column": "score"}))
    found = judged(judge, {"id": ["a", "B"], "score": pa.array([None, 1], pa.int32())}, path)
    assert [(one.type, one.success) for one in found] == [(kinds[1], False), (kinds[0], False)]
    assert [one.id for one in found] == [one["id"] for one in json.loads(path.read_text())["expectations"]]


def test_a_frame_without_rows_breaks_nothing(judge, tmp_path):
    path = suite(tmp_path, ("expect_column_values_to_not_be_null", {"column": "score"}))
    (found,) = judged(judge, {"id": pa.array([], pa.string()), "score": pa.array([], pa.float64())}, path)
    assert (found.success, found.rows, found.failed_rows) == (True, 0, 0)


def test_an_expectation_that_cannot_be_judged_is_told_with_suite_and_column(judge, tmp_path):
    path = suite(tmp_path, ("expect_column_values_to_not_be_null", {"column": "scroe"}))
    with pytest.raises(
        DataError, match=r"mine\.json: expect_column_values_to_not_be_null on scroe cannot be judged for demo"
    ):
        judged(judge, {"id": ["a"], "score": [1.0]}, path)


def test_judging_writes_nothing(judge, tmp_path, monkeypatch):
    path = suite(tmp_path, ("expect_column_values_to_not_be_null", {"column": "score"}))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    judged(judge, {"id": ["a"], "score": [1.0]}, path)
    assert list((tmp_path / "here").iterdir()) == []

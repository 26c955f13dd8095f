"""The funnel tells every stage's account in the pipeline's order."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from curation.errors import DataError
from curation.funnel import funnel, releases, report

GOLDEN = Path(__file__).parents[1] / "fixtures" / "funnel" / "tiny_project.txt"


def test_the_table_is_as_it_was_agreed(tiny_project):
    assert report(funnel(), [], "table") == GOLDEN.read_text().rstrip("\n")


def test_releases_stand_below_with_rows_size_and_place(tiny_project):
    *_, header, _, line = report(funnel(), releases(), "table").splitlines()
    assert header.split() == ["release", "rows", "MB", "path"]
    assert line.split() == ["am-1-4m", "1", "0.01", f"{tiny_project}/data/release/am-1-4m"]


def test_stages_stand_in_the_pipelines_order_and_nothing_is_lost(tiny_project):
    counts = funnel()
    stages = ["ingest", "clean", "deduplicate", "decontaminate", "annotate", "distill", "verify", "score", "select"]
    assert [one.stage for one in counts] == stages
    assert all(one.rows_in == one.rows_kept + sum(one.dropped.values()) for one in counts)


def test_csv_has_a_row_per_reason_and_one_where_nothing_was_dropped(tiny_project):
    rows = list(csv.DictReader(io.StringIO(report(funnel(), [], "csv"))))
    assert [row["reason"] for row in rows if row["dataset"] == "am-1-4m"] == ["failed", "unverified"]
    assert [row["rows_dropped"] for row in rows if row["stage"] == "verify"] == ["0"]


def test_json_holds_the_releases_too(tiny_project):
    told = json.loads(report(funnel(), releases(), "json"))
    assert told["stages"][0]["dropped"] == {"unreadable": 1}
    assert told["releases"][0]["rows"] == 1


def test_markdown_has_a_line_per_reason(tiny_project):
    assert "| select | am-1-4m | candidate | 3 | 1 | failed | 1 | 33.3 % |" in report(funnel(), [], "markdown")


def test_a_stage_that_has_not_run_is_left_out(tiny_project):
    shutil.rmtree("data/score")
    assert "score" not in [one.stage for one in funnel()]


def test_outside_a_project_or_before_a_run_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="Run from the project's root, or make one: curate init DIR"):
        funnel()
    Path("dvc.yaml").write_text("stages: {ingest: {cmd: x}}")
    with pytest.raises(DataError, match=r"no stage has run in .* yet\. Run: dvc repro"):
        funnel()


def test_a_broken_account_is_named(tiny_project):
    Path("data/clean/counts.json").write_text("{")
    with pytest.raises(DataError, match=r"data/clean/counts\.json is not a stage's account .* dvc repro -f clean"):
        funnel()

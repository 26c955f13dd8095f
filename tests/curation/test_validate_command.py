"""`curate validate` as a person runs it: what it shows, its exit codes, the Data Docs, and the version it compares with."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from curation.cli import main

DATASET = "am-1-4m"


def told(capsys, *arguments):
    """Exit code and findings of a run."""
    code = main(["validate", *arguments, "--format", "json"])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def freeze(version):
    """Give the release that is there a version."""
    target = Path("data/releases", DATASET, version)
    shutil.copytree(Path("data/release", DATASET), target)


def set_params(change):
    values = yaml.safe_load(Path("params.yaml").read_text())
    change(values)
    Path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


@pytest.fixture(autouse=True)
def project(tiny_project):
    """The tiny project, of whose single row a thousand are not expected."""
    set_params(lambda values: values["validate"]["rows_min"].update({DATASET: 1}))


def test_without_a_version_before_the_suite_of_changes_does_not_apply(capsys):
    code, findings = told(capsys, DATASET)
    assert code == 0
    assert {one["outcome"] for one in findings if one["suite"] == "changes"} == {"not applicable"}
    assert {one["outcome"] for one in findings if one["suite"] == "figures"} >= {"holds"}


def test_the_release_is_compared_with_the_version_below_its_own(capsys):
    freeze("1.0.0")
    set_params(lambda values: values["publish"].update(datasets={DATASET: "1.0.0"}))
    assert {one["outcome"] for one in told(capsys, DATASET)[1] if one["suite"] == "changes"} == {"not applicable"}
    set_params(lambda values: values["publish"].update(datasets={DATASET: "1.1.0"}))
    outcomes = {one["outcome"] for one in told(capsys, DATASET)[1] if one["suite"] == "changes"}
    assert "holds" in outcomes
    assert "failed" not in outcomes


def test_a_bound_that_breaks_exits_with_1_and_stands_in_the_data_docs(capsys):
    set_params(lambda values: values["validate"]["rows_min"].update({DATASET: 12345}))
    assert main(["validate", DATASET, "--docs"]) == 1
    shown = capsys.readouterr().out
    assert "error: validate: am-1-4m: The dataset has at least validate.rows_min rows." in shown
    assert ", 1 failed" in shown
    pages = [path.read_text(encoding="utf-8") for path in Path(".curate/data_docs/validations").rglob("*.html")]
    (failed,) = [page for page in pages if "Sampled Unexpected Values" in page]
    assert "The dataset has at least validate.rows_min rows." in failed
    assert Path(".curate/data_docs/index.html").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["am-1-5m"], "validate: no dataset 'am-1-5m'; nearest: am-1-4m"),
        ([DATASET, "--against", "2.0.0"], "validate: no version '2.0.0' of am-1-4m in data/releases"),
    ],
)
def test_what_is_not_there_is_an_error_and_no_finding(capsys, arguments, sentence):
    assert main(["validate", *arguments]) == 2
    assert sentence in capsys.readouterr().err

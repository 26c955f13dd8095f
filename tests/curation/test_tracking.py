"""A stage reads only local paths that DVC watches."""

import pytest

from curation.errors import DataError
from curation.tracking import check_tracked

PIPELINE = """
stages:
  ingest:
    cmd: python -m curation.ingest
    deps:
      - data/sources
      - ../elsewhere/gsm8k.jsonl
      - data/big.jsonl:
          persist: true
  select:
    foreach: [a]
    do: {cmd: "true", deps: [data/chosen]}
  bare: {cmd: "true"}
"""


@pytest.fixture
def _project(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    (tmp_path / "project/dvc.yaml").write_text(PIPELINE)


@pytest.mark.usefixtures("_project")
def test_a_dep_or_what_lies_under_one_is_tracked(tmp_path):
    check_tracked(["data/sources", "data/sources/a/b.jsonl", "./data/big.jsonl", "../elsewhere/gsm8k.jsonl"], "ingest")
    check_tracked([str(tmp_path / "project/data/sources/a.csv")], "ingest")
    check_tracked(["data/chosen/x.csv"], "select")


@pytest.mark.usefixtures("_project")
@pytest.mark.parametrize(("path", "stage"), [("data/sources2/a", "ingest"), ("data", "ingest"), ("x", "bare")])
def test_another_path_is_refused_with_the_line_to_add(path, stage):
    with pytest.raises(DataError, match=rf"Add the line '- {path}' to stages\.{stage}\.deps in dvc\.yaml"):
        check_tracked([path], stage)


@pytest.mark.usefixtures("_project")
def test_a_stage_that_is_not_in_the_pipeline_reads_what_it_likes():
    check_tracked(["anywhere"], "decontaminate")


def test_without_a_pipeline_nothing_can_be_stale(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_tracked(["anywhere"], "ingest")


def test_a_pipeline_that_is_not_yaml_is_told(tmp_path):
    (tmp_path / "dvc.yaml").write_text("stages: [")
    with pytest.raises(DataError, match=r"ingest: .*dvc\.yaml is not YAML"):
        check_tracked(["x"], "ingest", dvc_file=tmp_path / "dvc.yaml")

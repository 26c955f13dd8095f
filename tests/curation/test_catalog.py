"""The catalog opens anywhere, says what its columns mean and survives odd paths."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from curation import catalog
from curation.errors import DataError

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def test_catalog_has_a_view_per_table_that_was_written(tiny_project):
    con = catalog.connect()
    rows = con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL").fetchall()
    con.close()
    wanted = "am_1_4m annotations drops grades prompts ready_responses records reference_checks responses"
    assert [name for (name,) in rows] == [*wanted.split(), "scores", "selections", "verdicts"]


def test_catalog_opens_from_another_folder(tiny_project, monkeypatch):
    path = catalog.build(catalog.views())
    elsewhere = tiny_project / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with duckdb.connect(str(path), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM drops").fetchall() == [(8,)]


def test_prompts_are_what_the_furthest_stage_kept(tiny_project):
    shutil.rmtree("data/annotate")
    shutil.rmtree("data/decontaminate")
    with catalog.connect() as con:
        assert con.execute("SELECT count(*) FROM prompts").fetchall() == [(3,)]
        assert con.execute("SELECT count(*) FROM records").fetchall() == [(5,)]


def test_views_and_columns_carry_the_contracts_words(tiny_project):
    with catalog.connect() as con:
        (doc,) = con.execute("SELECT comment FROM duckdb_views() WHERE view_name = 'grades'").fetchall()[0]
        columns = con.execute("SELECT comment FROM duckdb_columns() WHERE table_name = 'grades'").fetchall()
    assert doc == "One row per prompt and teacher."
    assert all(comment for (comment,) in columns)


def test_a_stage_at_work_is_not_read(tiny_project):
    shutil.copytree("data/clean", "data/.clean.part")
    with catalog.connect() as con:
        assert con.execute("SELECT count(*) FROM drops WHERE stage = 'clean'").fetchall() == [(1,)]


def test_a_projects_path_may_hold_what_a_pattern_would_read(tiny_project, monkeypatch):
    odd = tiny_project / "it's [old] year=1"
    shutil.copytree("data", odd / "data")
    monkeypatch.chdir(odd)
    with catalog.connect() as con:
        rows = con.sql("SELECT * FROM grades")
        assert "year" not in rows.columns
        assert len(rows.fetchall()) == 3


def test_a_released_dataset_of_any_name_gets_a_view(tiny_project):
    shutil.copytree("data/release/am-1-4m", "data/release/3m-v1.0")
    with catalog.connect() as con:
        assert con.execute('SELECT count(*) FROM "3m_v1_0"').fetchall() == [(1,)]


def test_an_empty_folder_is_told_what_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"no tables in .* yet\. Run from the project's root: dvc repro"):
        catalog.connect()


def test_a_corrupt_shard_is_named_with_its_stage(tiny_project):
    Path("data/grade/grades/00000.parquet").write_bytes(b"not Parquet, not at all")
    with pytest.raises(DataError, match=r"grades: a shard cannot be read: .*00000.parquet.*dvc repro -f grade"):
        catalog.connect()


def test_several_commands_may_build_it_at_once(tiny_project):
    command = [
        sys.executable,
        "-c",
        "from curation.query import query; query('SELECT count(*) AS n FROM records', output_format='json')",
    ]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) for _ in range(3)]
    assert [one.communicate()[0] for one in running] == ['{"n": 5}\n'] * 3
    assert [path.name for path in Path(".curate").iterdir()] == ["catalog.duckdb"]


def test_a_table_that_older_code_wrote_can_still_be_looked_at(tiny_project):
    with duckdb.connect() as con:
        shard = "data/grade/grades/00000.parquet"
        con.execute(f"COPY (SELECT * EXCLUDE (cv_sample) FROM '{shard}') TO '{shard}.new' (FORMAT parquet)")
    Path(f"{shard}.new").rename(shard)
    with catalog.connect() as con:
        assert "cv_sample" not in con.sql("SELECT * FROM grades").columns

"""The catalog opens anywhere, says what its columns mean and survives odd paths."""

import json
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


def frozen(root: Path, version: str = "1.0.0", dataset: str = "am-1-4m") -> Path:
    """A version of the tiny project's release, with the project's drops."""
    folder = root / "data/releases" / dataset / version
    shutil.copytree(root / "data/release/am-1-4m", folder)
    shutil.copytree(root / "data/clean/drops", folder / "drops")
    manifest = json.loads((folder / "manifest.json").read_text())
    drops = [path for path in (folder / "drops").iterdir() if path.suffix == ".parquet"]
    listed = [{"path": f"drops/{path.name}", "config": "drops", "bytes": path.stat().st_size} for path in drops]
    manifest["files"] += listed
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_every_frozen_version_has_a_view_and_one_of_its_drops(tiny_project):
    frozen(tiny_project)
    frozen(tiny_project, "1.1.0")
    with catalog.connect() as con:
        for name in ("am_1_4m", "am_1_4m_v1_0_0", "am_1_4m_v1_1_0"):
            assert con.execute(f"SELECT count(*) FROM {name}").fetchall() == [(1,)]
        assert con.execute("SELECT reason FROM am_1_4m_v1_1_0_drops").fetchall() == [("too_short",)]
        assert con.execute("SELECT count(*) FROM drops").fetchall() == [(8,)]


def test_configs_of_a_version_are_told_by_a_column(tiny_project):
    folder = frozen(tiny_project)
    shutil.copytree(folder / "data", folder / "level_1")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"].append({**manifest["files"][0], "path": "level_1/00000.parquet", "config": "level_1"})
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with catalog.connect() as con:
        rows = con.execute("SELECT config, count(*) FROM am_1_4m_v1_0_0 GROUP BY ALL ORDER BY ALL").fetchall()
    assert rows == [("default", 1), ("level_1", 1)]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda root: (root / "manifest.json").unlink(), "no manifest.json"),
        (lambda root: (root / "manifest.json").write_text("{"), "manifest.json is not that of a release"),
        (lambda root: (root / "data/00000.parquet").unlink(), "00000.parquet is missing"),
        (
            lambda root: (root / "data/00000.parquet").write_bytes(b"half"),
            "00000.parquet has 4 bytes, its manifest says",
        ),
    ],
)
def test_a_version_that_is_not_whole_is_left_out_with_a_warning(tiny_project, capsys, spoil, sentence):
    frozen(tiny_project)
    spoil(frozen(tiny_project, "1.1.0"))
    with catalog.connect() as con:
        names = {name for (name,) in con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()}
    assert {one for one in names if "_v1_" in one} == {"am_1_4m_v1_0_0", "am_1_4m_v1_0_0_drops"}
    told = capsys.readouterr().err
    assert told.startswith(f"warning: data/releases/am-1-4m/1.1.0 is left out: {sentence}")
    assert told.count("\n") == 1


def test_a_version_whose_bytes_are_not_parquet_is_left_out_each_time(tiny_project, capsys):
    shard = frozen(tiny_project) / "data/00000.parquet"
    shard.write_bytes(b"x" * shard.stat().st_size)
    for _ in range(2):
        with catalog.connect() as con:
            assert con.execute("SELECT count(*) FROM am_1_4m").fetchall() == [(1,)]
        assert "warning: am_1_4m_v1_0_0: a shard cannot be read" in capsys.readouterr().err


def test_it_is_built_anew_only_where_something_changed(tiny_project):
    def built() -> int:
        return catalog.build(catalog.views()).stat().st_ino

    first = built()
    assert built() == first
    os.utime("data/grade/grades/00000.parquet", (1, 1))
    second = built()
    assert second != first
    frozen(tiny_project)
    third = built()
    assert third not in (first, second)
    shutil.rmtree("data/annotate")
    assert built() != third


def test_a_spoilt_catalog_is_built_anew(tiny_project):
    path = catalog.build(catalog.views())
    path.write_bytes(b"not a database")
    with catalog.connect() as con:
        assert con.execute("SELECT count(*) FROM records").fetchall() == [(5,)]


def test_macros_work_from_another_folder_without_this_project(tiny_project, ids, monkeypatch):
    path = catalog.build(catalog.views())
    code = f"import duckdb; con = duckdb.connect({str(path)!r}, read_only=True)\n"
    code += f"print(con.execute(\"SELECT answer(messages), (SELECT count(*) FROM explain('{ids('record', 'walk')}')) FROM am_1_4m\").fetchall())"
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout == "[('7', 4)]\n"

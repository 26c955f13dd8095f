"""The command `curate` as it is started: fast help, one sentence for an error, quiet when its reader goes."""

import argparse
import io
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curation.cli import VERBS, main, parser

ROOT = Path(__file__).parents[2]
NAMES = [function.__name__ for function, _ in VERBS]


def start(*arguments: str, shell_tail: str = "") -> subprocess.CompletedProcess[str]:
    """Start the command in the working directory, as a shell does."""
    command = f'"{sys.executable}" -m curation.cli "$@"{shell_tail}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command, "-", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def test_help_answers_within_a_second_and_loads_nothing_heavy():
    start("--help")
    begin = time.monotonic()
    assert start("--help").returncode == 0
    assert time.monotonic() - begin < 1
    code = "import sys, curation.cli as c; c.parser().format_help(); print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"duckdb", "pyarrow", "pydantic", "yaml", "torch"} & set(loaded.split())


@pytest.mark.parametrize("name", NAMES)
def test_a_verbs_help_ends_with_an_example_that_can_be_parsed(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    lines = capsys.readouterr().out.rstrip().splitlines()
    assert lines[-2] == "example:"
    words = subprocess.run(["bash", "-c", f'printf "%s\\0" {lines[-1]}'], capture_output=True, text=True, check=True)
    assert parser().parse_args(words.stdout.rstrip("\0").split("\0")[1:]).verb == name


def test_an_error_is_one_sentence_and_a_code(tiny_project, capsys):
    assert main(["query", "SELECT * FROM verdict"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: query: no table 'verdict'; nearest: verdicts. Columns: curate schema TABLE\n"


def test_a_query_comes_from_the_line_a_file_or_standard_input(tiny_project, capsys):
    Path("q.sql").write_text("SELECT count(*) AS n FROM drops; -- all of them")
    assert main(["query", "--file", "q.sql", "--format", "json"]) == 0
    assert capsys.readouterr().out == '{"n": 8}\n'
    for dash in ([], ["--file", "-"]):
        told = start("query", *dash, "--format", "csv", shell_tail=" < q.sql")
        assert (told.stdout, told.stderr) == ("n\n8\n", "")


@pytest.mark.parametrize("arguments", [["query"], ["query", "SELECT 1", "--file", "q.sql"], ["query", "--file", "no"]])
def test_a_query_without_sql_says_what_to_give(tiny_project, arguments, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith("error: query: ")


def test_a_reader_that_goes_away_is_no_error(tiny_project):
    told = start("query", "FROM range(1_000_000)", "--format", "csv", shell_tail=" | head -n 2")
    assert told.stdout == "range\n0\n"
    assert told.stderr == ""
    assert told.returncode == 141


def test_a_plan_before_annotate_has_run_says_what_to_do(tiny_project, capsys):
    shutil.rmtree("data/annotate")
    assert main(["plan"]) == 1
    assert "prompts: no Parquet shard in data/annotate/prompts" in capsys.readouterr().err


def test_a_limit_of_no_rows_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["query", "SELECT 1", "--limit", "0"])
    assert "0 is not a number of rows from 1" in capsys.readouterr().err


def test_funnel_and_schema_print(tiny_project, capsys):
    assert main(["funnel", "--format", "csv"]) == 0
    assert main(["schema", "drops"]) == 0
    assert "near_duplicate" in capsys.readouterr().out


def test_a_profile_is_shown_first_and_written_on_request(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("profiles").symlink_to(ROOT / "profiles")
    assert main(["profile"]) == 0
    assert main(["profile", "tiny"]) == 0
    assert "Nothing is written yet: curate profile tiny --write" in capsys.readouterr().out
    assert not Path("params.yaml").exists()
    assert main(["profile", "tiny", "--write"]) == 0
    assert Path("params.yaml").read_bytes() == (ROOT / "profiles" / "tiny.yaml").read_bytes()


@pytest.mark.parametrize(("function", "add_arguments"), VERBS, ids=NAMES)
def test_every_verb_and_option_is_in_the_docs(function, add_arguments):
    text = (ROOT / "docs/cli.md").read_text()
    assert f"\n## {function.__name__}\n" in text
    added = argparse.ArgumentParser()
    add_arguments(added)
    options = [option for action in added._actions for option in action.option_strings if option.startswith("--")]
    assert [option for option in options if option != "--help" and f"`{option}" not in text] == []

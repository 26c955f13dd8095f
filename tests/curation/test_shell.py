"""The shell as a person meets it, in a terminal: lines, errors, completion, a history."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from curation import catalog
from curation.errors import DataError
from curation.query import Options
from curation.shell import NameCompleter, is_whole, names, schema, shell, tables

ROOT = Path(__file__).parents[2]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")
TAB, CONTROL_C, CONTROL_D, UP = "\t", "\x03", "\x04", "\x1b[A"


class Terminal:
    """The command in a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self.end, child = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        # The terminal has to be the one that controls the command, or Ctrl-C would interrupt nothing.
        command = ["setsid", "--ctty", sys.executable, "-m", "curation.cli", "query", *arguments]
        self.process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env=environment)
        os.close(child)
        self.unseen = ""

    def see(self, wanted: str, seconds: float = 30) -> str:
        """What is shown up to something, from where the last look ended."""
        until = time.monotonic() + seconds
        while wanted not in self.unseen:
            assert time.monotonic() < until, f"no {wanted!r} in {self.unseen!r}"
            if select.select([self.end], [], [], 0.1)[0]:
                self.unseen += ESCAPES.sub("", os.read(self.end, 65536).decode(errors="replace"))
        shown, found, self.unseen = self.unseen.partition(wanted)
        return shown + found

    def type(self, text: str) -> None:
        os.write(self.end, text.encode())

    def leave(self, keys: str) -> int:
        """Type at the next prompt what ends the command; returns its exit code."""
        self.see("curate>")
        self.type(keys)
        until = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < until:
            if select.select([self.end], [], [], 0.1)[0]:
                try:
                    os.read(self.end, 65536)
                except OSError:
                    break
        return self.process.wait(10)


@pytest.fixture
def terminal(tiny_project):
    opened = Terminal()
    try:
        opened.see("curate>")
        yield opened
    finally:
        opened.process.kill()
        opened.process.wait()
        os.close(opened.end)


def test_statements_run_over_lines_and_errors_do_not_end_it(terminal):
    terminal.type("SELECT count(*) AS n\r")
    terminal.see("...>")
    terminal.type("FROM drops;\r")
    assert "8" in terminal.see("1 row")
    terminal.type("SELECT categry FROM prompts;\r")
    terminal.see("error: query: no column 'categry'; nearest: category")
    terminal.type("CREATE TABLE t AS SELECT 1;\r")
    terminal.see("error: query: a query only reads")
    terminal.type("SELECT 6 * 7 AS n;\r")
    assert "42" in terminal.see("1 row")
    assert terminal.leave(CONTROL_D) == 0


def test_its_commands_show_tables_and_columns(terminal):
    terminal.type(".tables\r")
    terminal.see("think(messages)")
    terminal.see("explain(id)")
    terminal.type(".schema grades\r")
    terminal.see("num_verified")
    terminal.type(".tabels\r")
    terminal.see("error: query: no command '.tabels'; nearest: .tables")
    terminal.type(".help\r")
    terminal.see("Ctrl-D")
    assert terminal.leave(".quit\r") == 0


def test_a_line_is_dropped_completed_and_remembered(terminal, tiny_project):
    terminal.type("SELECT nonsense" + CONTROL_C)
    terminal.see("curate>")
    terminal.type("SELECT count(*) FROM verd" + TAB)
    terminal.see("verdicts")
    terminal.type(";\r")
    terminal.see("1 row")
    terminal.type(UP)
    terminal.see("FROM verdicts;")
    terminal.type("\r")
    terminal.see("1 row")
    assert terminal.leave(CONTROL_D) == 0
    assert "+SELECT count(*) FROM verdicts;" in Path(".curate/query_history").read_text()


def test_a_query_that_takes_long_is_stopped_and_the_shell_goes_on(terminal):
    terminal.type("SELECT sum(a.range * b.range) FROM range(1_000_000) a, range(1_000_000) b;\r")
    time.sleep(4)
    terminal.type(CONTROL_C)
    terminal.see("stopped")
    terminal.see("curate>")
    terminal.type("SELECT 1 AS one;\r")
    terminal.see("1 row")


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", True),
        (".tables", True),
        ("SELECT 1;", True),
        ("SELECT 1; -- done", True),
        ("SELECT 1", False),
        ("SELECT ';", False),
        ("SELECT 'it''s;", False),
        ('SELECT ";"', False),
        ("SELECT 1 -- ;", False),
        ("SELECT 1 /* ;", False),
        ("SELECT ';';", True),
    ],
)
def test_a_statement_ends_with_a_semicolon_that_is_none_of_a_text(text, whole):
    assert is_whole(text) is whole


def completed(text: str) -> list[str]:
    with catalog.connect() as con:
        completer = NameCompleter(names(con))
    return [one.text for one in completer.get_completions(Document(text), CompleteEvent())]


def test_tables_columns_macros_and_keywords_are_completed(tiny_project):
    assert completed("SELECT * FROM re") == ["ready_responses", "records", "reference_checks", "responses"]
    assert completed("SELECT grades.num_p") == ["num_passed"]
    assert completed("SELECT p.licen") == ["licence"]
    assert completed("SELECT thin") == ["think"]
    assert completed("selec")[-1] == "SELECT"
    assert completed(".sch") == [".schema"]
    assert completed(".schema verd") == ["verdicts"]


def test_tables_and_columns_are_told_with_their_meanings(tiny_project):
    with catalog.connect() as con:
        assert "One row per prompt and teacher." in tables(con)
        assert "Verified samples whose score" in schema(con, "GRADES")
        with pytest.raises(DataError, match="no table 'grade'; nearest: grades"):
            schema(con, "grade")


def test_a_file_for_a_shells_rows_is_refused(tiny_project):
    with pytest.raises(DataError, match="--output is for one statement"):
        shell(Options(output=Path("rows.csv")))

"""SQL in, rows out: as a table, CSV, JSON lines and Parquet."""

import csv
import io
import json
import math
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import catalog
from curation.errors import DataError
from curation.query import _plain, query

ROOT = Path(__file__).parents[2]
REASONS = "SELECT reason, count(*) AS rows FROM drops GROUP BY reason ORDER BY rows DESC, reason LIMIT 2"


def test_a_table_ends_with_its_number_of_rows(tiny_project, capsys):
    query(REASONS)
    assert capsys.readouterr().out.splitlines() == [
        "reason          rows",
        "──────────────  ────",
        "failed             1",
        "near_duplicate     1",
        "2 rows",
    ]


def test_a_long_table_shows_its_first_rows_and_counts_all(tiny_project, capsys):
    query("SELECT * FROM range(100_000)")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 40 + 1
    assert lines[-1] == "40 of 100,000 rows (--limit N shows more)"


def test_a_limit_widens_a_table_and_cuts_the_other_formats(tiny_project, capsys):
    query("FROM range(100)", limit=50)
    assert capsys.readouterr().out.splitlines()[-1] == "50 of 100 rows (--limit N shows more)"
    query("FROM range(100)", limit=3, output_format="json")
    assert capsys.readouterr().out == '{"range": 0}\n{"range": 1}\n{"range": 2}\n'


def test_json_is_one_object_a_line_with_nested_values(tiny_project, capsys):
    query(
        "SELECT messages, 'nan'::DOUBLE AS figure, sum(1) AS n FROM prompts WHERE category = 'code' GROUP BY ALL",
        output_format="json",
    )
    row = json.loads(capsys.readouterr().out)
    assert row["messages"][0]["role"] == "user"
    assert (row["figure"], row["n"]) == (None, 1)


def test_csv_reads_back_with_nested_values_as_json(tiny_project, capsys):
    query("SELECT record_id, messages, reference FROM records ORDER BY record_id", output_format="csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 5
    assert json.loads(rows[0]["messages"])[0]["role"] == "user"


def test_parquet_goes_to_a_file_that_is_whole_or_absent(tiny_project):
    target = tiny_project / "rows.parquet"
    query("SELECT * FROM grades", output_format="parquet", output=target)
    assert pq.read_table(target).num_rows == 3
    assert not list(tiny_project.glob(".rows*"))


def test_every_text_format_goes_to_a_file_too(tiny_project, capsys):
    for output_format in ("table", "csv", "json"):
        query("SELECT teacher FROM grades", output_format=output_format, output=tiny_project / "rows")
        assert "small" in (tiny_project / "rows").read_text()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT * FROM verdict", "query: no table 'verdict'; nearest: verdicts. Columns: curate schema TABLE"),
        ("SELECT * FROM zzz", "query: no table 'zzz'; there are: am_1_4m, annotations, drops"),
        ("SELECT categry FROM prompts", "query: no column 'categry'; nearest: category (am_1_4m, grades, "),
        ("SELECT p.categry FROM prompts AS p", "query: no column 'categry'; nearest: category (am_1_4m, grades, "),
        ("SELEC 1", 'query: Parser Error: syntax error at or near "SELEC"'),
        ("CREATE TABLE t AS SELECT 1", "query: a query only reads, and 'CREATE TABLE t AS SELECT 1' may do more"),
        ("DROP VIEW prompts", "query: a query only reads"),
        ("COPY drops TO 'drops.csv'", "query: a query only reads"),
        ("SELECT 1; EXPORT DATABASE 'all'", "query: a query only reads"),
        ("SELECT category::INT FROM prompts", "query: Conversion Error: Could not convert string"),
        ("SELECT * FROM 'no.parquet'", "query: IO Error: No files found"),
    ],
)
def test_a_wrong_query_gets_one_sentence(tiny_project, sql, sentence):
    with pytest.raises(DataError) as caught:
        query(sql)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_table_that_waits_for_its_stage_names_the_stage(tiny_project):
    shutil.rmtree("data/verify")
    with pytest.raises(DataError, match="'verdicts' is not there yet; the stage verify writes it: dvc repro verify"):
        query("SELECT * FROM verdicts")


def test_parquet_without_a_file_is_refused(tiny_project):
    with pytest.raises(DataError, match=r"--output rows\.parquet"):
        query("SELECT 1", output_format="parquet")


def test_an_output_that_cannot_be_written_is_one_sentence(tiny_project):
    with pytest.raises(DataError, match=r"query: cannot write no/rows\.csv: No such file"):
        query("SELECT 1", output_format="csv", output=Path("no/rows.csv"))


def test_a_statement_without_rows_prints_nothing(tiny_project, capsys):
    query("SET threads = 1")
    assert capsys.readouterr().out in ("", "Success\n───────\n0 rows\n")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(JSON)
def test_any_value_becomes_strict_json(value):
    assert json.dumps(_plain(value), allow_nan=False)
    assert _plain(_plain(value)) == _plain(value)


def test_not_a_number_is_null_and_not_zero():
    assert [_plain(value) for value in (math.nan, math.inf, 0.0)] == [None, None, 0.0]


QUESTIONS = re.findall(r"```sql\n(.*?)```", (ROOT / "docs/query.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("sql", QUESTIONS)
def test_every_query_of_the_docs_has_rows(tiny_project, capsys, sql):
    query(sql, output_format="json")
    assert capsys.readouterr().out.startswith("{")


def test_every_view_is_in_the_docs(tiny_project):
    text = (ROOT / "docs/query.md").read_text()
    assert [view.name for view in catalog.views() if f"| `{view.name}`" not in text] == []

"""A statement that DuckDB refuses is told in one sentence, with the names that are there."""

from pathlib import Path

import duckdb
import pytest
from fsspec import AbstractFileSystem

from curation.errors import DataError
from curation.query import query
from curation.refusals import sentence

NO_CATEGRY = "query: no column 'categry'; nearest: category (am_1_4m, grades, "


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        # a column, wherever it stands
        ("SELECT * FROM (SELECT categry FROM prompts)", NO_CATEGRY),
        ("SELECT (SELECT max(categry) FROM prompts)", NO_CATEGRY),
        ("SELECT 1 FROM prompts p WHERE EXISTS (SELECT 1 FROM grades q WHERE q.categry = p.category)", NO_CATEGRY),
        ("WITH q AS (SELECT q.categry FROM prompts AS q) FROM q", NO_CATEGRY),
        ("SELECT * EXCLUDE (categry) FROM prompts", NO_CATEGRY),
        ("SELECT * REPLACE (1 AS categry) FROM prompts", NO_CATEGRY),
        ("SELECT count(*) FROM prompts GROUP BY categry", NO_CATEGRY),
        ("SELECT category FROM prompts ORDER BY categry", NO_CATEGRY),
        ("FROM prompts JOIN grades USING (categry)", NO_CATEGRY),
        # one that another table has, and not this one
        ("WITH x AS (SELECT category AS c FROM prompts) SELECT label FROM x", "query: no column 'label'"),
        # a table, a name before a dot, a field, a function
        ("SELECT pp.category FROM prompts p", "query: FROM has nothing called 'pp'; there are: p"),
        ("FROM (SELECT * FROM verdict)", "query: no table 'verdict'; nearest: verdicts"),
        ("SELECT messages[1].contnt FROM prompts", "query: no field 'contnt' in the struct; nearest: content"),
        ("SELECT thnk(messages) FROM prompts", "query: no function 'thnk'; nearest: think"),
        ("FROM explian('a')", "query: no function 'explian'; nearest: explain"),
        ("SELECT explain('a')", "query: "),
    ],
)
def test_what_is_not_there_is_told_with_the_nearest_names(tiny_project, sql, sentence):
    with pytest.raises(DataError) as caught:
        query(sql)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_column_that_is_nowhere_near_is_told_what_the_statement_offers(tiny_project):
    with pytest.raises(DataError, match="no column 'xyzzy'; nearest: score"):
        query("SELECT xyzzy FROM (SELECT teacher, score FROM verdicts)")


def test_a_query_leaves_no_file(tiny_project):
    with pytest.raises(DataError):
        query("COPY (SELECT 1) TO 'written.csv'")
    assert not Path("written.csv").exists()


class LostHub(AbstractFileSystem):
    """Files of a Hub that does not answer."""

    protocol = "lost"

    def info(self, path, **options):
        return {"name": path, "size": 1000, "type": "file"}

    def open(self, path, mode="rb", **options):
        raise ConnectionError("503: the hub is resting")


def test_a_hub_that_stops_answering_is_told_without_a_traceback():
    with duckdb.connect() as con:
        con.register_filesystem(LostHub())
        sql = "FROM read_parquet('lost://a.parquet')"
        with pytest.raises(duckdb.Error) as caught:
            con.execute(sql)
        told = sentence(caught.value, sql, con)
    assert told == "query: a release could not be read from its Hub: ConnectionError: 503: the hub is resting"

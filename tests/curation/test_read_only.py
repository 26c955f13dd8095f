"""A query reads: what could write is refused before anything runs, what sets up a session is not."""

import duckdb
import pytest

from curation.errors import DataError
from curation.query import query
from curation.read_only import check

READING = (
    "SELECT 1",
    "FROM range(3)",
    "VALUES (1)",
    "WITH a AS (SELECT 1) SELECT * FROM a",
    "TABLE t",
    "PIVOT t ON n USING count(*)",
    "SUMMARIZE t",
    "DESCRIBE t",
    "SHOW TABLES",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "EXPLAIN (FORMAT json) SELECT 1",
    "-- a comment\n/* another; */ SELECT 1",
    "CREATE TEMP TABLE a AS SELECT 1",
    "create or replace temporary view b as select 1",
    "CREATE TEMP MACRO c(x) AS x + 1",
    "SET threads = 1",
    "SET VARIABLE x = 1",
    "RESET threads",
    "SET TimeZone = 'UTC'; SELECT 1",
)
WRITING = (
    "COPY (SELECT 1) TO '{folder}/a.csv'",
    "COPY (PIVOT (SELECT 1 AS n) ON n USING count(*)) TO '{folder}/a.csv'",
    "CREATE TABLE a AS PIVOT (SELECT 1 AS n) ON n USING count(*)",
    "EXPORT DATABASE '{folder}/a'",
    "ATTACH '{folder}/a.db'",
    "ATTACH '{folder}/a.db' AS other; CREATE TABLE other.t AS SELECT 1",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/a.csv'",
    "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{folder}/a.csv'",
    "/* SELECT */ COPY (SELECT 1) TO '{folder}/a.csv'",
    "PREPARE p AS COPY (SELECT 1) TO '{folder}/a.csv'; EXECUTE p",
    "CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')",
    "CREATE TABLE a AS SELECT 1",
    "CREATE VIEW a AS SELECT 1",
    "INSERT INTO t VALUES (1)",
    "UPDATE t SET n = 1",
    "DELETE FROM t",
    "DROP TABLE t",
    "SET profiling_output = '{folder}/a.json'",
    "SET log_query_path = '{folder}/a.log'",
    "PRAGMA enable_profiling",
    "PRAGMA profiling_output = '{folder}/a.json'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CALL force_checkpoint()",
    "CHECKPOINT",
    "VACUUM",
    "SELECT 1; COPY (SELECT 1) TO '{folder}/a.csv'",
)


@pytest.fixture
def con():
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (n INTEGER)")
        yield con


@pytest.mark.parametrize("sql", READING)
def test_what_reads_may_run(con, sql):
    check(con, sql)


@pytest.mark.parametrize("sql", WRITING)
def test_what_writes_is_refused_and_nothing_is_written(tiny_project, sql):
    folder = tiny_project / "written"
    folder.mkdir()
    with pytest.raises(DataError, match="query: a query only reads, and "):
        query(sql.format(folder=folder))
    assert not list(folder.iterdir())


def test_the_sentence_shows_the_statement_and_what_is_allowed(con):
    with pytest.raises(DataError) as caught:
        check(con, "COPY (SELECT 'a very long text indeed that goes on') TO 'a.csv'")
    assert str(caught.value).startswith(
        'query: a query only reads, and "COPY (SELECT \'a very long text indeed th"… may'
    )
    assert str(caught.value).endswith("rows go to a file with --output FILE")


def test_a_statement_that_is_no_sql_is_duckdbs_to_tell(con):
    with pytest.raises(duckdb.Error, match="syntax error"):
        check(con, "SELEC 1")

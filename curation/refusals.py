"""What DuckDB refused, as one sentence that says what is there instead."""

import difflib
import re

import duckdb

from curation import catalog, render

_NO_TABLE = re.compile(r"Table with name (\S+) does not exist")
_NO_COLUMN = re.compile(
    r"""(?:Referenced\ column|does\ not\ have\ a\ column\ named)\ "([^"]+)"
    |Column\ "([^"]+)"\ (?:in\ \w+\ list|does\ not\ exist)""",
    re.VERBOSE,
)
_NO_ALIAS = re.compile(r'Referenced table "([^"]+)" not found')
_NO_FIELD = re.compile(r'Could not find key "([^"]+)" in struct')
_NO_FUNCTION = re.compile(r"(Table|Scalar|Aggregate|Macro)? ?Function with name (\S+) does not exist")
_CANDIDATES = re.compile(r"Candidate (?:bindings|tables|Entries): (.*)")
MESSAGE_COLUMNS = 300
TABLES = 5


def sentence(error: duckdb.Error, sql: str, con: duckdb.DuckDBPyConnection) -> str:
    """The sentence for an error of a statement.

    Args:
        error: What DuckDB raised.
        sql: The statements.
        con: Where they ran; its tables, columns and macros are what can be named.
    """
    text = str(error)
    for pattern, told in ((_NO_TABLE, _no_table), (_NO_ALIAS, _no_alias), (_NO_COLUMN, _no_column)):
        if found := pattern.search(text):
            name = next(group for group in found.groups() if group)
            return told(name.strip('"'), sql, text, con)
    if found := _NO_FIELD.search(text):
        return _no_field(found[1], con)
    if found := _NO_FUNCTION.search(text):
        return _no_function(found[2], con)
    if "Traceback (most recent call last)" in text:
        return f"query: a release could not be read from its Hub: {text.partition(chr(10) * 2)[0].splitlines()[-1]}"
    if isinstance(error, duckdb.IOException):
        return f"query: {text.splitlines()[0]}. A stage may be writing: ask again when dvc repro has ended"
    return "query: " + " ".join(text.partition("\n\n")[0].split())[:MESSAGE_COLUMNS]


def _no_table(name: str, sql: str, text: str, con: duckdb.DuckDBPyConnection) -> str:
    """What to do about a table that is not there: run its stage, or spell it otherwise."""
    waiting = next((view for view in catalog.views() if view.name == name.lower() and not view.folders), None)
    if waiting:
        return f"query: the table {name!r} is not there yet; the stage {waiting.stage} writes it: dvc repro {waiting.stage}"
    return f"query: no table {name!r}; {render.nearest(name, _tables(con))}. Columns: curate schema TABLE"


def _no_alias(name: str, sql: str, text: str, con: duckdb.DuckDBPyConnection) -> str:
    """A name before a dot that FROM has not, or, as DuckDB says the same of it in a subquery, a column that is not."""
    known = {column for column, _ in _columns(con)}
    asked = re.findall(rf"(?<![\w.]){re.escape(name)}\s*\.\s*\"?(\w+)", sql, re.IGNORECASE)
    unknown = [column for column in asked if column.lower() not in known]
    if unknown and re.search(rf"\b(?:FROM|JOIN|AS|\w+)\s+{re.escape(name)}\b", sql, re.IGNORECASE):
        return _no_column(unknown[0], sql, text, con)
    candidates = _CANDIDATES.search(text)
    there = f"; there are: {candidates[1].replace(chr(34), '')}" if candidates else ""
    return f"query: FROM has nothing called {name!r}{there}"


def _no_column(name: str, sql: str, text: str, con: duckdb.DuckDBPyConnection) -> str:
    """The columns whose names are nearest, and the tables that have them; else what the statement offers."""
    rows = _columns(con)
    close = difflib.get_close_matches(name.lower(), {column for column, _ in rows}, n=2)
    known = [f"{one} ({_some([table for column, table in rows if column == one])})" for one in close]
    candidates = _CANDIDATES.search(text)
    if not known and candidates:
        known = [candidates[1].replace('"', "")]
    near = f"; nearest: {', '.join(known)}" if known else ""
    return f"query: no column {name!r}{near}. Columns: curate schema TABLE"


def _no_field(name: str, con: duckdb.DuckDBPyConnection) -> str:
    """The fields of structs whose names are nearest."""
    types = con.execute("SELECT DISTINCT data_type FROM duckdb_columns() WHERE data_type LIKE '%STRUCT(%'").fetchall()
    fields = sorted({field for (kind,) in types for field in re.findall(r'[(,] ?"?(\w+)"? [A-Z]', kind)})
    return f"query: no field {name!r} in the struct; {render.nearest(name, fields)}"


def _no_function(name: str, con: duckdb.DuckDBPyConnection) -> str:
    """The functions whose names are nearest, the macros of the catalog first."""
    rows = con.execute("SELECT DISTINCT internal, function_name FROM duckdb_functions() ORDER BY ALL").fetchall()
    macros = [one for internal, one in rows if not internal]
    close = difflib.get_close_matches(name.lower(), macros, n=2)
    close = close or difflib.get_close_matches(name.lower(), [one for internal, one in rows if internal], n=3)
    near = f"nearest: {', '.join(close)}" if close else f"macros: {', '.join(macros)}; others: FROM duckdb_functions()"
    return f"query: no function {name!r}; {near}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:TABLES]) + (", …" if len(names) > TABLES else "")


def _tables(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [
        name
        for (name,) in con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL").fetchall()
    ]


def _columns(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Columns with their tables."""
    rows = con.execute("SELECT column_name, table_name FROM duckdb_columns() WHERE NOT internal ORDER BY ALL")
    return list(rows.fetchall())

"""Which statements a query may run: those that read, and those that set up a session for reading.

An allow-list by the kinds that DuckDB's own parser tells. The catalog is open for reading alone, which leaves what writes
elsewhere: files, other databases, extensions, secrets, options that name a file. It keeps from mistakes; what a hostile
statement may do is no more than DuckDB's functions can, which read any file that the user can.
"""

import re

import duckdb

from curation.errors import DataError

_READING = (duckdb.StatementType.SELECT, duckdb.StatementType.RELATION)
# What DuckDB runs as several statements, as PIVOT over values that it has to look for: the text tells what it is for.
_PIVOT = re.compile(r"(?:PIVOT|SELECT|FROM|WITH)\b", re.IGNORECASE)
_OPTIONS = ("threads", "memory_limit", "timezone", "variable")
_SET = re.compile(rf"(?:RE)?SET\s+(?:SESSION\s+|LOCAL\s+)?(?:{'|'.join(_OPTIONS)})\b", re.IGNORECASE)
_TEMPORARY = re.compile(r"CREATE\s+(?:OR\s+REPLACE\s+)?TEMP(?:ORARY)?\s+(?:TABLE|VIEW|MACRO|FUNCTION)\b", re.IGNORECASE)
_EXPLAIN = re.compile(r"EXPLAIN\s*(?:\([^)]*\)|ANALYZE\b)?\s*", re.IGNORECASE)
# Comments before a statement, which its text keeps.
_LEADING = re.compile(r"(?:\s+|--[^\n]*\n?|/\*.*?\*/)*", re.DOTALL)


def check(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse what is not for reading, before any of the statements runs.

    Raises:
        DataError: A statement could write, or change more than the session.
        duckdb.Error: It is no SQL.
    """
    for statement in con.extract_statements(sql):
        text = statement.query[_LEADING.match(statement.query).end() :]  # type: ignore[union-attr]  # matches nothing, too
        if not _reads(con, statement.type, text):
            raise DataError(
                f"query: a query only reads, and {_shown(text)} may do more. Allowed are SELECT and what is short for it, "
                f"EXPLAIN, CREATE TEMP TABLE, VIEW or MACRO, and SET of {', '.join(_OPTIONS)}; rows go to a file with "
                f"--output FILE"
            )


def _reads(con: duckdb.DuckDBPyConnection, kind: duckdb.StatementType, text: str) -> bool:
    if kind == duckdb.StatementType.EXPLAIN:
        # EXPLAIN ANALYZE runs what it explains.
        explained = _EXPLAIN.match(text)
        if explained is None:
            return False
        inner = text[explained.end() :]
        return all(_reads(con, one.type, inner) for one in con.extract_statements(inner))
    if kind == duckdb.StatementType.MULTI:
        return bool(_PIVOT.match(text))
    return kind in _READING or bool(_SET.match(text) or _TEMPORARY.match(text))


def _shown(text: str) -> str:
    words = " ".join(text.split())
    return f"{words[:40]!r}…" if len(words) > 40 else repr(words)

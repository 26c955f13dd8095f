"""A shell over the catalog: statements over several lines, a history, completion of tables, columns and macros.

A statement ends with `;` at the end of a line. An error is told and the shell goes on. The history is kept in
`.curate/query_history`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from curation import places, render
from curation.errors import CurateError, DataError
from curation.query import NOTHING, Options, Remote, connect, run

PROMPT, MORE = "curate> ", "   ...> "
GREETING = "The tables and releases of this project in SQL, to read. End a statement with ;  .help tells more."
HELP = """A statement in SQL ends with ; and may run over several lines. Tab completes. Ctrl-C drops a line, or stops a query.
.tables        tables, releases and macros
.schema NAME   columns of a table with their meanings
.help          this
.quit          leave, as Ctrl-D does"""
# What may hold a ; that ends nothing: texts, quoted names and comments, closed or not.
_ASIDE = re.compile(r"'(?:[^']|'')*('|\Z)|\"[^\"]*(\"|\Z)|--[^\n]*|/\*.*?(\*/|\Z)", re.DOTALL)
_AFTER_FROM = re.compile(r"\b(?:FROM|JOIN|DESCRIBE|SUMMARIZE|\.schema)\s+\"?\w*\Z", re.IGNORECASE)
_WORD = re.compile(r"(?:(\w+)\.)?(\.?\w*)\Z")
COMMANDS = (".help", ".quit", ".schema", ".tables")
# Words of clauses that are names, too, and so no keywords for DuckDB.
CLAUSES = ("BY", "DESCRIBE", "EXCLUDE", "FILTER", "OVER", "PARTITION", "REPLACE", "VALUES")


@dataclass(frozen=True)
class Names:
    """What can be named in a statement."""

    columns: dict[str, tuple[str, ...]]
    """Columns of each table."""
    macros: tuple[str, ...]
    functions: tuple[str, ...]
    keywords: tuple[str, ...]


def names(con: duckdb.DuckDBPyConnection) -> Names:
    """All tables with their columns, macros, functions and keywords of an open catalog."""
    rows = con.execute(
        """
        SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() WHERE NOT internal
        GROUP BY ALL ORDER BY min(table_oid)
        """
    ).fetchall()
    functions = con.execute(
        r"""
        SELECT DISTINCT function_name, internal FROM duckdb_functions()
        WHERE regexp_full_match(function_name, '[a-z]\w*') AND schema_name <> 'built' ORDER BY ALL
        """
    ).fetchall()
    keywords = con.execute(
        "SELECT upper(keyword_name) FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
    ).fetchall()
    return Names(
        columns={table: tuple(columns) for table, columns in rows},
        macros=tuple(name for name, internal in functions if not internal),
        functions=tuple(name for name, internal in functions if internal),
        keywords=tuple(sorted({*CLAUSES, *(name for (name,) in keywords)})),
    )


def shell(options: Options, remote: Remote = NOTHING) -> None:
    """Read statements from the terminal and show their rows, until the user leaves.

    Args:
        options: How rows are written; without a file.
        remote: Releases on a Hub to be asked, too.

    Raises:
        DataError: There is no table to ask, or the options name a file.
    """
    if options.output is not None:
        raise DataError("query: --output is for one statement. Give it: curate query SQL --output FILE")
    with connect(remote) as con:
        session = _session(names(con))
        print(GREETING)
        for text in _typed(session):
            if text in (".quit", ".exit"):
                return
            try:
                _answer(con, text, options)
            except CurateError as error:
                print(f"error: {error}")
            except KeyboardInterrupt:
                print("stopped")


def _session(known: Names) -> "PromptSession[str]":
    history = places.home() / "query_history"
    history.parent.mkdir(parents=True, exist_ok=True)
    return PromptSession(
        PROMPT,
        multiline=True,
        prompt_continuation=MORE,
        history=FileHistory(str(history)),
        completer=NameCompleter(known),
        complete_while_typing=False,
        key_bindings=_enter_ends_statements(),
    )


def _typed(session: "PromptSession[str]") -> Iterator[str]:
    """What the user ends with Enter, until Ctrl-D; Ctrl-C drops what stands on the line."""
    while True:
        try:
            text = session.prompt().strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if text:
            yield text


def _enter_ends_statements() -> KeyBindings:
    """Enter sends what is whole, and else begins a line."""
    bindings = KeyBindings()

    def whole() -> bool:
        return is_whole(get_app().current_buffer.text)

    @bindings.add("enter", filter=Condition(whole))
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return bindings


def is_whole(text: str) -> bool:
    """Whether a text is nothing, a command, or statements of which the last one is ended.

    Example:
        >>> is_whole("SELECT 1;"), is_whole("SELECT ';"), is_whole("SELECT 1 -- ;"), is_whole(".tables")
        (True, False, False, True)
    """
    stripped = text.strip()
    if not stripped or stripped.startswith("."):
        return True
    return _ASIDE.sub(lambda found: "x" if found[0][0] in "'\"" else "", stripped).rstrip().endswith(";")


def _answer(con: duckdb.DuckDBPyConnection, text: str, options: Options) -> None:
    """Do what a command says, or run statements."""
    command, _, argument = text.rstrip("; ").partition(" ")
    if not command.startswith("."):
        run(con, text, options)
    elif command == ".help":
        print(HELP)
    elif command == ".tables":
        print(tables(con))
    elif command == ".schema":
        print(schema(con, argument.strip().strip('"')))
    else:
        raise DataError(f"query: no command {command!r}; {render.nearest(command, COMMANDS)}")


def tables(con: duckdb.DuckDBPyConnection) -> str:
    """Tables and macros with their meanings."""
    rows = con.execute(
        """
        SELECT name, meaning FROM (
            SELECT view_name AS name, comment AS meaning, view_oid AS place, 0 AS kind FROM duckdb_views() WHERE NOT internal
            UNION ALL
            SELECT function_name || '(' || array_to_string(parameters, ', ') || ')', comment, function_oid, 1
            FROM duckdb_functions() WHERE NOT internal AND schema_name <> 'built'
        ) ORDER BY kind, place
        """
    ).fetchall()
    return render.table(
        ("table", "a row is"), [(name, meaning or "") for name, meaning in rows], max_columns=render.width()
    )


def schema(con: duckdb.DuckDBPyConnection, name: str) -> str:
    """Columns of a table with types and meanings.

    Raises:
        DataError: There is no such table.
    """
    known = names(con).columns
    if name.lower() not in known:
        raise DataError(f"query: no table {name!r}; {render.nearest(name, list(known))}")
    rows = con.execute(
        "SELECT column_name, data_type, coalesce(comment, '') FROM duckdb_columns() WHERE table_name = ? "
        "ORDER BY column_index",
        [name.lower()],
    ).fetchall()
    return render.table(("column", "type", "meaning"), rows, max_columns=render.width())


class NameCompleter(Completer):
    """Completes tables after FROM and JOIN, columns after a table's name and a dot, elsewhere all that can be named."""

    def __init__(self, known: Names) -> None:
        self.known = known

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:  # noqa: ARG002 (the signature is the base class's)
        """Names that begin with the word before the cursor."""
        before = document.text_before_cursor
        found = _WORD.search(before)
        assert found is not None
        table, word = found[1], found[2]
        for name, kind in self._offered(before, table, word):
            if name.lower().startswith(word.lower()):
                yield Completion(name, start_position=-len(word), display_meta=kind)

    def _offered(self, before: str, table: str | None, word: str) -> Iterator[tuple[str, str]]:
        known = self.known
        every = sorted({column for columns in known.columns.values() for column in columns})
        if word.startswith("."):
            yield from ((name, "command") for name in COMMANDS)
        elif table is not None:
            yield from ((name, "column") for name in known.columns.get(table.lower(), every))
        elif _AFTER_FROM.search(before):
            yield from ((name, "table") for name in known.columns)
        elif word:
            yield from ((name, "table") for name in known.columns)
            yield from ((name, "column") for name in every)
            yield from ((name, "macro") for name in known.macros)
            yield from ((name, "keyword") for name in known.keywords)
            yield from ((name, "function") for name in known.functions)

"""The contracts of `schemas`, printed: grain, key, and a line per column."""

import textwrap
from pathlib import Path
from typing import Literal

from curation import render
from curation.errors import DataError
from schemas.am_1_4m import AM_1_4M
from schemas.am_40m import am_40m
from schemas.am_answers import AM_ANSWERS
from schemas.am_difficulty_rl import am_difficulty_rl
from schemas.am_multi_teacher import AM_MULTI_TEACHER
from schemas.am_preference import AM_PREFERENCE
from schemas.am_rl import AM_RL
from schemas.annotations import ANNOTATIONS
from schemas.drops import DROPS
from schemas.evaluations import EVALUATIONS
from schemas.grades import GRADES
from schemas.prompts import PROMPTS
from schemas.reference_checks import REFERENCE_CHECKS
from schemas.responses import RESPONSES
from schemas.rollouts import ROLLOUTS
from schemas.scores import SCORES
from schemas.selections import SELECTIONS
from schemas.table import Table
from schemas.verdicts import VERDICTS

Format = Literal["table", "markdown"]
TABLES = (
    PROMPTS,
    ANNOTATIONS,
    RESPONSES,
    VERDICTS,
    SCORES,
    GRADES,
    REFERENCE_CHECKS,
    SELECTIONS,
    ROLLOUTS,
    EVALUATIONS,
    DROPS,
    AM_1_4M,
    am_40m(("<name>",)),
    AM_MULTI_TEACHER,
    am_difficulty_rl(("<name>",)),
    AM_RL,
    AM_PREFERENCE,
    AM_ANSWERS,
)
# Views of the catalog that hold the rows of another table's contract.
SAME_AS = {
    "records": "prompts",
    "ready_responses": "responses",
    "rollout_responses": "responses",
    "rollout_verdicts": "verdicts",
    "evaluation_responses": "responses",
    "evaluation_verdicts": "verdicts",
}
HEADER = ("column", "type", "null", "meaning")
PAGE = Path(__file__).parent / "templates" / "schemas.md"


def schema(name: str | None = None, *, output_format: Format = "table") -> str:
    """One table's contract, else the list of all tables; as Markdown all contracts are one page.

    Raises:
        DataError: There is no such table.
    """
    if name is None:
        return page() if output_format == "markdown" else _listed()
    table = _named(name)
    return _section(table) if output_format == "markdown" else _described(table)


def page() -> str:
    """The page docs/schemas.md: all contracts, then what the JSON columns hold."""
    sections = "\n\n".join(_section(table) for table in TABLES)
    return PAGE.read_text(encoding="utf-8").replace("@tables@", sections).rstrip("\n")


def _named(name: str) -> Table:
    wanted = name.lower().replace("-", "_")
    wanted = SAME_AS.get(wanted, wanted)
    for table in TABLES:
        if table.name == wanted:
            return table
    raise DataError(
        f"schema: no table {name!r}; {render.nearest(wanted, [*SAME_AS, *(table.name for table in TABLES)])}"
    )


def _listed() -> str:
    rows = [(table.name, table.grain, ", ".join(table.key)) for table in TABLES]
    return (
        render.table(("table", "grain", "key"), rows, max_columns=render.width()) + "\n\nColumns: curate schema TABLE"
    )


def _described(table: Table) -> str:
    lines = [f"{table.name}: {table.grain}", f"key: {', '.join(table.key)}", ""]
    for column in table.columns:
        lines.append(f"{column.name}  {column.type}{'  (may be null)' if column.nullable else ''}")
        lines += textwrap.wrap(column.doc, render.width(), initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def _section(table: Table) -> str:
    key = ", ".join(f"`{name}`" for name in table.key)
    rows = [
        (f"`{column.name}`", f"`{column.type}`", "yes" if column.nullable else "", column.doc)
        for column in table.columns
    ]
    grain = f"{table.grain[0].upper()}{table.grain[1:]}"
    return f"## {table.name}\n\n{grain}. Key: {key}.\n\n{render.markdown(HEADER, rows)}"

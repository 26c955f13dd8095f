"""A recipe: one SQL file that says of every candidate whether a dataset keeps it, and if not, why.

The file is a SELECT over the table `candidates`. It reads `$name` from `datasets.<name>.values` and
returns the columns `sample_id`, `prompt_id`, `config`, `role`, `figure`, `reason` (null: kept) and
`evidence_id`. Checked here: that its values fit it, that its columns are there, that it gives every
candidate one row. docs/recipes.md shows one being written.
"""

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import duckdb

from curation.errors import DataError, ParamsError
from curation.params import Dataset
from curation.tables import Relation

RECIPES = Path(__file__).parent / "recipes"
COLUMNS = ("sample_id", "prompt_id", "config", "role", "figure", "reason", "evidence_id")
"""What a recipe returns for each candidate."""
_TYPED = ", ".join(f"{name}::{'DOUBLE' if name == 'figure' else 'VARCHAR'} AS {name}" for name in COLUMNS)


def run_recipe(block: Dataset, *, dataset: str, con: duckdb.DuckDBPyConnection) -> None:
    """Make the table `chosen` of what a dataset's recipe returns for the table `candidates`.

    Raises:
        ParamsError: The recipe is missing or is no valid SQL, or its values don't fit it.
        DataError: It doesn't give every candidate one row.
    """
    path = recipe_path(block.recipe)
    where = f"select {dataset}: {path}"
    try:
        statements = con.extract_statements(path.read_text(encoding="utf-8"))
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise ParamsError(f"{where} must hold one SELECT statement; it holds {len(statements)} statement(s).")
        values = _values(block, set(statements[0].named_parameters), where=where, dataset=dataset)
        returned = con.sql(statements[0].query, params=values)
        _check_columns(returned, where)
        con.execute(f"CREATE OR REPLACE TEMP TABLE chosen AS SELECT {_TYPED} FROM returned")
    except (duckdb.ProgrammingError, duckdb.DataError) as error:
        raise ParamsError(
            f"{where} cannot be run: {error}. docs/recipes.md lists the columns of candidates."
        ) from error
    _check_chosen(block.recipe, dataset, con)


def recipe_path(recipe: str) -> Path:
    """The SQL file of a recipe: one of this package by name, or one's own by path.

    Raises:
        ParamsError: There is no such file.
    """
    own = recipe.endswith(".sql")
    path = Path(recipe) if own else RECIPES / f"{recipe}.sql"
    if not path.exists():
        names = [found.stem for found in sorted(RECIPES.glob("*.sql"))]
        hint = "A path is read from the project's root." if own else nearest(recipe, names)
        raise ParamsError(f"select: no recipe {recipe!r}: {path} is missing. {hint}")
    return path


def _values(block: Dataset, named: set[str], *, where: str, dataset: str) -> dict[str, Any]:
    """The values that the recipe reads; `roles` is always allowed, as it states the scope."""
    missing = sorted(named - set(block.values))
    if missing:
        raise ParamsError(
            f"{where} reads ${missing[0]}, which datasets.{dataset}.values lacks; {nearest(missing[0], block.values)}"
        )
    unread = sorted(set(block.values) - named - {"roles"})
    if unread:
        raise ParamsError(f"{where} does not read datasets.{dataset}.values.{unread[0]}; {nearest(unread[0], named)}")
    return {name: block.values[name] for name in named}


def _check_columns(returned: Relation, where: str) -> None:
    missing = [name for name in COLUMNS if name not in returned.columns]
    if missing:
        raise ParamsError(f"{where} returns no column {missing[0]!r} (returns: {', '.join(returned.columns)}).")


def _check_chosen(recipe: str, dataset: str, con: duckdb.DuckDBPyConnection) -> None:
    """Every candidate has one row; a kept one may have more, of different configs."""
    faults: Mapping[str, str] = {
        "gives no row to the candidate": "SELECT sample_id FROM candidates ANTI JOIN chosen USING (sample_id)",
        "gives a row to what is no candidate": "SELECT sample_id FROM chosen ANTI JOIN candidates USING (sample_id)",
        "gives several rows to the candidate": """
            SELECT sample_id FROM chosen GROUP BY sample_id
            HAVING count(*) > 1 AND (count(reason) > 0 OR count(*) > count(DISTINCT config))
        """,
    }
    for fault, sql in faults.items():
        found = con.sql(f"SELECT count(*), min(sample_id) FROM ({sql})").fetchall()[0]
        if found[0]:
            raise DataError(
                f"select {dataset}: the recipe {recipe} {fault} {found[1]} ({found[0]:,} such). See docs/recipes.md."
            )


def nearest(name: str, allowed: Collection[str]) -> str:
    """The end of a sentence about a wrong name."""
    near = difflib.get_close_matches(name, allowed, n=1)
    return f"did you mean {near[0]}?" if near else f"there is: {', '.join(sorted(allowed)) or 'none'}."

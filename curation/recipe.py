"""A recipe: one SQL file that says of every candidate whether a dataset keeps it, and if not, why.

The file is a SELECT over `candidates` (`curation.candidates`). It reads `$name` from
`datasets.<name>.values` and returns the columns `sample_id` (null where candidates are prompts), `prompt_id`,
`config`, `role`, `figure`, `reason` (null: kept) and `evidence_id`, for every candidate one row or one per config. A
candidate that a config keeps is kept; one that none keeps is dropped, for the reason of its first config.
Checked here: that its values fit it, that its columns are there, that it forgets no candidate.
docs/recipes.md shows one being written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb

from curation.candidates import Candidates, check_joined
from curation.errors import DataError, ParamsError
from curation.params import Dataset
from curation.render import nearest
from curation.tables import Relation
from curation.thresholds import check_thresholds

RECIPES = Path(__file__).parent / "recipes"
COLUMNS = ("sample_id", "prompt_id", "config", "role", "figure", "reason", "evidence_id")
"""What a recipe returns for each candidate."""
_TYPED = ", ".join(f"{name}::{'DOUBLE' if name == 'figure' else 'VARCHAR'} AS {name}" for name in COLUMNS)


@dataclass(frozen=True)
class Recipe:
    """A recipe's file, read."""

    name: str
    path: Path
    sql: str


def read_recipe(name: str) -> Recipe:
    """The recipe of this package of that name, or one's own by path.

    Raises:
        ParamsError: There is no such file.
    """
    own = name.endswith(".sql")
    path = Path(name) if own else RECIPES / f"{name}.sql"
    if not path.exists():
        names = [found.stem for found in sorted(RECIPES.glob("*.sql"))]
        hint = "A path is read from the project's root." if own else f"{nearest(name, names)}."
        raise ParamsError(f"select: no recipe {name!r}: {path} is missing. {hint}")
    return Recipe(name, path, path.read_text(encoding="utf-8"))


def run_recipe(
    recipe: Recipe,
    block: Dataset,
    candidates: Candidates,
    *,
    dataset: str,
    unit: Literal["sample", "prompt"],
    con: duckdb.DuckDBPyConnection,
) -> int:
    """Make the temporary table `chosen` of what a recipe returns for the candidates; returns how many these are.

    The table `several` then holds the ids of candidates with several rows.

    Raises:
        ParamsError: The recipe is no valid SQL, or its values don't fit it.
        DataError: It forgets a candidate, or gives it two rows of one config.
    """
    where = f"select {dataset}: {recipe.path}"
    try:
        statements = con.extract_statements(recipe.sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise ParamsError(f"{where} must hold one SELECT statement; it holds {len(statements)} statement(s).")
        values = _values(block, set(statements[0].named_parameters), where=where, dataset=dataset)
        rows = candidates.rows
        recipe_sql = f"WITH candidates AS (FROM rows) FROM (\n{statements[0].query}\n)"
        returned = con.sql(recipe_sql, params=values)
        _check_columns(returned, where)
        # Joins run as written: tables laid side by side give DuckDB no estimate, and it would turn them round, which loses
        # the order of rows.
        con.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
        con.execute(f"CREATE OR REPLACE TEMP TABLE chosen AS SELECT {_TYPED} FROM returned")
    except (duckdb.ProgrammingError, duckdb.DataError) as error:
        raise ParamsError(
            f"{where} cannot be run: {error}. docs/recipes.md lists the columns of candidates."
        ) from error
    finally:
        con.execute("RESET disabled_optimizers")
    return _check_chosen(recipe.name, candidates, dataset, f"{unit}_id", con)


def _values(block: Dataset, named: set[str], *, where: str, dataset: str) -> dict[str, Any]:
    """The values that the recipe reads; `roles` is always allowed, as it states the scope, and `policy` for layouts."""
    place = f"datasets.{dataset}.values"
    missing = sorted(named - set(block.values))
    if missing:
        raise ParamsError(
            f"{where} reads ${missing[0]}, which {place} lacks; {nearest(missing[0], list(block.values))}."
        )
    unread = sorted(set(block.values) - named - {"roles"})
    if unread:
        raise ParamsError(f"{where} does not read {place}.{unread[0]}; {nearest(unread[0], sorted(named))}.")
    if "thresholds" in named:
        check_thresholds(block.values["thresholds"], f"{place}.thresholds")
    return {name: _as_map(block.values[name]) for name in named}


def _as_map(value: Any) -> Any:
    """A mapping as DuckDB's MAP, so that a recipe may write $thresholds[category]."""
    if isinstance(value, Mapping):
        return {"key": list(value), "value": list(value.values())}
    return value


def _check_columns(returned: Relation, where: str) -> None:
    missing = [name for name in COLUMNS if name not in returned.columns]
    if missing:
        raise ParamsError(f"{where} returns no column {missing[0]!r} (returns: {', '.join(returned.columns)}).")


def _check_chosen(recipe: str, candidates: Candidates, dataset: str, key: str, con: duckdb.DuckDBPyConnection) -> int:
    """Every candidate has a row, nothing else has one, and no two rows share a config."""
    # Equal sums of hashes tell equal ids without a join; what differs is then looked for.
    of_ids = f"count(*), sum(hash({key})), bit_xor(hash({key}))"
    sums = [rows.aggregate(of_ids).fetchall()[0] for rows in (candidates.ids, con.table("chosen"))]
    num_candidates, num_rows = int(sums[0][0]), int(sums[1][0])
    one_row_each = sums[0] == sums[1]
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE several AS
        SELECT {key} FROM chosen WHERE {not one_row_each} GROUP BY {key} HAVING count(*) > 1
        """
    )
    if one_row_each:
        return num_candidates
    each_once = con.sql(f"SELECT {key} FROM chosen ANTI JOIN several USING ({key}) UNION ALL FROM several")
    faults = {}
    if each_once.aggregate(of_ids).fetchall()[0] != sums[0]:
        check_joined(candidates, dataset)
        faults = {
            "gives no row to the candidate": f"SELECT {key} FROM ids ANTI JOIN chosen USING ({key})",
            "gives a row to what is no candidate": f"SELECT {key} FROM chosen ANTI JOIN ids USING ({key})",
        }
    faults |= {
        "gives several rows of one config to the candidate": f"""
            SELECT {key} FROM chosen SEMI JOIN several USING ({key}) GROUP BY {key}, config HAVING count(*) > 1
        """,
    }
    for fault, sql in faults.items():
        found = candidates.ids.query("ids", f"SELECT count(*), min({key}) FROM ({sql})").fetchall()[0]
        if found[0]:
            raise DataError(
                f"select {dataset}: the recipe {recipe} {fault} {found[1]} ({found[0]:,} such; {num_candidates:,} "
                f"candidates, {num_rows:,} rows). See docs/recipes.md."
            )
    return num_candidates

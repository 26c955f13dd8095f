"""What a dataset would gain and lose under other params, from stored scores, before anything is written.

The recipe runs twice over the curated tables, under params.yaml and under the changed values, and the
fates of the candidates are compared. Where `grade` or `roles` change, grades and checks of references are reckoned
anew in memory.
Stages before grade are not run: a change that they would see is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import yaml

from curation import params as params_module
from curation import render, tables
from curation.candidates import Curated
from curation.disk import disk_errors_told
from curation.errors import ParamsError
from curation.grade import check_all_references, grade
from curation.params import Params
from curation.select import read_curated, select

SAMPLES = 5
"""Candidates that are named for each kind of change."""
ID_CHARS = 8
"""Characters of an id that a report shows; `curate explain` takes them."""
OPEN = ("seed", "roles", "grade", "datasets")
"""Blocks of params that a selection reads; others decide what the tables hold."""


@dataclass(frozen=True)
class Move:
    """Candidates of one category whose fate would change in one way."""

    category: str
    before: str
    """`kept`, with its configs where they are not the default, or the reason of the drop."""
    after: str
    candidates: int
    first: tuple[str, ...]
    """The first ids."""


@dataclass(frozen=True)
class WhatIf:
    """What would change in one dataset."""

    dataset: str
    kept_before: int
    kept_after: int
    moves: tuple[Move, ...]

    def report(self) -> str:
        """The comparison for a terminal."""
        entering = sum(move.candidates for move in self.moves if not _is_kept(move.before) and _is_kept(move.after))
        leaving = sum(move.candidates for move in self.moves if _is_kept(move.before) and not _is_kept(move.after))
        head = (
            f"{self.dataset}: {self.kept_before:,} candidates kept now, {self.kept_after:,} then: "
            f"{entering:,} enter, {leaving:,} leave. Nothing is written."
        )
        if not self.moves:
            return head
        rows = [
            (m.category, m.before, m.after, f"{m.candidates:,}", " ".join(one[:ID_CHARS] for one in m.first))
            for m in self.moves
        ]
        header = ("category", "now", "then", "candidates", "first ids (curate explain ID)")
        return f"{head}\n\n{render.table(header, rows, max_columns=render.width())}"


def what_if(dataset: str, changes: Sequence[str]) -> WhatIf:
    """Compare a dataset's selection with the one under changed params.

    Args:
        dataset: Name of the dataset in params.
        changes: PATH=VALUE; a path in params with dots, or `select.NAME` for a value of the dataset's recipe. A
            single value given to a mapping by category is given to all its keys.

    Raises:
        ParamsError: There is no such dataset or path, or the value does not fit.
        DataError: The tables are not there yet, or the recipe cannot run.
    """
    now = params_module.load()
    if dataset not in now.datasets:
        raise ParamsError(f"select: no dataset {dataset!r} in params; {render.nearest(dataset, list(now.datasets))}.")
    then = changed(now, dataset, changes)
    with (
        disk_errors_told("select"),
        tables.connect(memory_gb=now.resources.memory_gb, processes=now.resources.processes) as con,
    ):
        curated = read_curated(con)
        kept_before = _fates(curated, now, dataset=dataset, name="fates_now", con=con)
        if (then.grade, then.roles) != (now.grade, now.roles):
            graded = grade(curated.verdicts, then.grade.thresholds, con=con)
            checked = check_all_references(curated.verdicts, curated.prompts, then, con=con)
            curated = Curated(**{**vars(curated), "grades": graded, "reference_checks": checked})
        kept_after = _fates(curated, then, dataset=dataset, name="fates_then", con=con)
        return WhatIf(dataset, kept_before, kept_after, _moves(con))


def changed(now: Params, dataset: str, changes: Sequence[str]) -> Params:
    """The params with other values, checked as params.yaml is; an empty outcome is allowed."""
    raw = params_module.dump(now)
    raw["datasets"][dataset]["allow_empty"] = True
    for change in changes:
        path, equals, text = change.partition("=")
        if not equals:
            raise ParamsError(f"select: --set wants PATH=VALUE, got {change!r}. Example: --set select.cv_min=0.1")
        keys = path.split(".")
        if keys[0] == "select":
            keys = ["datasets", dataset, "values", *keys[1:]]
        _set(raw, keys, yaml.safe_load(text), path)
    return params_module.parse(raw, where=f"params.yaml with {', '.join(changes)}")


def _set(raw: dict[str, Any], keys: Sequence[str], value: object, path: str) -> None:
    if keys[0] not in OPEN:
        raise ParamsError(
            f"select: {path} decides what stages before select write; change params.yaml and run dvc repro. "
            f"Here: {', '.join(OPEN)}, and select.NAME for a value of the recipe."
        )
    block = raw
    for key in keys[:-1]:
        if not isinstance(block, dict) or key not in block:
            there = list(block) if isinstance(block, dict) else []
            raise ParamsError(f"select: no {path} in params: {key!r} is not there; {render.nearest(key, there)}.")
        block = block[key]
    if keys[-1] not in block:
        raise ParamsError(f"select: no {path} in params; {render.nearest(keys[-1], list(block))}.")
    old = block[keys[-1]]
    new = dict.fromkeys(old, value) if isinstance(old, dict) and not isinstance(value, dict) else value
    if old is not None and _is_number(old) and not _is_number(new):
        raise ParamsError(f"select: --set {path} wants a number, as {old!r} is, got {value!r}.")
    block[keys[-1]] = new


def _is_number(value: object) -> bool:
    """Whether a value, or each value of a mapping that has some, is a number; null stands for no bound."""
    if isinstance(value, dict):
        return bool(value) and all(map(_is_number, value.values()))
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _fates(curated: Curated, params: Params, *, dataset: str, name: str, con: duckdb.DuckDBPyConnection) -> int:
    """Make a table of every candidate's fate under some params; returns how many are kept."""
    result = select(curated, params, dataset=dataset, con=con)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {name} AS
        SELECT coalesce(sample_id, prompt_id) AS id, prompt_id,
            'kept' || coalesce(' in ' || string_agg(nullif(config, 'default'), ', ' ORDER BY config), '') AS fate
        FROM chosen WHERE reason IS NULL GROUP BY sample_id, prompt_id
        UNION ALL
        SELECT coalesce(sample_id, prompt_id), prompt_id, reason FROM fates WHERE reason IS NOT NULL
        """
    )
    prompts = curated.prompts
    con.execute("CREATE OR REPLACE TEMP TABLE categories AS SELECT prompt_id, category FROM prompts")
    return result.num_candidates - sum(result.num_dropped.values())


def _is_kept(fate: str) -> bool:
    return fate.startswith("kept")


def _moves(con: duckdb.DuckDBPyConnection) -> tuple[Move, ...]:
    """The fates that differ, the most frequent kind first; who is out of scope under one of the two says so."""
    rows = con.sql(
        f"""
        SELECT category, coalesce(fates_now.fate, 'out of scope') AS before,
            coalesce(fates_then.fate, 'out of scope') AS after, count(*) AS candidates,
            list(id ORDER BY id)[:{SAMPLES}] AS first
        FROM fates_now
        FULL JOIN fates_then USING (id)
        JOIN categories ON categories.prompt_id = coalesce(fates_now.prompt_id, fates_then.prompt_id)
        WHERE before <> after
        GROUP BY category, before, after
        ORDER BY candidates DESC, category, before, after
        """
    ).fetchall()
    return tuple(Move(category, now, then, num, tuple(first)) for category, now, then, num, first in rows)

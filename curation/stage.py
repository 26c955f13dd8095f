"""What all stages share around their pure function: params, inputs, outputs, accounts, errors.

A stage's `main` calls `run_stage` with a function that reads tables, calls the stage's pure
function and writes what it returned. Everything is written into `data/.<stage>.part` and renamed to
`data/<stage>` at the end, so a stage's output is whole or absent. Rows in are rows kept plus
rows dropped, or the stage fails.
"""

import csv
import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from curation import params as params_module
from curation import tables
from curation.disk import disk_sentence
from curation.errors import CurateError, DataError
from curation.params import Params
from curation.places import DATA
from curation.progress import say
from curation.tables import Order, Relation
from schemas.drops import DROPS
from schemas.table import Table

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as shells have it."""


@dataclass(frozen=True)
class Kept:
    """Result of a stage that keeps some of its rows and drops the others."""

    kept: Relation
    """Columns of the stage's own output table."""
    dropped: Relation
    """Columns of `drops` that apply, `reason` at least; one row per unit dropped."""


@dataclass
class Run:
    """One run of one stage: its params, its connection, and the folder it writes to."""

    stage: str
    dataset: str | None
    params: Params
    con: duckdb.DuckDBPyConnection
    part: Path

    def read(self, stage: str, table: Table, *, folder: str | None = None) -> Relation:
        """Open a table that another stage wrote, from data/<stage>/<folder or table's name>."""
        return tables.read(self.con, DATA / stage / (folder or table.name), table)

    def scratch(self, name: str) -> Path:
        """An empty folder for intermediate shards, on the disk of the outputs; gone when the stage ends."""
        folder = Path(f"{self.part}.spill") / name
        folder.mkdir(parents=True)
        return folder

    def write(self, table: Table, relation: Relation, *, order: Order | None = None) -> int:
        """Write one of the stage's own tables, by its key or another `order`; returns its rows."""
        return tables.write(relation, self.part / table.name, table, order=order, con=self.con)

    def write_drops(self, dropped: Relation, *, order: Order | None = None) -> dict[str, int]:
        """Write the drops, the columns that do not apply as null, by `order` as `write` does; returns units by reason."""
        given = set(dropped.columns)
        own = {"stage": f"'{self.stage}'", "dataset": f"'{self.dataset}'" if self.dataset else "NULL"}
        own |= {} if "num_units" in given else {"num_units": "1"}
        columns = ", ".join(
            f"{own.get(name) or (name if name in given else 'NULL')}::{_sql_type(name)} AS {name}"
            for name in DROPS.column_names
        )
        self.write(DROPS, dropped.query("dropped", f"SELECT {columns} FROM dropped"), order=order)
        written = tables.read(self.con, self.part / DROPS.name, DROPS)
        counts = written.query(
            "written", "SELECT reason, sum(num_units)::BIGINT FROM written GROUP BY reason ORDER BY reason"
        ).fetchall()
        return dict(counts)

    def account(self, *, unit: str, rows_in: int, rows_kept: int, dropped: Mapping[str, int] | None = None) -> None:
        """Check that nothing vanished; write counts.json, a DVC metric, and outcomes.csv for the plot of the funnel.

        Args:
            unit: What is counted: record, prompt, request, response or candidate.
            rows_in: Units that came in.
            rows_kept: Units that stayed.
            dropped: Units dropped, by reason.
        """
        reasons = dict(sorted((dropped or {}).items(), key=lambda item: (-item[1], item[0])))
        lost = rows_in - rows_kept - sum(reasons.values())
        assert lost == 0, f"{self.stage}: {rows_in} in, {rows_kept} kept, {reasons} dropped: {lost} unaccounted for"
        counts = {"unit": unit, "rows_in": rows_in, "rows_kept": rows_kept, "dropped": reasons}
        self.write_json("counts.json", counts)
        stage = f"{self.stage} {self.dataset}" if self.dataset else self.stage
        outcomes = [(stage, outcome, rows) for outcome, rows in {"kept": rows_kept, **reasons}.items()]
        self.write_csv("outcomes.csv", ("stage", "outcome", "rows"), outcomes)
        told = ", ".join(f"{reason} {rows:,}" for reason, rows in reasons.items())
        say(
            f"{self.stage}: {rows_in:,} in, {rows_kept:,} kept, {sum(reasons.values()):,} dropped{f' ({told})' if told else ''}"
        )

    def write_json(self, name: str, value: object) -> None:
        """Write a metrics file into the stage's output."""
        path = self.part / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")

    def write_csv(self, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write a small table for a DVC plot into the stage's output."""
        with (self.part / name).open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n").writerows([header, *rows])


def run_stage(stage: str, body: Callable[[Run], None], *, dataset: str | None = None) -> int:
    """Run a stage's body with its params and an empty output folder; returns the exit code.

    Errors meant for the user are printed as their sentence alone. Whatever fails, nothing
    half-written is left under the output's name.
    """
    start = time.monotonic()
    name = f"{stage} {dataset}" if dataset else stage
    part = DATA / f".{stage}{'.' + dataset if dataset else ''}.part"
    target = DATA / stage / dataset if dataset else DATA / stage
    try:
        params = params_module.load()
        if dataset is not None and dataset not in params.datasets:
            raise DataError(f"{stage}: no dataset {dataset!r} in params (has: {', '.join(params.datasets)})")
        # A killed run leaves both behind.
        for folder in (part, Path(f"{part}.spill")):
            shutil.rmtree(folder, ignore_errors=True)
        part.mkdir(parents=True)
        con = tables.connect(memory_gb=params.resources.memory_gb, processes=params.resources.processes)
        con.execute(f"SET temp_directory = '{part}.spill'")
        body(Run(stage, dataset, params, con, part))
        con.close()
        _replace(part, target)
    except CurateError as error:
        return _fail(f"{error}")
    except (OSError, duckdb.Error) as error:
        return _fail(disk_sentence(name, error))
    except KeyboardInterrupt:
        return _fail(f"{name}: interrupted; what the memo holds is kept", code=INTERRUPTED)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(f"{part}.spill", ignore_errors=True)
    say(f"{name}: wrote {target} in {time.monotonic() - start:.1f} s")
    return 0


def _replace(part: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    part.rename(target)


def _fail(sentence: str, *, code: int = 1) -> int:
    say(f"error: {sentence}")
    return code


def _sql_type(name: str) -> str:
    return {"figure": "DOUBLE", "num_units": "BIGINT"}.get(name, "VARCHAR")

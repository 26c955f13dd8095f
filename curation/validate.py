"""validate: hold all selections against their expectations; one that fails stops the pipeline.

In: `selections` and drops of all datasets, `prompts`, `responses`, `verdicts`, `scores`, drops of decontaminate.
Out: <dataset>.json with its findings, which release waits for, and report.md. Drops nothing. DuckDB makes scalar
frames, Great Expectations judges them: the suite `rows` every row of every dataset, `samples` those of
datasets of samples, a suite named like the recipe those of its datasets, `figures` one row of figures a dataset.
What two versions of a dataset differ in is judged later, by `validate_diff`.

Example row of the frame of samples: {"sample_id": "1f0c...", "split": "train", "category":
"math", "status": "verified", "score_share": 1.0, "passed": true, "rules_kept": true,
"answer_tokens": 9, "copies": 1, "splits_of_prompt": 1, "responses_of_prompt": 1, "think_faults": 0, ...}
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from curation import tables
from curation.errors import DataError, ParamsError
from curation.expectations import SUITES, Finding, Judge, added
from curation.grade import create_passed
from curation.layouts.named import layout_of
from curation.params import Params
from curation.places import DATA
from curation.progress import say
from curation.render import markdown, nearest
from curation.stage import Run, run_stage
from curation.tables import Relation
from curation.validate_frames import Selected, figure_frame, row_frame
from curation.validate_turns import turn_faults
from schemas.annotations import ANNOTATIONS
from schemas.drops import DROPS
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES
from schemas.scores import SCORES
from schemas.selections import SELECTIONS
from schemas.table import Table
from schemas.verdicts import VERDICTS

FRAME_ROWS = 500_000
"""Samples judged at once: about 0.5 GB in Great Expectations."""
BOUNDS = ("rows_min", "dropped_share_max", "think_faults_share_max")
"""Params of validate that name datasets."""


def validate(
    selected: Selected, params: Params, *, dataset: str, judge: Judge, con: duckdb.DuckDBPyConnection
) -> list[Finding]:
    """Judge one dataset's selection.

    Args:
        selected: Tables of one connection.
        params: Reads `validate`, `grade.thresholds` and the dataset's block.
        dataset: Name of the dataset in params.
        judge: Great Expectations.
        con: The connection; gets the macro `passed`.

    Returns:
        One finding per expectation, in the order of the suites.
    """
    create_passed(con, params.grade.thresholds)
    block = params.datasets[dataset]
    parameters = _parameters(params, dataset)
    unit = layout_of(block).unit
    own_suite = SUITES / f"{Path(block.recipe).stem}.json"
    suites = [SUITES / "rows.json", *([SUITES / "samples.json"] if unit == "sample" else [])]
    suites += [own_suite] if own_suite.exists() else []
    findings: dict[str, Finding] = {}
    for frame in _frames(row_frame(selected, block).to_arrow_reader(FRAME_ROWS)):
        for suite in suites:
            for found in judge.judge(frame, suite, dataset=dataset, id_column=f"{unit}_id", parameters=parameters):
                findings[found.id] = added(findings.get(found.id), found)
    figures = figure_frame(selected, block).to_arrow_table()
    return [*findings.values(), *judge.judge_figures(figures, "figures", dataset=dataset, parameters=parameters)]


def _frames(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """The reader's batches, one at a time; an empty frame where it has none."""
    empty = True
    for batch in reader:
        empty = False
        yield pa.Table.from_batches([batch])
    if empty:
        yield reader.schema.empty_table()


def _parameters(params: Params, dataset: str) -> Mapping[str, Any]:
    """What the suites read as {"$PARAMETER": name}."""
    block = params.datasets[dataset]
    keep_unverified = block.values.get("keep_unverified", True)
    return {
        "rows_min": params.validate.rows_min.get(dataset, 0 if block.allow_empty else 1),
        "dropped_share_max": params.validate.dropped_share_max.get(dataset, 1.0),
        "think_sound_share_min": 1 - params.validate.think_faults_share_max.get(dataset, 0.0),
        "splits": list(block.splits),
        "statuses_allowed": ["verified", "unverified"] if keep_unverified else ["verified"],
    }


def report_markdown(findings: Sequence[Finding]) -> str:
    """The findings as a table a dataset."""
    lines = ["# Validation"]
    columns = ("suite", "expectation", "outcome", "rows", "failed", "figure")
    for dataset in dict.fromkeys(finding.dataset for finding in findings):
        rows = [
            (one.suite, one.description, one.outcome, f"{one.rows:,}", f"{one.failed_rows:,}", one.figure)
            for one in findings
            if one.dataset == dataset
        ]
        lines += ["", f"## {dataset}", "", markdown(columns, rows)]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Hold all selections against their expectations; exit with 1 where one fails."""
    return run_stage("validate", _run)


def _run(run: Run) -> None:
    findings = judge_selections(run.con, run.params, list(run.params.datasets), judge=Judge())
    failed = [finding for finding in findings if not finding.success]
    if failed:
        raise DataError("\n".join(f"validate: {finding.sentence}" for finding in failed))
    for dataset in run.params.datasets:
        run.write_json(f"{dataset}.json", [asdict(one) for one in findings if one.dataset == dataset])
    (run.part / "report.md").write_text(report_markdown(findings), encoding="utf-8")
    say(f"validate: {len(findings)} expectations hold for {', '.join(run.params.datasets)}")


def judge_selections(
    con: duckdb.DuckDBPyConnection, params: Params, datasets: Sequence[str], *, judge: Judge
) -> list[Finding]:
    """Judge the selections of some datasets as the stages wrote them, text read once.

    Raises:
        ParamsError: A bound names a dataset that is not in params.
        DataError: A stage before has not run, or an expectation cannot be evaluated.
    """
    _check_names(params)
    prompts = _read(con, "annotate", PROMPTS)
    wanted = params.score.rules.require_well_formed
    thinking = [teacher.name for teacher in params.teachers if wanted and teacher.response_format != "plain"]
    shared = {
        "prompts": prompts,
        "annotations": _read(con, "annotate", ANNOTATIONS),
        "verdicts": _read(con, "verify", VERDICTS),
        "scores": _read(con, "score", SCORES),
        "contaminated": _read(con, "decontaminate", DROPS),
    }
    faults = turn_faults(con, prompts, _read(con, "distill", RESPONSES), thinking_teachers=thinking)
    findings: list[Finding] = []
    for dataset in datasets:
        selections = tables.read(con, DATA / "select" / dataset / SELECTIONS.name, SELECTIONS)
        dropped_share = _dropped_share(DATA / "select" / dataset)
        selected = Selected(selections=selections, dropped_share=dropped_share, faults=faults, **shared)
        findings += validate(selected, params, dataset=dataset, judge=judge, con=con)
    return findings


def _read(con: duckdb.DuckDBPyConnection, stage: str, table: Table) -> Relation:
    return tables.read(con, DATA / stage / table.name, table)


def _dropped_share(folder: Path) -> float | None:
    """Share of its candidates that a selection dropped, from its account."""
    counts = json.loads((folder / "counts.json").read_text(encoding="utf-8"))
    return 1 - counts["rows_kept"] / counts["rows_in"] if counts["rows_in"] else None


def _check_names(params: Params) -> None:
    for key in BOUNDS:
        for name in getattr(params.validate, key):
            if name not in params.datasets:
                raise ParamsError(
                    f"validate: {key} names the dataset {name!r}; {nearest(name, list(params.datasets))}."
                )


if __name__ == "__main__":
    sys.exit(main())

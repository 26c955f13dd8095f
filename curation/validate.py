"""validate: hold all selections against their expectations; one that fails stops the pipeline.

In: `selections` and drops of all datasets, `prompts`, `verdicts`, `scores`, drops of decontaminate.
Out: <dataset>.json with its findings, which release waits for, and report.md. Drops nothing. DuckDB makes scalar
frames, Great Expectations judges them: the suite `rows` every row of every dataset, `samples` those of
datasets of samples, a suite named like the recipe those of its datasets, `figures` one row of figures a dataset.

Example row of the frame of samples: {"sample_id": "1f0c...", "split": "train", "category":
"math", "status": "verified", "score_share": 1.0, "passed": true, "rules_kept": true,
"answer_tokens": 9, "copies": 1, "splits_of_prompt": 1, "responses_of_prompt": 1, ...}
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from curation.errors import DataError, ParamsError
from curation.expectations import EXAMPLES, SUITES, Finding, Judge
from curation.grade import create_passed
from curation.layouts.named import layout_of
from curation.params import Dataset, Params
from curation.progress import say
from curation.render import nearest
from curation.stage import DATA, Run, run_stage
from curation.tables import Relation
from schemas.annotations import ANNOTATIONS
from schemas.drops import DROPS
from schemas.prompts import PROMPTS
from schemas.scores import SCORES
from schemas.selections import SELECTIONS
from schemas.verdicts import VERDICTS

FRAME_ROWS = 500_000
"""Samples judged at once: about 0.5 GB in Great Expectations."""


@dataclass(frozen=True)
class Selected:
    """What a dataset selected, and the tables that say what it is."""

    selections: Relation
    dropped_share: float | None
    """Candidates that the selection dropped, as a share; null without candidates."""
    prompts: Relation
    annotations: Relation
    verdicts: Relation
    scores: Relation
    contaminated: Relation
    """Drops of decontaminate."""


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
                findings[found.id] = _add(findings.get(found.id), found)
    figures = figure_frame(selected, block).to_arrow_table()
    named = figures.append_column("dataset", pa.array([dataset]))
    return [
        *findings.values(),
        *judge.judge(named, SUITES / "figures.json", dataset=dataset, id_column="dataset", parameters=parameters),
    ]


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
        "splits": list(block.splits),
        "statuses_allowed": ["verified", "unverified"] if keep_unverified else ["verified"],
    }


def row_frame(selected: Selected, block: Dataset) -> Relation:
    """Scalars of every selected row, with counts over the whole dataset, ordered by ids."""
    selections, prompts, verdicts = selected.selections, selected.prompts, selected.verdicts
    scores, contaminated, annotations = selected.scores, selected.contaminated, selected.annotations
    drawn = f"{block.split_by}_id"
    return selections.query(
        "selections",
        f"""
        WITH copies AS (
            SELECT config, prompt_id, sample_id, count(*) AS copies FROM selections GROUP BY ALL
        ),
        of_prompt AS (
            SELECT prompt_id, count(DISTINCT split) AS splits_of_prompt,
                count(DISTINCT sample_id) AS responses_of_prompt
            FROM selections GROUP BY prompt_id
        ),
        of_drawn AS (
            SELECT annotations.{drawn}, count(DISTINCT split) AS splits_of_group
            FROM selections JOIN annotations USING (prompt_id)
            GROUP BY annotations.{drawn}
        ),
        overlapping AS (SELECT DISTINCT prompt_id FROM contaminated)
        SELECT selections.sample_id, selections.prompt_id, selections.split, prompts.category, verdicts.status,
            verdicts.score / CASE prompts.category WHEN 'science' THEN 5 ELSE 1 END AS score_share,
            passed(prompts.category, verdicts.score) AS passed,
            scores.reason IS NULL AS rules_kept, scores.answer_tokens,
            copies.copies, of_prompt.splits_of_prompt, of_prompt.responses_of_prompt,
            coalesce(of_drawn.splits_of_group, 1) AS splits_of_group,
            overlapping.prompt_id IS NOT NULL AS contaminated
        FROM selections
        JOIN copies ON copies.config = selections.config AND copies.prompt_id = selections.prompt_id
            AND copies.sample_id IS NOT DISTINCT FROM selections.sample_id
        JOIN of_prompt ON of_prompt.prompt_id = selections.prompt_id
        LEFT JOIN annotations ON annotations.prompt_id = selections.prompt_id
        LEFT JOIN of_drawn ON of_drawn.{drawn} = annotations.{drawn}
        LEFT JOIN prompts ON prompts.prompt_id = selections.prompt_id
        LEFT JOIN verdicts ON verdicts.sample_id = selections.sample_id
        LEFT JOIN scores ON scores.sample_id = selections.sample_id
        LEFT JOIN overlapping ON overlapping.prompt_id = selections.prompt_id
        ORDER BY selections.prompt_id, selections.sample_id, selections.config
        """,
    )


def figure_frame(selected: Selected, block: Dataset) -> Relation:
    """One row: `rows`, `dropped_share` of the candidates, `split_deviation`, which is null without rows.

    The deviation of a split is how many prompts more or less it has than its share in params, less one,
    in standard deviations of a draw of so many prompts; of the splits, the largest counts. Where groups
    of prompts are drawn, they count instead.
    """
    selections, annotations = selected.selections, selected.annotations
    drawn = f"{block.split_by}_id"
    shares = ", ".join(f"('{split}', {share}::DOUBLE)" for split, share in block.splits.items())
    return selections.query(
        "selections",
        f"""
        WITH wanted(split, share) AS (VALUES {shares}),
        drawn_splits AS (SELECT DISTINCT {drawn}, split FROM selections JOIN annotations USING (prompt_id)),
        deviations AS (
            SELECT greatest(abs(count({drawn}) - num_drawn * any_value(share)) - 1, 0)
                / greatest(sqrt(any_value(share) * (1 - any_value(share)) * num_drawn), 1e-9) AS deviation
            FROM wanted
            CROSS JOIN (SELECT nullif(count(*), 0) AS num_drawn FROM drawn_splits)
            LEFT JOIN drawn_splits USING (split)
            GROUP BY split, num_drawn
        )
        SELECT
            (SELECT count(*) FROM selections) AS rows,
            {"NULL" if selected.dropped_share is None else selected.dropped_share}::DOUBLE AS dropped_share,
            (SELECT round(max(deviation), 6) FROM deviations) AS split_deviation
        """,
    )


def _add(before: Finding | None, found: Finding) -> Finding:
    """Join the findings of one expectation on two frames."""
    if before is None:
        return found
    return replace(
        found,
        success=before.success and found.success,
        rows=before.rows + found.rows,
        failed_rows=before.failed_rows + found.failed_rows,
        examples=(*before.examples, *found.examples)[:EXAMPLES],
    )


def report_markdown(findings: Sequence[Finding]) -> str:
    """The findings as a table a dataset."""
    lines = ["# Validation"]
    for dataset in dict.fromkeys(finding.dataset for finding in findings):
        lines += ["", f"## {dataset}", "", "| suite | expectation | rows | failed |", "| --- | --- | ---: | ---: |"]
        lines += [
            f"| {finding.suite} | {finding.description} | {finding.rows:,} | {finding.failed_rows:,} |"
            for finding in findings
            if finding.dataset == dataset
        ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Hold all selections against their expectations; exit with 1 where one fails."""
    return run_stage("validate", _run)


def _run(run: Run) -> None:
    _check_names(run.params)
    shared = {
        "prompts": run.read("annotate", PROMPTS),
        "annotations": run.read("annotate", ANNOTATIONS),
        "verdicts": run.read("verify", VERDICTS),
        "scores": run.read("score", SCORES),
        "contaminated": run.read("decontaminate", DROPS),
    }
    judge = Judge()
    findings: list[Finding] = []
    for dataset in run.params.datasets:
        selections = run.read("select", SELECTIONS, folder=f"{dataset}/{SELECTIONS.name}")
        selected = Selected(selections, _dropped_share(DATA / "select" / dataset), **shared)
        findings += validate(selected, run.params, dataset=dataset, judge=judge, con=run.con)
    failed = [finding for finding in findings if not finding.success]
    if failed:
        raise DataError("\n".join(f"validate: {finding.sentence}" for finding in failed))
    for dataset in run.params.datasets:
        run.write_json(f"{dataset}.json", [asdict(one) for one in findings if one.dataset == dataset])
    (run.part / "report.md").write_text(report_markdown(findings), encoding="utf-8")
    say(f"validate: {len(findings)} expectations hold for {', '.join(run.params.datasets)}")


def _dropped_share(folder: Path) -> float | None:
    """Share of its candidates that a selection dropped, from its account."""
    counts = json.loads((folder / "counts.json").read_text(encoding="utf-8"))
    return 1 - counts["rows_kept"] / counts["rows_in"] if counts["rows_in"] else None


def _check_names(params: Params) -> None:
    for key, bounds in vars(params.validate).items():
        for name in bounds:
            if name not in params.datasets:
                raise ParamsError(
                    f"validate: {key} names the dataset {name!r}; {nearest(name, list(params.datasets))}."
                )


if __name__ == "__main__":
    sys.exit(main())

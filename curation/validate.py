"""validate: hold all selections against their expectations; one that fails stops the pipeline.

In: `selections` and drops of all datasets, `prompts`, `verdicts`, `scores`, drops of decontaminate.
Out: <dataset>.json with its findings, which release waits for, and report.md. Drops nothing. DuckDB makes scalar
frames, Great Expectations judges them: the suite `rows` every sample of every dataset, a suite
named like the recipe the samples of its datasets, the suite `figures` one row of figures a dataset.

Example row of the frame of samples: {"sample_id": "1f0c...", "split": "train", "category":
"math", "status": "verified", "score_share": 1.0, "passed": true, "rules_kept": true,
"answer_tokens": 9, "copies": 1, "splits_of_prompt": 1, "responses_of_prompt": 1, ...}
"""

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
from curation.params import Dataset, Params
from curation.progress import say
from curation.recipe import nearest
from curation.stage import Run, run_stage
from curation.tables import Relation
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
    drops: Relation
    """Drops of the dataset's selection."""
    prompts: Relation
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
    own_suite = SUITES / f"{Path(block.recipe).stem}.json"
    suites = [SUITES / "rows.json", *([own_suite] if own_suite.exists() else [])]
    findings: dict[str, Finding] = {}
    for frame in _frames(row_frame(selected).to_arrow_reader(FRAME_ROWS)):
        for suite in suites:
            for found in judge.judge(frame, suite, dataset=dataset, id_column="sample_id", parameters=parameters):
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
        "dropped_share_max": params.validate.dropped_share_max,
        "splits": list(block.splits),
        "statuses_allowed": ["verified", "unverified"] if keep_unverified else ["verified"],
    }


def row_frame(selected: Selected) -> Relation:
    """Scalars of every selected sample, with counts over the whole dataset, ordered by id."""
    selections, prompts, verdicts = selected.selections, selected.prompts, selected.verdicts
    scores, contaminated = selected.scores, selected.contaminated
    return selections.query(
        "selections",
        """
        WITH copies AS (
            SELECT config, sample_id, count(*) AS copies FROM selections GROUP BY config, sample_id
        ),
        of_prompt AS (
            SELECT prompt_id, count(DISTINCT split) AS splits_of_prompt,
                count(DISTINCT sample_id) AS responses_of_prompt
            FROM selections GROUP BY prompt_id
        ),
        overlapping AS (SELECT DISTINCT prompt_id FROM contaminated)
        SELECT selections.sample_id, selections.prompt_id, selections.split, prompts.category, verdicts.status,
            verdicts.score / CASE prompts.category WHEN 'science' THEN 5 ELSE 1 END AS score_share,
            passed(prompts.category, verdicts.score) AS passed,
            scores.kept AS rules_kept, scores.answer_tokens,
            copies.copies, of_prompt.splits_of_prompt, of_prompt.responses_of_prompt,
            overlapping.prompt_id IS NOT NULL AS contaminated
        FROM selections
        JOIN copies USING (config, sample_id)
        JOIN of_prompt ON of_prompt.prompt_id = selections.prompt_id
        LEFT JOIN prompts ON prompts.prompt_id = selections.prompt_id
        LEFT JOIN verdicts ON verdicts.sample_id = selections.sample_id
        LEFT JOIN scores ON scores.sample_id = selections.sample_id
        LEFT JOIN overlapping ON overlapping.prompt_id = selections.prompt_id
        ORDER BY selections.sample_id, selections.config
        """,
    )


def figure_frame(selected: Selected, block: Dataset) -> Relation:
    """One row: `rows`, `dropped_share` of the candidates, `split_deviation`; shares are null without rows.

    The deviation of a split is the difference between its share of the prompts and the share in
    params, in standard deviations of a draw of so many prompts; of the splits, the largest counts.
    """
    selections, drops = selected.selections, selected.drops
    shares = ", ".join(f"('{split}', {share}::DOUBLE)" for split, share in block.splits.items())
    return selections.query(
        "selections",
        f"""
        WITH wanted(split, share) AS (VALUES {shares}),
        prompt_splits AS (SELECT DISTINCT prompt_id, split FROM selections),
        deviations AS (
            SELECT abs(count(prompt_id) / num_prompts - any_value(share))
                / greatest(sqrt(any_value(share) * (1 - any_value(share)) / num_prompts), 1e-9) AS deviation
            FROM wanted
            CROSS JOIN (SELECT nullif(count(*), 0) AS num_prompts FROM prompt_splits)
            LEFT JOIN prompt_splits USING (split)
            GROUP BY split, num_prompts
        )
        SELECT
            (SELECT count(*) FROM selections) AS rows,
            (SELECT count(*) FROM drops) / nullif((SELECT count(*) FROM drops) + count(DISTINCT sample_id), 0)
                AS dropped_share,
            (SELECT round(max(deviation), 6) FROM deviations) AS split_deviation
        FROM selections
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
    _check_rows_min(run.params)
    shared = {
        "prompts": run.read("annotate", PROMPTS),
        "verdicts": run.read("verify", VERDICTS),
        "scores": run.read("score", SCORES),
        "contaminated": run.read("decontaminate", DROPS),
    }
    judge = Judge()
    findings: list[Finding] = []
    for dataset in run.params.datasets:
        selections = run.read("select", SELECTIONS, folder=f"{dataset}/{SELECTIONS.name}")
        drops = run.read("select", DROPS, folder=f"{dataset}/{DROPS.name}")
        selected = Selected(selections, drops, **shared)
        findings += validate(selected, run.params, dataset=dataset, judge=judge, con=run.con)
    failed = [finding for finding in findings if not finding.success]
    if failed:
        raise DataError("\n".join(f"validate: {finding.sentence}" for finding in failed))
    for dataset in run.params.datasets:
        run.write_json(f"{dataset}.json", [asdict(one) for one in findings if one.dataset == dataset])
    (run.part / "report.md").write_text(report_markdown(findings), encoding="utf-8")
    say(f"validate: {len(findings)} expectations hold for {', '.join(run.params.datasets)}")


def _check_rows_min(params: Params) -> None:
    for name in params.validate.rows_min:
        if name not in params.datasets:
            raise ParamsError(f"validate: rows_min names the dataset {name!r}; {nearest(name, params.datasets)}")


if __name__ == "__main__":
    sys.exit(main())

"""grade: how each teacher did on each prompt, under the thresholds of params; whether references hold.

In: `verdicts` of verify, `prompts` of annotate. Out: `grades`; `reference_checks` (`curation.reference_repair`);
pass_rates.json and .csv by category and teacher. Drops nothing; the unit is the response. A response passes where its raw score exceeds its category's threshold;
one that is unverified counts neither for nor against. Figures that are undefined are null: rates
where nothing was verified, the coefficient of variation where the mean is 0 as well.

Example row: {"prompt_id": "9ab2...", "teacher": "smollm2-plain", "category": "math",
"num_samples": 4, "num_verified": 4, "num_passed": 3, "pass_rate": 0.75, "mean_score": 0.75,
"cv_population": 0.57735026919, "cv_sample": 0.666666666667, "best_sample_id": "1f0c...",
"worst_sample_id": "77aa..."}

Reference: R5, DeepDistill (arXiv 2504.17565), 6.5 pass rate and thresholds, 6.7 coefficient of variation.
"""

import functools
import sys
from collections.abc import Sequence
from typing import Any

import duckdb

from curation.errors import DataError, ParamsError
from curation.params import Params, Thresholds
from curation.reference_repair import answers_of, check_references, equal_answers
from curation.stage import Run, run_stage
from curation.tables import Relation, count
from schemas.grades import GRADES
from schemas.prompts import PROMPTS
from schemas.reference_checks import REFERENCE_CHECKS
from schemas.verdicts import VERDICTS


def create_passed(con: duckdb.DuckDBPyConnection, thresholds: Thresholds) -> None:
    """Define the SQL macro `passed(category, score)` that grade, recipes and validate share.

    It is true where the score exceeds the category's threshold, false where it does not, and
    null where there is no score. A score that equals the threshold does not pass (R5 6.5). A recipe
    with thresholds of its own gives them as a map: `passed(category, score, $thresholds)`.

    Example:
        >>> create_passed(con, {"math": 0.99})
        >>> con.sql("SELECT passed('math', 1.0), passed('math', 0.99), passed('math', NULL)").fetchall()
        [(True, False, None)]
        >>> con.sql("SELECT passed('math', 0.95, MAP {'math': 0.9})").fetchall()
        [(True,)]
    """
    cases = " ".join(f"WHEN '{category}' THEN {threshold!r}::DOUBLE" for category, threshold in thresholds.items())
    con.execute(
        f"""
        CREATE OR REPLACE TEMP MACRO passed
            (category, score) AS score > CASE category {cases} END,
            (category, score, thresholds) AS score > thresholds[category]
        """
    )


def grade(verdicts: Relation, thresholds: Thresholds, *, con: duckdb.DuckDBPyConnection) -> Relation:
    """Sum up the verdicts of each prompt and teacher.

    Args:
        verdicts: One row per sample. Reads `sample_id`, `prompt_id`, `teacher`, `category`, `score`.
        thresholds: By category; every category among the verdicts needs one.
        con: Connection of the verdicts; gets the macro `passed`.

    Returns:
        One row per prompt and teacher, with the columns of `grades`. Figures have 12 decimals,
        so that the order in which a parallel sum adds does not show.

    Raises:
        ParamsError: A category has no threshold.
        DataError: A score is infinite or no number.
    """
    _check_categories(verdicts, thresholds)
    _check_scores(verdicts)
    create_passed(con, thresholds)
    return verdicts.query(
        "verdicts",
        f"""
        SELECT prompt_id, teacher, any_value(category) AS category,
            count(*)::INTEGER AS num_samples,
            count(score)::INTEGER AS num_verified,
            (count(*) FILTER (passed(category, score)))::INTEGER AS num_passed,
            round(num_passed / nullif(num_verified, 0), 12) AS pass_rate,
            round(avg(score), 12) AS mean_score,
            round(stddev_pop(score) / nullif(avg(score), 0), 12) AS cv_population,
            round(stddev_samp(score) / nullif(avg(score), 0), 12) AS cv_sample,
            {_FIRST_ID.format(order="DESC")} AS best_sample_id,
            {_FIRST_ID.format(order="ASC")} AS worst_sample_id
        FROM verdicts
        GROUP BY prompt_id, teacher
        """,
    )


# The id with the first score, the least id among equal ones: 9 bytes that sort as the score does, then the id. The least of
# a column of (score, sample_id) is the same and takes three times as long to find.
_FIRST_ID = """
decode((min(create_sort_key(score, '{order} NULLS LAST') || encode(sample_id)) FILTER (score IS NOT NULL))[10:])
"""


def _check_categories(verdicts: Relation, thresholds: Thresholds) -> None:
    found = {category for (category,) in verdicts.project("category").distinct().fetchall()}
    missing = sorted(found - set(thresholds))
    if missing:
        raise ParamsError(
            f"grade: verdicts have the category {missing[0]!r}, grade.thresholds only {', '.join(sorted(thresholds))}. "
            f"Give it a threshold in params.yaml."
        )


def _check_scores(verdicts: Relation) -> None:
    bad = verdicts.filter("NOT isfinite(score)").order("sample_id").limit(1)
    for sample_id, category, teacher, score in bad.project("sample_id, category, teacher, score").fetchall():
        raise DataError(
            f"grade: verdicts have the score {score} for the sample {sample_id} ({category}, by {teacher}); wanted a "
            f"finite number, or null where it is unverified. Run the stage again: dvc repro -f verify"
        )


def check_all_references(
    verdicts: Relation, prompts: Relation, params: Params, *, con: duckdb.DuckDBPyConnection
) -> Relation:
    """The rows of `reference_checks` under params; none where `grade.reference_repair` is null."""
    repair, resources = params.grade.reference_repair, params.resources
    if repair is None:
        return con.from_arrow(REFERENCE_CHECKS.arrow_schema.empty_table())
    equal = functools.partial(
        equal_answers, params=params.verify, con=con, processes=resources.processes, executor=resources.executor
    )
    return check_references(answers_of(verdicts, prompts, params.roles[repair.role]), repair, equal=equal, con=con)


def pass_rates(grades: Relation) -> dict[str, dict[str, dict[str, Any]]]:
    """Samples, verified, passed and pass rate of each category and teacher."""
    rows = grades.query(
        "grades",
        """
        SELECT category, teacher, sum(num_samples)::BIGINT, sum(num_verified)::BIGINT, sum(num_passed)::BIGINT
        FROM grades GROUP BY category, teacher ORDER BY category, teacher
        """,
    ).fetchall()
    rates: dict[str, dict[str, dict[str, Any]]] = {}
    for category, teacher, samples, verified, passed in rows:
        rate = round(passed / verified, 6) if verified else None
        figures = {"samples": samples, "verified": verified, "passed": passed, "pass_rate": rate}
        rates.setdefault(category, {})[teacher] = figures
    return rates


def main(argv: Sequence[str] | None = None) -> int:
    """Apply thresholds to the verdicts: pass rates and their spread, per prompt and teacher; check references."""
    return run_stage("grade", _run)


def _run(run: Run) -> None:
    verdicts = run.read("verify", VERDICTS)
    run.write(GRADES, grade(verdicts, run.params.grade.thresholds, con=run.con))
    grades = run.con.read_parquet(f"{run.part}/{GRADES.name}/*.parquet")
    rates = pass_rates(grades)
    run.write(REFERENCE_CHECKS, check_all_references(verdicts, run.read("annotate", PROMPTS), run.params, con=run.con))
    run.write_json("pass_rates.json", rates)
    plotted = [
        (category, teacher, figures["pass_rate"])
        for category, by_teacher in rates.items()
        for teacher, figures in by_teacher.items()
        if figures["verified"]
    ]
    run.write_csv("pass_rates.csv", ("category", "teacher", "pass_rate"), plotted)
    graded = int(grades.aggregate("coalesce(sum(num_samples), 0)").fetchall()[0][0])
    run.account(unit="response", rows_in=count(verdicts), rows_kept=graded)


if __name__ == "__main__":
    sys.exit(main())

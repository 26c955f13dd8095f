"""Statistics of a dataset: the tables and figures that the reports print of theirs.

In: a dataset's `selections`, and the scalars of `prompts`, `annotations`, `scores` and `grades`. Out: small
tables by config, and a summary of the whole dataset. The stage select writes them; the dataset card and
the plots of DVC show them. A dataset of prompts has no responses, so tokens and lengths are left out.

Every figure is a count, a quotient of counts, or a value that a row has: sums are of whole numbers, perplexity
as its fourth decimal, so neither threads nor the order of rows show. Rows are counted by length
before anything else; what follows works on those counts, whatever the number of rows.

Example row of `responses`: {"config": "plain", "role": "response", "teacher": "smollm2-plain", "category":
"math", "rows": 558, "tokens": 2112600, "tokens_share": 0.41, "tokens_mean": 3784.8, "tokens_median": 2501,
"tokens_p90": 8012, "tokens_max": 32768, "perplexity_mean": 2.9, "perplexity_median": 2.6, "pass_rate": 0.87}

Reference: R1 (arXiv 2503.19633) 2.4; R5, DeepDistill (arXiv 2504.17565), 6.5, 6.8 and 6.9; R7 (arXiv
2505.08311) 8.5; R8 (arXiv 2505.14464) 9.2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb

from curation.layouts.layout import quoted
from curation.tables import Relation

Rows = list[dict[str, Any]]

# The bars of R5 Fig. 8 where four responses were verified, and a place for every other number.
PASS_RATE_BINS = (
    ("0", "pass_rate = 0"),
    ("to 0.25", "pass_rate <= 0.25"),
    ("to 0.5", "pass_rate <= 0.5"),
    ("to 0.75", "pass_rate <= 0.75"),
    ("below 1", "pass_rate < 1"),
    ("1", "pass_rate = 1"),
    ("unverified", "true"),
)
# 0.05 is the bound of R5 6.8. Four scores of 0 and 1 spread by 0.58, 1 or 1.73: three bins of their own.
CV_BINS = (
    ("under 2 scores", "num_verified < 2"),
    ("all 0", "cv_population IS NULL"),
    ("0", "cv_population = 0"),
    ("to 0.05", "cv_population <= 0.05"),
    ("to 0.25", "cv_population <= 0.25"),
    ("to 0.5", "cv_population <= 0.5"),
    ("to 0.75", "cv_population <= 0.75"),
    ("to 1", "cv_population <= 1"),
    ("to 2", "cv_population <= 2"),
    ("above 2", "true"),
)
# What prompts are counted by: name of the table, column.
BREAKDOWNS = (
    ("difficulties", "difficulty"),
    ("labels", "label"),
    ("languages", "language"),
    ("references", "reference"),
    ("sources", "source"),
)
# What DVC draws: name of the table, its columns.
PLOTTED = (
    ("categories", ("config", "category", "rows", "rows_share")),
    ("lengths", ("config", "category", "bucket", "rows", "rows_share")),
    ("pass_rates", ("config", "category", "teacher", "bin", "prompts", "prompts_share")),
    ("spreads", ("config", "category", "teacher", "bin", "prompts", "prompts_share")),
)
ALL = "all"


@dataclass(frozen=True)
class Figures:
    """The tables that say what a selection holds."""

    prompts: Relation
    annotations: Relation
    scores: Relation
    grades: Relation


@dataclass(frozen=True)
class Statistics:
    """Figures of one dataset."""

    tables: Mapping[str, Rows]
    """By name: rows, each with its config; a row whose category, teacher or role is `all` is a total."""
    summary: Mapping[str, float | None]
    """Of the dataset as a whole: rows, prompts, tokens, mean tokens, pass rate."""


def reckon(
    selections: Relation,
    figures: Figures,
    *,
    unit: Literal["sample", "prompt"],
    teachers: Sequence[str],
    con: duckdb.DuckDBPyConnection,
    left_out: Relation | None = None,
) -> Statistics:
    """Count what a selection holds.

    Args:
        selections: Rows of `selections`, of one dataset.
        figures: Tables of all prompts and samples.
        unit: What the dataset's rows are.
        teachers: Those in the dataset's scope; pass rates and spreads are theirs.
        con: Connection of the tables; gets the temporary tables `held_prompts`, `held_grades` and `held_counts`.
        left_out: `sample_id` of the responses in scope that the selection lacks, if every other one has one row there. Where
            they are few, lengths are counted in a fraction of the time.

    Returns:
        Tables `categories`, `difficulties`, `labels`, `languages`, `references`, `sources`, `pass_rates` and
        `spreads`; of a dataset of samples `responses` and `lengths`, too. Lengths are in tokens, reasoning and
        answer together.
    """
    _hold_prompts(selections, figures, con)
    _hold_grades(figures.grades, teachers, con)
    tables = {
        "categories": _rows(con, _CATEGORIES),
        **{name: _rows(con, _BREAKDOWN.format(column=column)) for name, column in BREAKDOWNS},
        "pass_rates": _rows(con, _histogram(PASS_RATE_BINS)),
        "spreads": _rows(con, _histogram(CV_BINS)),
    }
    if unit == "sample":
        roles = con.sql("SELECT DISTINCT role FROM selections LIMIT 2").fetchall()
        alike = left_out is not None and len(roles) == 1
        if not (alike and _count_all_but(left_out, figures.scores, roles[0][0], teachers, con)):
            _count_lengths(selections, figures.scores, con)
        tables |= {"responses": _rows(con, _RESPONSES), "lengths": _rows(con, _LENGTHS)}
    one_config = len({row["config"] for row in tables["categories"]}) == 1
    (summary,) = _rows(con, _SUMMARY.format(distinct="" if one_config else "DISTINCT"))
    return Statistics(tables, summary | (_rows(con, _TOKENS)[0] if unit == "sample" else {}))


def plotted(statistics: Statistics, dataset: str, name: str) -> tuple[Sequence[str], list[tuple[Any, ...]]]:
    """Header and rows of one of the tables that DVC draws, without totals.

    DVC cannot draw a table without rows: that of an empty dataset has one row that counts nothing.
    """
    columns = dict(PLOTTED)[name]
    rows = [row for row in statistics.tables[name] if row["category"] != ALL]
    nothing = {
        column: 0 if column in ("rows", "prompts") or column.endswith("_share") else "none" for column in columns
    }
    return ("dataset", *columns), [(dataset, *(row[column] for column in columns)) for row in rows or [nothing]]


def _hold_prompts(selections: Relation, figures: Figures, con: duckdb.DuckDBPyConnection) -> None:
    """Make `held_prompts`: a row per config and prompt, with its rows in the selection and what it is counted by.

    Of the texts only their being there is looked at. R1's three kinds of availability exclude each other.
    """
    prompts, annotations = figures.prompts, figures.annotations
    held = selections.query(
        "selections",
        """
        WITH held AS (SELECT config, prompt_id, count(*) AS num_rows FROM selections GROUP BY config, prompt_id)
        SELECT held.config, held.prompt_id, prompts.category, prompts.source,
            coalesce(prompts.language, 'other') AS language, annotations.label, annotations.difficulty,
            CASE
                WHEN prompts.tests IS NOT NULL THEN 'test case'
                WHEN prompts.reference IS NOT NULL THEN 'reference answer'
                WHEN prompts.constraints IS NOT NULL THEN 'constraints'
                ELSE 'neither'
            END AS reference,
            held.num_rows
        FROM held
        JOIN prompts ON prompts.prompt_id = held.prompt_id
        JOIN annotations ON annotations.prompt_id = held.prompt_id
        """,
    )
    con.execute("CREATE OR REPLACE TEMP TABLE held_prompts AS FROM held")


def _hold_grades(grades: Relation, teachers: Sequence[str], con: duckdb.DuckDBPyConnection) -> None:
    """Make `held_grades`: how the teachers in scope did on the prompts of each config."""
    held = grades.query(
        "grades",
        f"""
        SELECT held_prompts.config, grades.prompt_id, grades.teacher, held_prompts.category,
            grades.num_verified, grades.num_passed, grades.pass_rate, grades.cv_population
        FROM grades JOIN held_prompts USING (prompt_id)
        WHERE grades.teacher IN ({quoted(teachers)})
        """,
    )
    con.execute("CREATE OR REPLACE TEMP TABLE held_grades AS FROM held")


def _count_lengths(selections: Relation, scores: Relation, con: duckdb.DuckDBPyConnection) -> None:
    """Make `held_counts` from the scores of the selection's rows."""
    held = selections.query(
        "selections",
        f"""
        SELECT selections.config, selections.role, scores.teacher, held_prompts.category, {_MEASURES}
        FROM selections
        JOIN scores ON scores.sample_id = selections.sample_id
        JOIN held_prompts ON held_prompts.config = selections.config AND held_prompts.prompt_id = selections.prompt_id
        """,
    )
    _hold_counts(held, con)


def _count_all_but(
    left_out: Relation, scores: Relation, role: str, teachers: Sequence[str], con: duckdb.DuckDBPyConnection
) -> bool:
    """Make `held_counts` from the scores of all candidates but some; returns whether these are as many as are selected."""
    held = scores.query(
        "scores",
        f"""
        SELECT held_prompts.config, {quoted([role])} AS role, scores.teacher, held_prompts.category, {_MEASURES}
        FROM (FROM scores ANTI JOIN left_out USING (sample_id) WHERE teacher IN ({quoted(teachers)})) AS scores
        JOIN held_prompts ON held_prompts.prompt_id = scores.prompt_id
        """,
    )
    _hold_counts(held, con)
    counted = con.sql("SELECT sum(num_rows) FROM held_counts WHERE measure = 'tokens'").fetchall()
    selected = con.sql("SELECT sum(num_rows) FROM held_prompts").fetchall()
    return bool(counted == selected)


_MEASURES = """
scores.reasoning_tokens::BIGINT + scores.answer_tokens AS tokens,
(CASE WHEN scores.perplexity > 1e12 THEN 1e12 ELSE round(scores.perplexity, 4) END * 10000)::BIGINT AS perplexity
"""


def _hold_counts(held: Relation, con: duckdb.DuckDBPyConnection) -> None:
    """Make `held_counts`: how many rows have a length, and how many a perplexity, the latter in 1/10000."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE held_counts AS
        SELECT config, role, teacher, category,
            CASE grouping(tokens) WHEN 0 THEN 'tokens' ELSE 'perplexity' END AS measure,
            CASE grouping(tokens) WHEN 0 THEN tokens ELSE perplexity END AS value,
            count(*) AS num_rows
        FROM held
        GROUP BY GROUPING SETS ((config, role, teacher, category, tokens), (config, role, teacher, category, perplexity))
        HAVING value IS NOT NULL
        """
    )


def _total(column: str) -> str:
    """SQL of a column whose totals are called `all`."""
    return f"CASE grouping({column}) WHEN 1 THEN '{ALL}' ELSE {column} END AS {column}"


# A config's total has the most of everything, so the largest count is what a share is of.
_CATEGORIES = f"""
WITH counted AS (
    SELECT config, {_total("category")}, sum(num_rows)::BIGINT AS rows, count(*) AS prompts
    FROM held_prompts GROUP BY GROUPING SETS ((config), (config, category))
)
SELECT config, category, rows, round(rows / max(rows) OVER of_config, 6) AS rows_share,
    prompts, round(prompts / max(prompts) OVER of_config, 6) AS prompts_share
FROM counted
WINDOW of_config AS (PARTITION BY config)
ORDER BY config, category
"""
_BREAKDOWN = """
SELECT config, {column} AS name, sum(num_rows)::BIGINT AS rows,
    round(rows / sum(sum(num_rows)) OVER (PARTITION BY config), 6) AS rows_share, count(*) AS prompts
FROM held_prompts
GROUP BY config, {column}
ORDER BY config, rows DESC, name
"""


def _histogram(bins: Sequence[tuple[str, str]]) -> str:
    """SQL that counts the prompts of each config, category and teacher by the first bin that holds them."""
    cases = " ".join(f"WHEN {condition} THEN {place}" for place, (_, condition) in enumerate(bins))
    names = quoted([name for name, _ in bins])
    return f"""
    WITH placed AS (SELECT config, category, teacher, CASE {cases} END AS place FROM held_grades)
    SELECT config, category, teacher, [{names}][place + 1] AS bin, count(*) AS prompts,
        round(prompts / sum(count(*)) OVER (PARTITION BY config, category, teacher), 6) AS prompts_share
    FROM placed
    GROUP BY config, category, teacher, place
    ORDER BY config, category, teacher, place
    """


# The quantile of a share is the smallest value that so many rows do not exceed.
_RESPONSES = f"""
WITH counted AS (
    SELECT config, {_total("role")}, {_total("teacher")}, {_total("category")}, measure, value,
        sum(num_rows)::BIGINT AS num_rows
    FROM held_counts
    GROUP BY GROUPING SETS (
        (config, measure, value), (config, category, measure, value),
        (config, role, teacher, measure, value), (config, role, teacher, category, measure, value)
    )
),
ranked AS (
    SELECT *, sum(num_rows) OVER (of_group ORDER BY value) AS reached, sum(num_rows) OVER of_group AS total
    FROM counted
    WINDOW of_group AS (PARTITION BY config, role, teacher, category, measure)
),
measured AS (
    SELECT config, role, teacher, category, measure, sum(num_rows)::BIGINT AS rows,
        sum(num_rows * value::HUGEINT) AS whole, whole / rows AS mean,
        min(value) FILTER (2 * reached >= total) AS median,
        min(value) FILTER (10 * reached >= 9 * total) AS p90,
        max(value) AS most
    FROM ranked
    GROUP BY config, role, teacher, category, measure
),
rates AS (
    SELECT config, {_total("teacher")}, {_total("category")},
        round(sum(num_passed) / nullif(sum(num_verified), 0), 6) AS pass_rate
    FROM held_grades
    GROUP BY GROUPING SETS ((config), (config, category), (config, teacher), (config, teacher, category))
)
SELECT config, role, teacher, category, tokens.rows, tokens.whole::BIGINT AS tokens,
    round(tokens.whole / nullif(max(tokens.whole) OVER (PARTITION BY config, role, teacher), 0), 6) AS tokens_share,
    round(tokens.mean, 1) AS tokens_mean, tokens.median AS tokens_median, tokens.p90 AS tokens_p90,
    tokens.most AS tokens_max, round(perplexities.mean / 10000, 4) AS perplexity_mean,
    perplexities.median / 10000 AS perplexity_median, rates.pass_rate
FROM (FROM measured WHERE measure = 'tokens') AS tokens
LEFT JOIN (FROM measured WHERE measure = 'perplexity') AS perplexities USING (config, role, teacher, category)
LEFT JOIN rates USING (config, teacher, category)
ORDER BY config, role, teacher, category
"""
# Doubling, as lengths run from a few tokens to 32k; from 1,024 on each bin holds whole bins of R8 Fig. 3.
_LENGTHS = """
WITH counted AS (
    SELECT config, category, length(bin(value)) AS bits, sum(num_rows)::BIGINT AS rows
    FROM held_counts WHERE measure = 'tokens'
    GROUP BY config, category, bits
)
SELECT config, category,
    format('{:06d}-{:06d}', CASE WHEN bits > 1 THEN 1::BIGINT << (bits - 1) ELSE 0 END, (1::BIGINT << bits) - 1) AS bucket,
    rows, round(rows / sum(rows) OVER (PARTITION BY config), 6) AS rows_share
FROM counted
ORDER BY config, category, bits
"""
# A prompt that several configs hold counts once; where one config holds all, none stands twice.
_SUMMARY = """
SELECT
    (SELECT coalesce(sum(num_rows), 0)::BIGINT FROM held_prompts) AS rows,
    (SELECT count(DISTINCT prompt_id) FROM held_prompts) AS prompts,
    (
        SELECT round(sum(num_passed) / nullif(sum(num_verified), 0), 6)
        FROM (SELECT {distinct} prompt_id, teacher, num_verified, num_passed FROM held_grades)
    ) AS pass_rate
"""
_TOKENS = """
SELECT coalesce(sum(num_rows * value), 0)::BIGINT AS tokens, round(tokens / sum(num_rows), 1) AS tokens_mean
FROM held_counts WHERE measure = 'tokens'
"""


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> Rows:
    """What a statement gives, a few rows of figures, by column."""
    found = con.sql(sql)
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

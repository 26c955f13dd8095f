"""What recipes read: the relation `candidates`, a row per response in a dataset's scope, or per prompt.

In: the curated tables, ids and figures alone. Which of the two it is follows from the dataset's
layout. Only tables whose columns the recipe names are joined, and nothing is held before the recipe runs: at tens
of millions of rows either costs more than a recipe. docs/recipes.md lists the columns.

Example row: {"sample_id": "1f0c...", "prompt_id": "9ab2...", "teacher": "smollm2-plain", "roles":
["small"], "category": "math", "verify_score": 1.0, "passed": true, "pass_rate": 0.75, ...}
"""

import re
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from curation.errors import DataError, ParamsError
from curation.layouts.layout import quoted
from curation.params import Params
from curation.render import nearest
from curation.tables import Relation, count


@dataclass(frozen=True)
class Curated:
    """The tables that a selection reads."""

    prompts: Relation
    annotations: Relation
    responses: Relation
    verdicts: Relation
    scores: Relation
    grades: Relation
    reference_checks: Relation


# Column: the table that has it, and its SQL. Of samples `verdicts` and `filled` are always there, of prompts `rates`.
_OF_PROMPT = {
    "source": ("prompts", "prompts.source"),
    "language": ("prompts", "prompts.language"),
    "label": ("annotations", "annotations.label"),
    "difficulty": ("annotations", "annotations.difficulty"),
    "num_turns": ("annotations", "annotations.num_turns"),
    "verifiable": ("annotations", "annotations.verifiable"),
    "reference_outcome": ("reference_checks", "reference_checks.outcome"),
}
SAMPLE_COLUMNS = {
    "sample_id": ("verdicts", "verdicts.sample_id"),
    "prompt_id": ("verdicts", "verdicts.prompt_id"),
    "teacher": ("verdicts", "verdicts.teacher"),
    "roles": ("filled", "filled.roles"),
    "preference": ("filled", "filled.preference"),
    "category": ("verdicts", "verdicts.category"),
    "status": ("verdicts", "verdicts.status"),
    "why": ("verdicts", "verdicts.why"),
    "verify_score": ("verdicts", "verdicts.score"),
    "verify_share": ("verdicts", "verdicts.score / CASE verdicts.category WHEN 'science' THEN 5 ELSE 1 END"),
    "passed": ("verdicts", "passed(verdicts.category, verdicts.score)"),
    "sample_index": ("responses", "responses.sample_index"),
    "brought": ("responses", "responses.record_id IS NOT NULL"),
    "has_reasoning": ("responses", "responses.reasoning IS NOT NULL"),
    **_OF_PROMPT,
    "score_kept": ("scores", "scores.reason IS NULL"),
    "perplexity": ("scores", "scores.perplexity"),
    "repetition": ("scores", "scores.repetition"),
    "frequent_ngrams": ("scores", "scores.frequent_ngrams"),
    "well_formed": ("scores", "scores.well_formed"),
    "language_mixed": ("scores", "scores.language_mixed"),
    "boxed": ("scores", "scores.boxed"),
    "reasoning_tokens": ("scores", "scores.reasoning_tokens"),
    "answer_tokens": ("scores", "scores.answer_tokens"),
    "score_reason": ("scores", "scores.reason"),
    "score_figure": ("scores", "scores.figure"),
    "num_samples": ("grades", "grades.num_samples"),
    "num_verified": ("grades", "grades.num_verified"),
    "pass_rate": ("grades", "grades.pass_rate"),
    "mean_score": ("grades", "grades.mean_score"),
    "cv_population": ("grades", "grades.cv_population"),
    "cv_sample": ("grades", "grades.cv_sample"),
}
# Tables with a row per sample, all in one order, are laid side by side: a join of tens of millions of ids costs more.
# Where the ids differ the row falls out, and `check_joined` tells.
_SAMPLES = "verdicts {aside} JOIN filled ON filled.teacher = verdicts.teacher"
_ASIDE = ("responses", "scores")
_SAMPLE_JOINS = {
    "prompts": "JOIN prompts ON prompts.prompt_id = verdicts.prompt_id",
    "annotations": "JOIN annotations ON annotations.prompt_id = verdicts.prompt_id",
    "grades": "JOIN grades ON grades.prompt_id = verdicts.prompt_id AND grades.teacher = verdicts.teacher",
    "reference_checks": "LEFT JOIN reference_checks ON reference_checks.prompt_id = verdicts.prompt_id",
}
PROMPT_COLUMNS = {
    "prompt_id": ("rates", "rates.prompt_id"),
    "category": ("rates", "rates.category"),
    "num_samples": ("rates", "rates.num_samples"),
    "num_verified": ("rates", "rates.num_verified"),
    "num_passed": ("rates", "rates.num_passed"),
    "pass_rates": ("rates", "rates.pass_rates"),
    **_OF_PROMPT,
}
_PROMPT_JOINS = {
    "prompts": "JOIN prompts ON prompts.prompt_id = rates.prompt_id",
    "annotations": "JOIN annotations ON annotations.prompt_id = rates.prompt_id",
    "reference_checks": "LEFT JOIN reference_checks ON reference_checks.prompt_id = rates.prompt_id",
}


@dataclass(frozen=True)
class Candidates:
    """What a recipe is about."""

    rows: Relation
    """The columns that the recipe may name."""
    ids: Relation
    """`sample_id` or `prompt_id` of each, without a join."""


def sample_candidates(
    curated: Curated, params: Params, *, dataset: str, recipe: str, con: duckdb.DuckDBPyConnection
) -> Candidates:
    """The responses whose teachers fill the dataset's roles.

    Args:
        curated: Tables of one connection.
        params: Reads roles and the dataset's `values.roles`.
        dataset: Name of the dataset in params.
        recipe: SQL that is going to read them.
        con: Connection of the tables; has the macro `passed`.

    Raises:
        ParamsError: `values.roles` is missing or names no role.
        DataError: Responses in scope have no verdict.
    """
    prompts, annotations, responses = curated.prompts, curated.annotations, curated.responses
    verdicts, scores, grades, reference_checks = (
        curated.verdicts, curated.scores, curated.grades, curated.reference_checks
    )  # fmt: skip
    filled = con.from_arrow(_filled_roles(params, dataset))
    rows = verdicts.query("verdicts", _sql(SAMPLE_COLUMNS, _SAMPLE_JOINS, recipe, start=_SAMPLES))
    ids = verdicts.query("verdicts", "SELECT sample_id FROM verdicts SEMI JOIN filled USING (teacher)")
    in_scope = count(responses.query("responses", "SELECT 1 FROM responses SEMI JOIN filled USING (teacher)"))
    if in_scope != (verified := count(ids)):
        raise DataError(_other_runs(dataset, in_scope, verified))
    return Candidates(rows, ids)


def check_joined(candidates: Candidates, dataset: str) -> None:
    """Look for candidates without a row in a joined table.

    Raises:
        DataError: There are some.
    """
    in_scope, joined = count(candidates.ids), count(candidates.rows)
    if in_scope != joined:
        raise DataError(_other_runs(dataset, in_scope, joined))


def _other_runs(dataset: str, in_scope: int, joined: int) -> str:
    return (
        f"select {dataset}: {in_scope} responses are in scope, but {joined} have prompt, verdict, score and "
        f"grade. The tables are of different runs; run: dvc repro"
    )


def prompt_candidates(
    curated: Curated, params: Params, *, dataset: str, recipe: str, con: duckdb.DuckDBPyConnection
) -> Candidates:
    """The prompts that teachers in the dataset's roles answered.

    It takes and raises what `sample_candidates` does; the connection gets the temporary table `candidate_prompts`.
    """
    prompts, annotations, grades = curated.prompts, curated.annotations, curated.grades
    reference_checks = curated.reference_checks
    filled = con.from_arrow(_filled_roles(params, dataset))
    rates = grades.query("grades", _rates(params))
    joined = rates.query("rates", _sql(PROMPT_COLUMNS, _PROMPT_JOINS, recipe, start="rates"))
    con.execute("CREATE OR REPLACE TEMP TABLE candidate_prompts AS FROM joined")
    rows = con.table("candidate_prompts")
    return Candidates(rows, rows.project("prompt_id"))


def _rates(params: Params) -> str:
    """SQL of the pass rates of each prompt, in maps by role: the teachers of a role count together."""
    teachers = {role: quoted(names) for role, names in params.roles.items()}

    def by_role(figure: str) -> str:
        # A struct that is cast is made in half the time of a map.
        fields = ", ".join(
            f"{quoted([role])}: {figure.format(f'FILTER (teacher IN ({names}))')}" for role, names in teachers.items()
        )
        return f"{{{fields}}}::MAP(VARCHAR, {'DOUBLE' if '/' in figure else 'BIGINT'})"

    return f"""
    SELECT prompt_id, any_value(category) AS category,
        {by_role("sum(num_samples) {0}")} AS num_samples,
        {by_role("sum(num_verified) {0}")} AS num_verified,
        {by_role("sum(num_passed) {0}")} AS num_passed,
        {by_role("sum(num_passed) {0} / nullif(sum(num_verified) {0}, 0)")} AS pass_rates
    FROM grades SEMI JOIN filled USING (teacher)
    GROUP BY prompt_id
    """


def named_columns(columns: dict[str, tuple[str, str]], recipe: str) -> dict[str, tuple[str, str]]:
    """Those of the columns that a recipe's text names outside its comments, and the ids.

    A `*` asks for no more: of what it brings, a recipe can only use what it names.
    """
    words = {"sample_id", "prompt_id", *re.findall(r"\w+", re.sub(r"--.*", "", recipe))}
    return {name: column for name, column in columns.items() if name in words}


def _sql(columns: dict[str, tuple[str, str]], joins: dict[str, str], recipe: str, *, start: str) -> str:
    """The statement that makes the columns a recipe may name, from the tables that have them."""
    named = named_columns(columns, recipe)
    needed = {table for table, _ in named.values()}
    selected = ", ".join(f"{sql} AS {name}" for name, (_, sql) in named.items())
    aside = [table for table in _ASIDE if table in needed]
    joined = [join for table, join in joins.items() if table in needed]
    same = " AND ".join(["true", *(f"{table}.sample_id = verdicts.sample_id" for table in aside)])
    start = start.format(aside=" ".join(f"POSITIONAL JOIN {table}" for table in aside))
    return f"SELECT {selected} FROM {start} {' '.join(joined)} WHERE {same}"


def _filled_roles(params: Params, dataset: str) -> pa.Table:
    """Each teacher or tag in the dataset's roles: all roles it fills, and its place in the order of preference."""
    scope = params.datasets[dataset].values.get("roles")
    if not isinstance(scope, list) or not scope:
        raise ParamsError(
            f"select: datasets.{dataset}.values lacks roles, the list of roles whose responses are its candidates; "
            f"roles in params are: {', '.join(params.roles)}."
        )
    for role in scope:
        if role not in params.roles:
            raise ParamsError(
                f"select: datasets.{dataset}.values.roles names {role!r}; {nearest(str(role), list(params.roles))}."
            )
    ordered = [(rank, name) for rank, role in enumerate(scope) for name in params.roles[role]]
    preference = {name: rank for rank, name in reversed(ordered)}
    return pa.table(
        {
            "teacher": pa.array(preference, pa.string()),
            "preference": pa.array(preference.values(), pa.int32()),
            "roles": pa.array(
                [[role for role, names in params.roles.items() if name in names] for name in preference],
                pa.list_(pa.string()),
            ),
        }
    )

"""select: choose the samples of one dataset by its recipe, from ids and figures alone.

In: `prompts` and `annotations` of annotate, `responses` of distill (its scalars), `verdicts`,
`scores` with their drops, `grades`. Out: `selections` and `drops`. The unit is the candidate: a
response whose teacher fills one of the roles in `datasets.<name>.values.roles`. The recipe, one
SQL file, gives every candidate one row: kept, or a reason. Reasons are the recipe's own; those of
the recipes here are `failed_verification`, `unverified`, `downsampled`, `not_chosen` (evidence: the
sample chosen for the prompt) and those of the stage score. docs/recipes.md says how to write one.

Example row: {"dataset": "am-1-4m", "config": "default", "sample_id": "1f0c...", "prompt_id":
"9ab2...", "role": "response", "split": "train", "figure": 1.0}
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from curation.errors import DataError, ParamsError
from curation.grade import create_passed
from curation.params import Dataset, Params
from curation.recipe import nearest, run_recipe
from curation.stage import Kept, Run, run_stage
from curation.tables import Relation, count
from schemas.annotations import ANNOTATIONS
from schemas.drops import DROPS
from schemas.grades import GRADES
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES
from schemas.scores import SCORES
from schemas.selections import SELECTIONS
from schemas.verdicts import VERDICTS


@dataclass(frozen=True)
class Curated:
    """The tables that a selection reads."""

    prompts: Relation
    annotations: Relation
    responses: Relation
    verdicts: Relation
    scores: Relation
    score_drops: Relation
    grades: Relation


def select(curated: Curated, params: Params, *, dataset: str, con: duckdb.DuckDBPyConnection) -> Kept:
    """Run a dataset's recipe over its candidates.

    Args:
        curated: Tables of one connection.
        params: Reads `seed`, `roles`, `grade.thresholds` and the dataset's block.
        dataset: Name of the dataset in params.
        con: The connection; gets the temporary tables `candidates` and `chosen` and the macros
            `passed` and `draw`.

    Returns:
        `kept` with the columns of `selections`; `dropped` with one row per dropped candidate.

    Raises:
        ParamsError: The recipe is missing or is no valid SQL, or its values don't fit it.
        DataError: The recipe doesn't give every candidate one row, or keeps none.
    """
    block = params.datasets[dataset]
    create_passed(con, params.grade.thresholds)
    create_draw(con, params.seed)
    build_candidates(curated, params, dataset=dataset, con=con)
    run_recipe(block, dataset=dataset, con=con)
    chosen = con.table("chosen")
    kept = chosen.filter("reason IS NULL").project(
        f"'{dataset}' AS dataset, config, sample_id, prompt_id, role, {_split(block, dataset)} AS split, figure"
    )
    dropped = chosen.filter("reason IS NOT NULL").project("reason, figure, evidence_id, prompt_id, sample_id")
    if not block.allow_empty and count(kept) == 0:
        raise DataError(_empty_sentence(dataset, dropped))
    return Kept(kept, dropped)


def create_draw(con: duckdb.DuckDBPyConnection, seed: int) -> None:
    """Define the SQL macro `draw(id)`: a stable number in [0, 1) from the id and the seed.

    Example:
        >>> create_draw(con, 17)
        >>> con.sql("SELECT draw('a') = draw('a'), draw('a') BETWEEN 0 AND 1").fetchall()
        [(True, True)]
    """
    con.execute(
        f"CREATE OR REPLACE TEMP MACRO draw(id) AS ('0x' || left(md5('{seed}/' || id), 13))::UBIGINT / {2**52}::DOUBLE"
    )


def build_candidates(curated: Curated, params: Params, *, dataset: str, con: duckdb.DuckDBPyConnection) -> None:
    """Make the table `candidates`, one row per response in the dataset's scope; docs/recipes.md lists its columns.

    Raises:
        ParamsError: `values.roles` is missing or names no role.
        DataError: A response in scope has no prompt, verdict, score or grade.
    """
    prompts, annotations, responses = curated.prompts, curated.annotations, curated.responses
    verdicts, scores, score_drops, grades = curated.verdicts, curated.scores, curated.score_drops, curated.grades
    filled = con.from_arrow(_filled_roles(params, dataset))
    in_scope = responses.query(
        "responses", "SELECT responses.*, filled.* EXCLUDE (teacher) FROM responses JOIN filled USING (teacher)"
    )
    joined = in_scope.query(
        "in_scope",
        """
        SELECT in_scope.sample_id, in_scope.prompt_id, in_scope.teacher, in_scope.roles, in_scope.preference,
            in_scope.sample_index, in_scope.record_id IS NOT NULL AS brought,
            prompts.category, prompts.source, annotations.label, annotations.difficulty, prompts.language,
            annotations.verifiable,
            verdicts.status, verdicts.why, verdicts.score AS verify_score,
            passed(verdicts.category, verdicts.score) AS passed,
            scores.kept AS score_kept, score_drops.reason AS score_reason, score_drops.figure AS score_figure,
            scores.perplexity, scores.reasoning_tokens, scores.answer_tokens,
            grades.num_samples, grades.num_verified, grades.pass_rate, grades.mean_score,
            grades.cv_population, grades.cv_sample
        FROM in_scope
        JOIN prompts ON prompts.prompt_id = in_scope.prompt_id
        JOIN annotations ON annotations.prompt_id = in_scope.prompt_id
        JOIN verdicts ON verdicts.sample_id = in_scope.sample_id
        JOIN scores ON scores.sample_id = in_scope.sample_id
        JOIN grades ON grades.prompt_id = in_scope.prompt_id AND grades.teacher = in_scope.teacher
        LEFT JOIN score_drops ON score_drops.sample_id = in_scope.sample_id
        """,
    )
    con.execute("CREATE OR REPLACE TEMP TABLE candidates AS SELECT * FROM joined")
    num_in_scope, num_joined = count(in_scope), count(con.table("candidates"))
    if num_in_scope != num_joined:
        raise DataError(
            f"select {dataset}: {num_in_scope} responses are in scope, but {num_joined} have prompt, verdict, score and "
            f"grade. The tables are of different runs; run: dvc repro"
        )


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
                f"select: datasets.{dataset}.values.roles names {role!r}; {nearest(str(role), params.roles)}"
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


def _split(block: Dataset, dataset: str) -> str:
    """SQL of a prompt's split: by its own draw, so that it stays where it is when other rows come."""
    total = sum(block.splits.values())
    if abs(total - 1) > 1e-9:
        raise ParamsError(f"select: the shares of datasets.{dataset}.splits add up to {total:g}, wanted 1.")
    test, validation = block.splits.get("test", 0), block.splits.get("validation", 0)
    own_draw = "draw('split/' || prompt_id)"
    return (
        f"CASE WHEN {own_draw} < {test} THEN 'test' WHEN {own_draw} < {test + validation} THEN 'validation' "
        f"ELSE 'train' END"
    )


def _empty_sentence(dataset: str, dropped: Relation) -> str:
    reasons = dropped.aggregate("reason, count(*) AS rows", "reason").order("rows DESC, reason").fetchall()
    told = ", ".join(f"{reason} {rows:,}" for reason, rows in reasons) or "no response fills its roles"
    return (
        f"select {dataset}: the recipe keeps no candidate ({told}). "
        f"If that is an outcome you accept, set datasets.{dataset}.allow_empty: true."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Choose the samples of one dataset by its recipe. Example: python -m curation.select am-1-4m."""
    parser = argparse.ArgumentParser(prog="python -m curation.select", description=main.__doc__)
    parser.add_argument("dataset", help="name of the dataset in params.yaml")
    return run_stage("select", _run, dataset=parser.parse_args(argv).dataset)


def _run(run: Run) -> None:
    assert run.dataset is not None
    curated = Curated(
        prompts=run.read("annotate", PROMPTS),
        annotations=run.read("annotate", ANNOTATIONS),
        responses=run.read("distill", RESPONSES),
        verdicts=run.read("verify", VERDICTS),
        scores=run.read("score", SCORES),
        score_drops=run.read("score", DROPS),
        grades=run.read("grade", GRADES),
    )
    result = select(curated, run.params, dataset=run.dataset, con=run.con)
    run.write(SELECTIONS, result.kept)
    dropped = run.write_drops(result.dropped)
    num_kept = int(result.kept.aggregate("count(DISTINCT sample_id)").fetchall()[0][0])
    run.account(unit="candidate", rows_in=count(run.con.table("candidates")), rows_kept=num_kept, dropped=dropped)


if __name__ == "__main__":
    sys.exit(main())

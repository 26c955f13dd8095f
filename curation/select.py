"""select: choose the samples or prompts of one dataset by its recipe, from ids and figures alone.

In: `prompts` and `annotations` of annotate, `responses` of distill (its scalars), `verdicts`,
`scores` with their drops, `grades`, `reference_checks`. Out: `selections`, `drops`, configs.json, which counts what each
config kept and left out, and the dataset's statistics: statistics.json, summary.json and a CSV for each
plot. The unit is the candidate: a response whose teacher fills one of the roles
in `datasets.<name>.values.roles`, or a prompt that such teachers answered, as the dataset's layout has
it; responses of other teachers are out of scope and no drops. The recipe, one SQL file, gives every
candidate a row: kept, or a reason. Drops of samples stand once for each prompt as far as that is clear: the reason that
leaves out most of its candidates has one row without sample_id, which speaks of all that have no row of their own here
or among the selected. docs/recipes.md lists the reasons of the recipes here, and says
how to write one.

Example row: {"dataset": "am-1-4m", "config": "default", "sample_id": "1f0c...", "prompt_id":
"9ab2...", "role": "response", "split": "train", "figure": 1.0}
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from curation import tables
from curation.candidates import Curated, prompt_candidates, sample_candidates
from curation.errors import DataError, ParamsError
from curation.grade import create_passed
from curation.layouts.named import layout_of
from curation.params import Dataset, Params
from curation.places import DATA
from curation.progress import say
from curation.recipe import read_recipe, run_recipe
from curation.stage import Run, run_stage
from curation.statistics import PLOTTED, Figures, plotted, reckon
from curation.tables import Order, Relation, count, quote
from schemas.annotations import ANNOTATIONS
from schemas.grades import GRADES
from schemas.prompts import PROMPTS
from schemas.reference_checks import REFERENCE_CHECKS
from schemas.responses import RESPONSES
from schemas.scores import SCORES
from schemas.selections import SELECTIONS
from schemas.verdicts import VERDICTS


@dataclass(frozen=True)
class Selected:
    """Result of the stage."""

    kept: Relation
    """Rows of `selections`."""
    dropped: Relation
    """Columns of `drops` that apply; a row for each candidate, or for those of a prompt that share its most frequent reason."""
    num_candidates: int
    num_dropped: Mapping[str, int]
    """Candidates dropped, by reason."""
    configs: Mapping[str, Mapping[str, int]]
    """Rows by outcome, of each config: `kept` or a reason."""


def select(curated: Curated, params: Params, *, dataset: str, con: duckdb.DuckDBPyConnection) -> Selected:
    """Run a dataset's recipe over its candidates.

    Args:
        curated: Tables of one connection.
        params: Reads `seed`, `roles`, `grade.thresholds` and the dataset's block.
        dataset: Name of the dataset in params.
        con: The connection; gets the temporary tables `chosen`, `several`, `settled`, `common` and `held_out`, the view `fates` and the macros `passed` and `draw`.

    Raises:
        ParamsError: The recipe is missing or is no valid SQL, or its values don't fit it.
        DataError: The recipe forgets a candidate, or keeps none.
    """
    block = params.datasets[dataset]
    recipe, unit = read_recipe(block.recipe), layout_of(block).unit
    create_passed(con, params.grade.thresholds)
    create_draw(con, params.seed)
    candidates_of = sample_candidates if unit == "sample" else prompt_candidates
    candidates = candidates_of(curated, params, dataset=dataset, recipe=recipe.sql, con=con)
    num_candidates = run_recipe(recipe, block, candidates, dataset=dataset, unit=unit, con=con)
    _settle_fates(con, f"{unit}_id")
    reasons = con.sql(
        "SELECT reason, count(*), count(evidence_id) FROM fates WHERE reason IS NOT NULL GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    num_dropped = {reason: rows for reason, rows, _ in reasons}
    if not block.allow_empty and num_candidates == sum(num_dropped.values()):
        raise DataError(_empty_sentence(dataset, num_dropped))
    kept = _kept(curated.annotations, block, dataset, con)
    return Selected(
        kept,
        _drops(con, unit, {reason: bool(told) for reason, _, told in reasons}),
        num_candidates,
        num_dropped,
        _configs(con),
    )


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


def _settle_fates(con: duckdb.DuckDBPyConnection, key: str) -> None:
    """Make `fates`, a row per candidate: without reason where a config keeps it, else with that of its first config."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE settled AS
        FROM chosen SEMI JOIN several USING ({key})
        QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY reason IS NOT NULL, config) = 1
        """
    )
    # An anti join with nothing still costs as much as one with something.
    others = f"ANTI JOIN several USING ({key}) UNION ALL FROM settled" if count(con.table("several")) else ""
    con.execute(f"CREATE OR REPLACE TEMP VIEW fates AS FROM chosen {others}")


def _drops(con: duckdb.DuckDBPyConnection, unit: str, reasons: Mapping[str, bool]) -> Relation:
    """Rows of `drops`: the reason that leaves out most candidates of a prompt stands once for all of these.

    Makes the temporary table `common` of those reasons. `reasons` says of each whether it has evidence.
    """
    if unit == "prompt" or not reasons:
        return con.sql("SELECT sample_id, prompt_id, reason, figure, evidence_id FROM fates WHERE reason IS NOT NULL")
    # A count for each reason takes a third of the time of groups by prompt and reason. Structs compare from their first field on.
    counted = ", ".join(_counted(reason, told) for reason, told in reasons.items())
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE common AS
        FROM (SELECT prompt_id, unnest(list_max([{counted}])) FROM fates GROUP BY prompt_id)
        WHERE num_units > 1
        """
    )
    return con.sql(
        """
        SELECT NULL AS sample_id, prompt_id, reason, figure, evidence_id, num_units FROM common
        UNION ALL
        SELECT sample_id, prompt_id, reason, figure, evidence_id, 1
        FROM fates ANTI JOIN common USING (prompt_id, reason)
        WHERE reason IS NOT NULL
        """
    )


def _counted(reason: str, has_evidence: bool) -> str:
    """SQL of how many candidates a reason leaves out; none where they lost to several others, as each then has its own row."""
    these = f"FILTER (reason = {quote(reason)})"
    number, lost_to = f"count(*) {these}", "NULL::VARCHAR"
    if has_evidence:
        lost_to = f"min(coalesce(evidence_id, '')) {these}"
        number = f"CASE WHEN {lost_to} = max(coalesce(evidence_id, '')) {these} THEN {number} ELSE 0 END"
        lost_to = f"nullif({lost_to}, '')"
    return f"{{num_units: {number}, reason: {quote(reason)}, figure: max(figure) {these}, evidence_id: {lost_to}}}"


def _configs(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """Rows of each config by outcome; a row without config speaks of all of them."""
    rows = con.sql(
        """
        SELECT coalesce(config, 'all'), coalesce(reason, 'kept'), count(*) FROM chosen GROUP BY ALL ORDER BY ALL
        """
    ).fetchall()
    configs: dict[str, dict[str, int]] = {}
    for config, outcome, num_rows in rows:
        configs.setdefault(config, {})[outcome] = num_rows
    return configs


def _kept(annotations: Relation, block: Dataset, dataset: str, con: duckdb.DuckDBPyConnection) -> Relation:
    """Rows of `selections`, each with the split of its prompt; makes the temporary table `held_out`."""
    total = sum(block.splits.values())
    if abs(total - 1) > 1e-9:
        raise ParamsError(f"select: the shares of datasets.{dataset}.splits add up to {total:g}, wanted 1.")
    # By a draw of the prompt or its group, so that a row stays where it is when others come. A row's prompt is looked for
    # among the few drawn for a split: a join with all of them would lose the order of rows.
    drawn = "group_id" if block.split_by == "group" else "prompt_id"
    test = block.splits.get("test", 0)
    held = annotations.query(
        "annotations",
        f"""
        SELECT prompt_id, CASE WHEN share < {test} THEN 'test' ELSE 'validation' END AS split
        FROM (SELECT prompt_id, draw('split/' || {drawn}) AS share FROM annotations)
        WHERE share < {test + block.splits.get("validation", 0)}
        """,
    )
    con.execute("CREATE OR REPLACE TEMP TABLE held_out AS FROM held")
    cases = "".join(
        f"WHEN prompt_id IN (SELECT prompt_id FROM held_out WHERE split = '{split}') THEN '{split}' "
        for split in ("test", "validation")
    )
    return con.sql(
        f"""
        SELECT '{dataset}' AS dataset, config, sample_id, prompt_id, role, CASE {cases}ELSE 'train' END AS split, figure
        FROM chosen
        WHERE reason IS NULL
        """,
    )


def _empty_sentence(dataset: str, num_dropped: Mapping[str, int]) -> str:
    return (
        f"select {dataset}: the recipe keeps no candidate ({_told(num_dropped) or 'no response fills its roles'}). "
        f"If that is an outcome you accept, set datasets.{dataset}.allow_empty: true."
    )


def _told(outcomes: Mapping[str, int]) -> str:
    """Outcomes with their counts, the most frequent first."""
    ordered = sorted(outcomes.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {rows:,}" for name, rows in ordered)


def main(argv: Sequence[str] | None = None) -> int:
    """Choose the samples of one dataset by its recipe. Example: python -m curation.select am-1-4m."""
    parser = argparse.ArgumentParser(prog="python -m curation.select", description=main.__doc__)
    parser.add_argument("dataset", help="name of the dataset in params.yaml")
    return run_stage("select", _run, dataset=parser.parse_args(argv).dataset)


def read_curated(con: duckdb.DuckDBPyConnection) -> Curated:
    """The tables that a selection reads, as the stages wrote them."""
    return Curated(
        prompts=tables.read(con, DATA / "annotate" / PROMPTS.name, PROMPTS),
        annotations=tables.read(con, DATA / "annotate" / ANNOTATIONS.name, ANNOTATIONS),
        responses=tables.read(con, DATA / "distill" / RESPONSES.name, RESPONSES),
        verdicts=tables.read(con, DATA / "verify" / VERDICTS.name, VERDICTS),
        scores=tables.read(con, DATA / "score" / SCORES.name, SCORES),
        grades=tables.read(con, DATA / "grade" / GRADES.name, GRADES),
        reference_checks=tables.read(con, DATA / "grade" / REFERENCE_CHECKS.name, REFERENCE_CHECKS),
    )


def _run(run: Run) -> None:
    assert run.dataset is not None
    curated = read_curated(run.con)
    result = select(curated, run.params, dataset=run.dataset, con=run.con)
    # Within a dataset these decide alone; with one config its name would only cost time.
    ids = ["prompt_id", "sample_id"]
    configs = ["config"] if len(result.configs.keys() - {"all"}) > 1 else []
    of_samples = layout_of(run.params.datasets[run.dataset]).unit == "sample"
    run.write(SELECTIONS, result.kept, order=Order([*ids, *configs], likely=of_samples))
    assert run.write_drops(result.dropped, order=Order(ids)) == result.num_dropped
    run.write_json("configs.json", result.configs)
    left_out = _left_out(result, run.con)
    for made in ("common", "held_out", "settled", "several", "chosen"):
        run.con.execute(f"DROP TABLE IF EXISTS {made}")  # the statistics need the memory
    _write_statistics(run, curated, run.dataset, left_out)
    for config, outcomes in result.configs.items():
        if "kept" not in outcomes and config != "all":
            say(f"select: {run.dataset}: nothing for the config {config} ({_told(outcomes)})")
    num_kept = result.num_candidates - sum(result.num_dropped.values())
    run.account(unit="candidate", rows_in=result.num_candidates, rows_kept=num_kept, dropped=result.num_dropped)


def _left_out(result: Selected, con: duckdb.DuckDBPyConnection) -> Relation | None:
    """`sample_id` of the candidates dropped, where these are few and all others have one row of one config."""
    num_dropped = sum(result.num_dropped.values())
    if len(result.configs) > 1 or 10 * num_dropped > result.num_candidates:
        return None
    con.execute("CREATE OR REPLACE TEMP TABLE left_out AS SELECT sample_id FROM chosen WHERE reason IS NOT NULL")
    return con.table("left_out")


def _write_statistics(run: Run, curated: Curated, dataset: str, left_out: Relation | None) -> None:
    """Write the figures of the selection that stands in the stage's output."""
    block = run.params.datasets[dataset]
    selections = tables.read(run.con, run.part / SELECTIONS.name, SELECTIONS)
    teachers = [name for role in block.values["roles"] for name in run.params.roles[role]]
    figures = Figures(curated.prompts, curated.annotations, curated.scores, curated.grades)
    statistics = reckon(
        selections, figures, unit=layout_of(block).unit, teachers=teachers, con=run.con, left_out=left_out
    )
    run.write_json("statistics.json", statistics.tables)
    run.write_json("summary.json", statistics.summary)
    for name, _ in PLOTTED:
        if name in statistics.tables:
            run.write_csv(f"{name}.csv", *plotted(statistics, dataset, name))


if __name__ == "__main__":
    sys.exit(main())

"""Which prompts a stage of RL draws, and when it ends: queries over what the policy did so far.

A pass rate is that of a prompt's rollouts in the last stage that asked it, the probe being the first: those of earlier
policies tell little of this one (`curation.pass_rate_history` keeps them). Stages take a window of pass rates, leave out what
is solved, and end on a plateau.

Reference: R3 (arXiv 2504.00829) 4.3, levels in stages until a plateau; R7 (arXiv 2505.08311) 8.6, pass rates strictly
between 0 and 1, prompts solved in stage 1 dropped. Their trainers are not published; the intervals are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from curation.layouts.layout import quoted
from curation.select import create_draw
from curation.tables import Relation
from curation.training_params import Plateau, RlStage, Window


@dataclass(frozen=True)
class Drawn:
    """What a stage trains on."""

    kept: Relation
    """Rows of `train.releases.prompts`, by prompt_id."""
    dropped: Mapping[str, str]
    """Prompts left out -> reason."""


def in_scope(prompts: Relation, stage: RlStage, *, seed: int, con: duckdb.DuckDBPyConnection) -> Drawn:
    """The prompts of a stage's categories, as many as it wants, by a draw of their ids that stays.

    Args:
        prompts: Rows of `train.releases.prompts`.
        stage: Reads categories and rows_max.
        seed: Of the draw.
        con: Connection of the prompts; gets the macro `draw`.
    """
    create_draw(con, seed)
    wanted = f"category IN ({quoted(stage.categories)})" if stage.categories is not None else "true"
    limit = f"place <= {stage.rows_max}" if stage.rows_max else "true"
    placed = prompts.query(
        "prompts",
        f"""
        SELECT *, CASE WHEN NOT {wanted} THEN 'other_category' WHEN NOT {limit} THEN 'beyond_rows_max' END AS reason
        FROM (SELECT *, row_number() OVER (PARTITION BY {wanted} ORDER BY draw('rl/' || prompt_id), prompt_id) AS place
            FROM prompts)
        """,
    )
    return _drawn(placed, con)


def draw(
    prompts: Relation, stage: RlStage, history: Relation, *, before: str | None, con: duckdb.DuckDBPyConnection
) -> Drawn:
    """Those of the prompts in scope that are worth asking now.

    Args:
        prompts: `kept` of `in_scope`.
        stage: Reads window and drop_solved.
        history: Rows of `curation.pass_rate_history.SQL`; the last stage of each prompt is read.
        before: Name of the stage before; None in the first.
        con: Connection of both.
    """
    window = stage.window or Window(above=-1.0, below=2.0)
    solved = (
        f"num_passed = num_rollouts AND stage_name = {quoted([before])}" if stage.drop_solved and before else "false"
    )
    unmeasured = "pass_rate IS NULL" if stage.window else "false"
    last = history.query("history", "FROM history QUALIFY stage_index = max(stage_index) OVER (PARTITION BY prompt_id)")
    placed = prompts.query(
        "prompts",
        f"""
        SELECT prompts.*, CASE
            WHEN {unmeasured} THEN 'unmeasured'
            WHEN {solved} THEN 'solved'
            WHEN pass_rate <= {window.above} THEN 'too_hard'
            WHEN pass_rate >= {window.below} THEN 'too_easy'
        END AS reason
        FROM prompts LEFT JOIN last USING (prompt_id)
        """,
    )
    return _drawn(placed, con)


def _drawn(placed: Relation, con: duckdb.DuckDBPyConnection) -> Drawn:
    held = con.from_arrow(placed.to_arrow_table())
    dropped = dict(held.query("held", "SELECT prompt_id, reason FROM held WHERE reason IS NOT NULL").fetchall())
    kept = held.query("held", "SELECT * EXCLUDE (reason) FROM held WHERE reason IS NULL ORDER BY prompt_id")
    return Drawn(kept.project(", ".join(name for name in kept.columns if name != "place")), dropped)


def on_plateau(rewards: Sequence[float], plateau: Plateau) -> bool:
    """Whether the mean reward of the last updates rose too little over that of as many before.

    Example:
        >>> on_plateau([0.1, 0.2, 0.4, 0.41], Plateau(steps=2, gain_min=0.1))
        False
    """
    if len(rewards) < 2 * plateau.steps:
        return False
    last, before = rewards[-plateau.steps :], rewards[-2 * plateau.steps : -plateau.steps]
    return sum(last) / plateau.steps - sum(before) / plateau.steps < plateau.gain_min

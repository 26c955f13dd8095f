"""What validate looks at: the scalars of every selected row of a dataset, and its figures in one row.

In: a dataset's selection and the tables that say what its rows are. Out: relations for Great Expectations, without text.
"""

from dataclasses import dataclass

from curation.params import Dataset
from curation.tables import Relation
from curation.validate_turns import TurnFaults


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
    faults: TurnFaults
    """Prompts and samples whose turns have a fault."""


def row_frame(selected: Selected, block: Dataset) -> Relation:
    """Scalars of every selected row, with counts over the whole dataset, ordered by ids."""
    selections, prompts, verdicts = selected.selections, selected.prompts, selected.verdicts
    scores, contaminated, annotations = selected.scores, selected.contaminated, selected.annotations
    prompt_faults, sample_faults = selected.faults.prompts, selected.faults.samples
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
            overlapping.prompt_id IS NOT NULL AS contaminated,
            coalesce(prompt_faults.roles_alternate, true) AS roles_alternate,
            coalesce(prompt_faults.empty_turns, 0) + coalesce(sample_faults.empty_turns, 0) AS empty_turns,
            coalesce(prompt_faults.think_faults, 0) + coalesce(sample_faults.think_faults, 0) AS think_faults
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
        LEFT JOIN prompt_faults ON prompt_faults.prompt_id = selections.prompt_id
        LEFT JOIN sample_faults ON sample_faults.sample_id = selections.sample_id
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

"""Pairs of responses for DPO and LD-DPO (R6 7.3), in the columns that TRL reads."""

from curation.layouts.layout import Layout, response_text
from curation.params import Dataset, Params
from schemas.am_preference import AM_PREFERENCE


def _sql(dataset: Dataset, params: Params) -> str:
    columns = ", ".join(
        f"""
        [{{'role': 'assistant', 'content': {response_text(name)}}}] AS {name},
        {name}.teacher AS {name}_source,
        {name}_verdict.score AS {name}_score,
        {name}_score.reasoning_tokens + {name}_score.answer_tokens AS {name}_tokens,
        {name}.sample_id AS {name}_sample_id
        """
        for name in ("chosen", "rejected")
    )
    joins = "\n".join(
        f"""
        JOIN responses AS {name} ON {name}.sample_id = pairs.{name}_id
        JOIN verdicts AS {name}_verdict ON {name}_verdict.sample_id = pairs.{name}_id
        JOIN scores AS {name}_score ON {name}_score.sample_id = pairs.{name}_id
        """
        for name in ("chosen", "rejected")
    )
    return f"""
    WITH pairs AS (
        SELECT prompt_id, any_value(sample_id) FILTER (role = 'chosen') AS chosen_id,
            any_value(sample_id) FILTER (role = 'rejected') AS rejected_id
        FROM selected GROUP BY prompt_id
    )
    SELECT list_transform(prompts.messages, lambda turn: {{'role': turn.role, 'content': turn.content}}) AS prompt,
        {columns},
        prompts.category, prompts.source AS question_source,
        pairs.prompt_id, annotations.label, annotations.difficulty, prompts.language,
        annotations.num_turns + 1 AS num_turns, annotations.length_words AS prompt_words
    FROM pairs
    JOIN prompts ON prompts.prompt_id = pairs.prompt_id
    JOIN annotations ON annotations.prompt_id = pairs.prompt_id
    {joins}
    """


LAYOUT = Layout(
    name="am_preference",
    unit="sample",
    what="Pairs of a passing and a failing response to one prompt (Exploring offline RL, arXiv 2505.02142).",
    table=lambda _: AM_PREFERENCE,
    sql=_sql,
    selections_per_row=2,
)

"""Prompts by difficulty level, flat (R3; references 11.4: the published columns were not found)."""

from curation.layouts.layout import FROM_PROMPTS, PROMPT_COLUMNS, QUESTION, Layout, pass_rate_columns
from curation.params import Dataset, Params
from schemas.am_difficulty_rl import am_difficulty_rl


def _sql(dataset: Dataset, params: Params) -> str:
    return f"""
    SELECT {QUESTION} AS question,
        prompts.source AS question_source,
        prompts.category,
        prompts.reference AS ground_truth,
        prompts.tests AS test_case,
        {pass_rate_columns(dataset, params)}
        {PROMPT_COLUMNS}
    {FROM_PROMPTS}
    """


LAYOUT = Layout(
    name="am_difficulty_rl",
    unit="prompt",
    what="Prompts for reinforcement learning in three levels by the pass rates of models of rising size, a config per "
    "level (Difficulty-aware staged RL, arXiv 2504.00829).",
    table=lambda dataset: am_difficulty_rl(tuple(dataset.pass_rates)),
    sql=_sql,
)

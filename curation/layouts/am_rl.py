"""Prompts with rule-based rewards, as verl reads them: AM-Thinking-v1-RL-Dataset (references 11.5).

The policy is the role in `values.policy`; the system prompt is that of its first teacher.
"""

from curation.layouts.layout import FROM_PROMPTS, PROMPT_COLUMNS, Layout, quoted
from curation.params import Dataset, Params
from schemas.am_rl import AM_RL


def _sql(dataset: Dataset, params: Params) -> str:
    policy = params.roles[dataset.values["policy"]]
    system = next((teacher.system for teacher in params.teachers if teacher.name in policy), None)
    turns = "list_transform(prompts.messages, lambda turn: {'role': turn.role, 'content': turn.content})"
    if system:
        turns = f"list_prepend({{'role': 'system', 'content': {quoted([system])}}}, {turns})"
    return f"""
    SELECT prompts.source AS data_source,
        {turns} AS prompt,
        prompts.category AS ability,
        {{'ground_truth': coalesce(prompts.tests, prompts.reference), 'style': 'rule'}} AS reward_model,
        {{
            'index': row_number() OVER (PARTITION BY selected.split ORDER BY selected.prompt_id) - 1,
            'split': selected.split
        }} AS extra_info,
        selected.figure AS pass_rate,
        {PROMPT_COLUMNS}
    {FROM_PROMPTS}
    """


LAYOUT = Layout(
    name="am_rl",
    unit="prompt",
    what="Prompts that the policy solves sometimes, in the columns that verl reads (AM-Thinking-v1, arXiv 2505.08311).",
    table=lambda _: AM_RL,
    sql=_sql,
)

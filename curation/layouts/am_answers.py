"""Answers of reasoning models without their thinking, for non-reasoning models (R4 5.3)."""

from curation.layouts.layout import FROM_SAMPLES, SAMPLE_COLUMNS, Layout
from curation.params import Dataset, Params
from schemas.am_answers import AM_ANSWERS


def _sql(dataset: Dataset, params: Params) -> str:
    return f"""
    SELECT list_append(
            list_transform(prompts.messages, lambda turn: {{'role': turn.role, 'content': turn.content}}),
            {{'role': 'assistant', 'content': responses.answer}}
        ) AS messages,
        prompts.category, prompts.source AS question_source, responses.teacher AS answer_source,
        {SAMPLE_COLUMNS}
    {FROM_SAMPLES}
    """


LAYOUT = Layout(
    name="am_answers",
    unit="sample",
    what="Answers without the thinking before them, a config per construction (Leveraging reasoning-model answers, "
    "arXiv 2504.09639).",
    table=lambda _: AM_ANSWERS,
    sql=_sql,
)

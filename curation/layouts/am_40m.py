"""Flat records: those of AM-DeepSeek-Distilled-40M (references 11.2)."""

from curation.layouts.layout import (
    FROM_SAMPLES,
    QUESTION,
    RESPONSE,
    SAMPLE_COLUMNS,
    Layout,
    mapped,
    models,
    pass_rate_columns,
)
from curation.params import Dataset, Params
from schemas.am_40m import am_40m

# Spelling of the categories on the card; it files open chat under "other".
CATEGORY_NAMES = {
    "math": "math",
    "code": "code",
    "science": "science",
    "instruction": "instruction follow",
    "multi_turn": "multi turn",
    "chat": "other",
}


def _sql(dataset: Dataset, params: Params) -> str:
    return f"""
    SELECT {QUESTION} AS question,
        {RESPONSE} AS answer,
        prompts.source AS question_source,
        responses.teacher AS answer_source,
        {mapped("prompts.category", CATEGORY_NAMES)} AS category,
        prompts.reference AS ground_truth,
        prompts.tests AS test_case,
        prompts.constraints AS instruction_constrain,
        {pass_rate_columns(dataset, params)}
        scores.perplexity AS ppl,
        {mapped("responses.teacher", models(params))} AS model_name,
        {SAMPLE_COLUMNS}
    {FROM_SAMPLES}
    """


LAYOUT = Layout(
    name="am_40m",
    unit="sample",
    what="Responses with their score and the pass rates of their prompt, in the layout of AM-DeepSeek-Distilled-40M "
    "(DeepDistill, arXiv 2504.17565).",
    table=lambda dataset: am_40m(tuple(dataset.pass_rates)),
    sql=_sql,
)

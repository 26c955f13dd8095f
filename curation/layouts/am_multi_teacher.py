"""Conversations with info: the records of AM-Thinking-v1-Distilled and AM-Qwen3-Distilled (references 11.3)."""

from curation.layouts.layout import FROM_SAMPLES, RESPONSE, SAMPLE_COLUMNS, Layout, mapped, models, quoted
from curation.params import Dataset, Params
from schemas.am_multi_teacher import AM_MULTI_TEACHER


def _sql(dataset: Dataset, params: Params) -> str:
    systems = {teacher.name: teacher.system or "" for teacher in params.teachers}
    names = quoted(list(systems))
    return f"""
    SELECT CASE WHEN responses.teacher IN ({names}) THEN {mapped("responses.teacher", systems)} ELSE '' END AS system,
        list_append(
            list_transform(prompts.messages, lambda turn, i: {{
                'from': CASE turn.role WHEN 'user' THEN 'human' ELSE turn.role END,
                'value': turn.content,
                'info': CASE WHEN i = len(prompts.messages) THEN {{
                    'source': prompts.source,
                    'category': prompts.category,
                    'ground_truth': prompts.reference,
                    'test_case': prompts.tests,
                    'instruction_constrain': prompts.constraints,
                    'think_content': NULL::VARCHAR,
                    'answer_content': NULL::VARCHAR,
                    'verify_score': NULL::DOUBLE,
                    'model_name': NULL::VARCHAR,
                    'ppl': NULL::DOUBLE
                }} END
            }}),
            {{
                'from': 'assistant',
                'value': {RESPONSE},
                'info': {{
                    'source': responses.teacher,
                    'category': prompts.category,
                    'ground_truth': NULL::VARCHAR,
                    'test_case': NULL::VARCHAR,
                    'instruction_constrain': NULL::VARCHAR,
                    'think_content': responses.reasoning,
                    'answer_content': responses.answer,
                    'verify_score': verdicts.score / CASE prompts.category WHEN 'science' THEN 5 ELSE 1 END,
                    'model_name': {mapped("responses.teacher", models(params))},
                    'ppl': scores.perplexity
                }}
            }}
        ) AS conversations,
        prompts.category, {SAMPLE_COLUMNS}
    {FROM_SAMPLES}
    """


LAYOUT = Layout(
    name="am_multi_teacher",
    unit="sample",
    what="A verified response of every teacher to every prompt, a config per teacher, in the layout of "
    "AM-Thinking-v1-Distilled (Not All Correct Answers Are Equal, arXiv 2505.14464).",
    table=lambda _: AM_MULTI_TEACHER,
    sql=_sql,
)

"""Messages with info: the records of AM-DeepSeek-R1-Distilled-1.4M (references 11.1)."""

from curation.layouts.layout import FROM_SAMPLES, RESPONSE, SAMPLE_COLUMNS, Layout
from curation.params import Dataset, Params
from schemas.am_1_4m import AM_1_4M


def _sql(dataset: Dataset, params: Params) -> str:
    return f"""
    SELECT list_append(
            list_transform(prompts.messages, lambda turn, i: {{
                'role': turn.role,
                'content': turn.content,
                'info': CASE WHEN i = len(prompts.messages) THEN {{
                    'source': prompts.source,
                    'reference_answer': prompts.reference,
                    'test_case': CASE WHEN prompts.tests IS NOT NULL THEN {{
                        'test_code': prompts.tests, 'test_entry_point': prompts.tests ->> '$.fn_name'
                    }} END,
                    'think_content': NULL::VARCHAR,
                    'answer_content': NULL::VARCHAR
                }} END
            }}),
            {{
                'role': 'assistant',
                'content': {RESPONSE},
                'info': {{
                    'source': responses.teacher,
                    'reference_answer': NULL::VARCHAR,
                    'test_case': NULL,
                    'think_content': responses.reasoning,
                    'answer_content': responses.answer
                }}
            }}
        ) AS messages,
        prompts.category, {SAMPLE_COLUMNS}
    {FROM_SAMPLES}
    """


LAYOUT = Layout(
    name="am_1_4m",
    unit="sample",
    what="One response per prompt, in the layout of AM-DeepSeek-R1-Distilled-1.4M (arXiv 2503.19633).",
    table=lambda _: AM_1_4M,
    sql=_sql,
)

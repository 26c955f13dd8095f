"""Released rows from curated tables: one SQL statement per published shape (papers 11.1, 11.2).

Each statement joins the ids of a selection with prompts, responses and figures, and names every
column of its table in `schemas`. Text is touched here and nowhere else after verify and score.
"""

from curation.params import Dataset, Params
from schemas.am_1_4m import AM_1_4M
from schemas.am_40m import am_40m
from schemas.table import Table

# Spelling of the categories on the 40M card (papers 11.2); it files open chat under "other".
CATEGORY_NAMES = {
    "math": "math",
    "code": "code",
    "science": "science",
    "instruction": "instruction follow",
    "multi_turn": "multi turn",
    "chat": "other",
}

_RESPONSE = """
CASE WHEN responses.reasoning IS NULL THEN responses.answer
ELSE '<think>' || responses.reasoning || '</think>' || chr(10) || '<answer>' || responses.answer || '</answer>' END
"""

_FROM = """
FROM selected
JOIN prompts ON prompts.prompt_id = selected.prompt_id
JOIN responses ON responses.sample_id = selected.sample_id
JOIN verdicts ON verdicts.sample_id = selected.sample_id
JOIN scores ON scores.sample_id = selected.sample_id
JOIN annotations ON annotations.prompt_id = selected.prompt_id
"""

_OURS = """
selected.sample_id, selected.prompt_id, annotations.label, annotations.difficulty, prompts.language,
verdicts.score AS verify_score, annotations.num_turns + 1 AS num_turns,
scores.reasoning_tokens + scores.answer_tokens AS answer_tokens
"""


def layout_table(dataset: Dataset) -> Table:
    """The contract of a dataset's released rows."""
    return AM_1_4M if dataset.layout == "am_1_4m" else am_40m(tuple(dataset.pass_rates))


def layout_sql(dataset: Dataset, params: Params) -> str:
    """The statement that makes a dataset's released rows, in no stated order.

    Reads the relations `selected` (rows of `selections`), `prompts`, `responses`, `verdicts`,
    `scores`, `annotations` and, for am_40m, `grades`.
    """
    return _am_1_4m_sql() if dataset.layout == "am_1_4m" else _am_40m_sql(dataset, params)


def _am_1_4m_sql() -> str:
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
                'content': {_RESPONSE},
                'info': {{
                    'source': responses.teacher,
                    'reference_answer': NULL::VARCHAR,
                    'test_case': NULL,
                    'think_content': responses.reasoning,
                    'answer_content': responses.answer
                }}
            }}
        ) AS messages,
        prompts.category, {_OURS}
    {_FROM}
    """


def _am_40m_sql(dataset: Dataset, params: Params) -> str:
    rates = ", ".join(
        f"(SELECT sum(num_passed) / nullif(sum(num_verified), 0) FROM grades "
        f"WHERE grades.prompt_id = selected.prompt_id AND teacher IN ({_quoted(params.roles[role])})) "
        f'AS "pass_rate_{name}"'
        for name, role in dataset.pass_rates.items()
    )
    models = {teacher.name: teacher.model for teacher in params.teachers}
    return f"""
    SELECT CASE WHEN len(prompts.messages) = 1 THEN prompts.messages[1].content
            ELSE array_to_string(
                list_transform(prompts.messages, lambda turn: '<' || turn.role || '> ' || turn.content), chr(10)
            ) END AS question,
        {_RESPONSE} AS answer,
        prompts.source AS question_source,
        responses.teacher AS answer_source,
        {_mapped("prompts.category", CATEGORY_NAMES)} AS category,
        prompts.reference AS ground_truth,
        prompts.tests AS test_case,
        prompts.constraints AS instruction_constrain,
        {rates + "," if rates else ""}
        scores.perplexity AS ppl,
        {_mapped("responses.teacher", models)} AS model_name,
        {_OURS}
    {_FROM}
    """


def _mapped(column: str, names: dict[str, str]) -> str:
    """A CASE that renames known values and keeps others."""
    cases = " ".join(f"WHEN {_quoted([old])} THEN {_quoted([new])}" for old, new in names.items())
    return f"CASE {column} {cases} ELSE {column} END" if cases else column


def _quoted(values: list[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def schema_json(table: Table) -> list[dict[str, object]]:
    """A table's columns as a manifest writes them."""
    return [{"name": c.name, "type": str(c.type), "nullable": c.nullable, "doc": c.doc} for c in table.columns]

"""What a layout is, and the SQL that several share.

A layout's statement joins the ids of a selection with prompts, responses and figures, and names every column of
its table in `schemas`. Text is touched there and nowhere else after verify and score. It reads the relations
`selected` (rows of `selections`), `prompts`, `responses`, `verdicts`, `scores`, `annotations` and `grades`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from curation.params import Dataset, Params
from curation.tables import quote
from schemas.table import Table


@dataclass(frozen=True)
class Layout:
    """One published shape."""

    name: str
    unit: Literal["sample", "prompt"]
    """What a recipe for this layout chooses among: its candidates."""
    what: str
    """The sentence about its rows on the dataset card."""
    table: Callable[[Dataset], Table]
    """Contract of the released rows."""
    sql: Callable[[Dataset, Params], str]
    """Statement that makes the released rows, in no stated order."""
    selections_per_row: int = 1
    """Rows of `selections` that make one released row."""


def response_text(responses: str) -> str:
    """SQL of the full text of a response (`curation.text.join_response`), by the name of its table in the statement."""
    return f"""
    CASE WHEN {responses}.reasoning IS NULL THEN {responses}.answer
    ELSE '<think>' || {responses}.reasoning || '</think>' || chr(10) || '<answer>' || {responses}.answer || '</answer>' END
    """


RESPONSE = response_text("responses")

QUESTION = """
CASE WHEN len(prompts.messages) = 1 THEN prompts.messages[1].content
ELSE array_to_string(
    list_transform(prompts.messages, lambda turn: '<' || turn.role || '> ' || turn.content), chr(10)
) END
"""

FROM_SAMPLES = """
FROM selected
JOIN prompts ON prompts.prompt_id = selected.prompt_id
JOIN responses ON responses.sample_id = selected.sample_id
JOIN verdicts ON verdicts.sample_id = selected.sample_id
JOIN scores ON scores.sample_id = selected.sample_id
JOIN annotations ON annotations.prompt_id = selected.prompt_id
"""

FROM_PROMPTS = """
FROM selected
JOIN prompts ON prompts.prompt_id = selected.prompt_id
JOIN annotations ON annotations.prompt_id = selected.prompt_id
"""

PROMPT_COLUMNS = """
selected.prompt_id, annotations.label, annotations.difficulty, prompts.language,
annotations.num_turns + 1 AS num_turns, annotations.length_words AS prompt_words
"""

SAMPLE_COLUMNS = f"""
selected.sample_id, {PROMPT_COLUMNS}, verdicts.score AS verify_score,
scores.reasoning_tokens + scores.answer_tokens AS answer_tokens, scores.reasoning_tokens
"""


def pass_rate_columns(dataset: Dataset, params: Params) -> str:
    """The columns `pass_rate_<name>`, each over all teachers of its role; ends with a comma where there are any."""
    columns = [
        f"(SELECT sum(num_passed) / nullif(sum(num_verified), 0) FROM grades "
        f"WHERE grades.prompt_id = selected.prompt_id AND teacher IN ({quoted(params.roles[role])})) "
        f'AS "pass_rate_{name}"'
        for name, role in dataset.pass_rates.items()
    ]
    return "".join(f"{column}, " for column in columns)


def models(params: Params) -> dict[str, str]:
    """The model of each teacher in params."""
    return {teacher.name: teacher.model for teacher in params.teachers}


def mapped(column: str, names: Mapping[str, str]) -> str:
    """A CASE that renames known values and keeps others."""
    cases = " ".join(f"WHEN {quoted([old])} THEN {quoted([new])}" for old, new in names.items())
    return f"CASE {column} {cases} ELSE {column} END" if cases else column


def quoted(values: Sequence[str]) -> str:
    """Values as SQL texts, with commas."""
    return ", ".join(map(quote, values))

r"""The macros of the catalog, in SQL that DuckDB 1.0 reads too: parts of a conversation, and the life of an id.

`split_response`, `think` and `answer` follow `curation.text.split_response`, `explain` follows `curation.explain`.
White space is what Python's \s knows. No regular expression captures a whole text: cutting it at what stands
between reasoning and answer is five times as fast.
"""

from collections.abc import Collection, Mapping, Sequence

from curation.tables import quote

_SPACE = r"[\s\x0b\x1c-\x1f\x{85}\pZ]*"
_BODY = rf"regexp_replace(text, '\A{_SPACE}', '')"
_CUT = f"nullif(regexp_extract(text, '</think>{_SPACE}<answer>'), '')"
# Of a whole response in tags: '<think>' and the reasoning; the answer and '</answer>'.
_PARTS = rf"string_split(regexp_replace({_BODY}, '{_SPACE}\z', ''), {_CUT})"
_IN_TAGS = (f"{_PARTS}[1][8:]", f"{_PARTS}[2][:-10]")
_CLOSED = f"instr({_BODY}, '</think>')"
_AFTER_THINK = (f"{_BODY}[8:{_CLOSED} - 1]", f"{_BODY}[{_CLOSED} + 8:]")
_SAID = "list_filter(messages, lambda turn: turn.role = 'assistant')[-1].content"


def _follows(is_framed: str, parts: tuple[str, str]) -> str:
    """SQL: a text has the frame of a format, and no tag stands where it opens nothing."""
    return f"{is_framed} AND NOT contains({parts[0]}, '<think>') AND NOT contains({parts[1]}, '<answer>')"


def of_text() -> tuple[str, ...]:
    """Statements that create the macros over texts and conversations.

    `split_response(text)` is a struct of `reasoning` and `answer`, by the first of the formats think_answer, think
    and plain that the text follows. `think(messages)` and `answer(messages)` are those of the last assistant turn;
    null where there is none, and `think` also where it has no reasoning.
    """
    framed = f"len({_PARTS}) = 2 AND starts_with({_BODY}, '<think>') AND ends_with({_PARTS}[2], '</answer>')"
    thought = f"starts_with({_BODY}, '<think>') AND {_CLOSED} > 0"
    split = f"""
        CASE WHEN text IS NULL THEN NULL
        WHEN {_follows(framed, _IN_TAGS)} THEN {{'reasoning': {_IN_TAGS[0]}, 'answer': {_IN_TAGS[1]}}}
        WHEN {_follows(thought, _AFTER_THINK)} THEN {{'reasoning': {_AFTER_THINK[0]}, 'answer': {_AFTER_THINK[1]}}}
        ELSE {{'reasoning': NULL, 'answer': text}} END
    """
    return (
        f"CREATE MACRO split_response(text) AS {split}",
        f"CREATE MACRO think(messages) AS split_response({_SAID}).reasoning",
        f"CREATE MACRO answer(messages) AS split_response({_SAID}).answer",
        "COMMENT ON MACRO split_response IS 'Reasoning and answer of a response.'",
        "COMMENT ON MACRO think IS 'Reasoning in the last assistant turn; null where it has none.'",
        "COMMENT ON MACRO answer IS 'Answer in the last assistant turn.'",
    )


# What explain reads of each view; the columns of drops that its rows have, too.
_READS: Mapping[str, tuple[str, ...]] = {
    "records": ("record_id", "prompt_id"),
    "annotations": ("prompt_id", "label", "difficulty"),
    "ready_responses": ("sample_id", "prompt_id", "teacher"),
    "responses": ("sample_id", "prompt_id", "teacher", "finish_reason"),
    "verdicts": ("sample_id", "prompt_id", "teacher", "status", "why", "score", "detail"),
    "scores": ("sample_id", "prompt_id", "teacher", "reason"),
    "grades": ("prompt_id", "teacher", "pass_rate", "num_passed", "num_verified"),
    "reference_checks": ("prompt_id", "outcome"),
    "selections": ("sample_id", "prompt_id", "dataset", "config", "split", "role", "figure"),
    "drops": (
        *("stage", "dataset", "reason", "figure", "evidence_id", "record_id", "prompt_id", "sample_id", "detail"),
    ),
}
_NUMBERS = ("figure", "score", "pass_rate", "num_passed", "num_verified")
COLUMNS = "stage, outcome, reason, figure, evidence_id, detail, record_id, prompt_id, sample_id, teacher, dataset"
_AFTER = ("distill", "verify", "score", "grade", "select")


def explain(views: Collection[str], stages: Sequence[str]) -> str:
    """Statement that creates the table macro `explain(id)`: a row per stage and decision, in the order of the stages.

    The id, or the first characters of one, is of a record, a prompt or a sample; a benchmark question NAME/ID gives
    the drops that it decided. Records have `kept` or `dropped` for each stage up to the one that dropped them, with
    `figure`, `evidence_id` and `detail` of the drop; samples their verdicts, scores, grades and datasets.

    Args:
        views: Names of the views that are there; what another would hold is left out.
        stages: Stages of prompts that have run, in order.
    """
    sources = ", ".join(f"all_{name} AS NOT MATERIALIZED ({_source(name, name in views)})" for name in _READS)
    numbered = enumerate([*stages, *_AFTER])
    steps = ", ".join(f"({number}, {quote(stage)}, {stage not in _AFTER})" for number, stage in numbered)
    return f"""
    CREATE MACRO explain(id) AS TABLE
    WITH {sources},
    steps (step, stage, of_record) AS (VALUES {steps}),
    {_FOUND}
    SELECT {COLUMNS} FROM ({_TOLD}) LEFT JOIN steps USING (stage)
    ORDER BY record_id IS NULL, record_id, step, dataset, prompt_id, sample_id, teacher, reason, outcome
    """


def _source(view: str, there: bool) -> str:
    """SQL of a view's columns, or of no rows with such columns."""
    columns = _READS[view]
    if there:
        return f"SELECT {', '.join(columns)} FROM {view}"
    nulls = [f"NULL::{'DOUBLE' if name in _NUMBERS else 'VARCHAR'} AS {name}" for name in columns]
    return f"SELECT {', '.join(nulls)} WHERE false"


def _begins(column: str) -> str:
    """SQL: an id begins so. A range, as g comes after f, lets DuckDB skip row groups."""
    return f"{column} >= id AND {column} < id || 'g'"


_FOUND = f"""
    named_samples AS (
        SELECT sample_id, prompt_id, teacher FROM all_responses WHERE {_begins("sample_id")}
        UNION SELECT sample_id, prompt_id, teacher FROM all_ready_responses WHERE {_begins("sample_id")}
        UNION SELECT sample_id, prompt_id, NULL FROM all_drops WHERE {_begins("sample_id")}
    ),
    named_records AS (
        SELECT record_id, prompt_id FROM all_records WHERE {_begins("record_id")}
        UNION SELECT record_id, prompt_id FROM all_records WHERE {_begins("prompt_id")}
    ),
    found_records AS (
        FROM named_records
        UNION SELECT record_id, prompt_id FROM all_records WHERE prompt_id IN (SELECT prompt_id FROM named_samples)
    ),
    record_drops AS (
        SELECT all_drops.*, found_records.record_id AS found_id, step
        FROM all_drops
        JOIN found_records ON all_drops.prompt_id = found_records.prompt_id
            AND coalesce(all_drops.record_id, found_records.record_id) = found_records.record_id
        JOIN steps ON steps.stage = all_drops.stage AND of_record
        WHERE sample_id IS NULL AND dataset IS NULL
    ),
    asked_prompts AS (
        SELECT DISTINCT prompt_id FROM named_records
        WHERE record_id NOT IN (SELECT found_id FROM record_drops)
    ),
    found_samples AS (
        SELECT sample_id, prompt_id, teacher FROM named_samples
        UNION SELECT sample_id, prompt_id, teacher FROM all_responses WHERE prompt_id IN (FROM asked_prompts)
        UNION SELECT sample_id, prompt_id, NULL FROM all_drops
        WHERE sample_id IS NOT NULL AND prompt_id IN (FROM asked_prompts)
    ),
    found_prompts AS (FROM asked_prompts UNION SELECT prompt_id FROM named_samples),
    settled AS (
        SELECT dataset, sample_id FROM all_selections WHERE sample_id IN (SELECT sample_id FROM named_samples)
        UNION SELECT dataset, sample_id FROM all_drops WHERE sample_id IN (SELECT sample_id FROM named_samples)
    ),
    shared_drops AS (
        SELECT all_drops.* FROM all_drops
        WHERE sample_id IS NULL AND dataset IS NOT NULL AND prompt_id IN (FROM asked_prompts)
        UNION
        SELECT all_drops.* FROM all_drops
        JOIN named_samples ON named_samples.prompt_id = all_drops.prompt_id
        LEFT JOIN settled ON settled.dataset = all_drops.dataset AND settled.sample_id = named_samples.sample_id
        WHERE all_drops.sample_id IS NULL AND all_drops.dataset IS NOT NULL AND settled.sample_id IS NULL
    )
"""
_ONE_TEACHER = (
    "(prompt_id IN (FROM asked_prompts) OR (prompt_id, teacher) IN (SELECT (prompt_id, teacher) FROM found_samples))"
)
_OF_SAMPLE = "sample_id IN (SELECT sample_id FROM found_samples)"
_OF_PROMPT = "sample_id IS NULL AND prompt_id IN (FROM found_prompts)"
# Rows of several tables, by name: what a table does not tell is null.
_TOLD = f"""
    SELECT steps.stage, CASE WHEN drops.step = steps.step THEN 'dropped' ELSE 'kept' END AS outcome,
        CASE WHEN drops.step = steps.step THEN drops.reason END AS reason,
        CASE WHEN drops.step = steps.step THEN drops.figure END AS figure,
        CASE WHEN drops.step = steps.step THEN drops.evidence_id END AS evidence_id,
        CASE WHEN drops.step = steps.step THEN drops.detail WHEN steps.stage = 'annotate' THEN label || ', ' || difficulty END AS detail,
        found_records.record_id, found_records.prompt_id,
        NULL::VARCHAR AS sample_id, NULL::VARCHAR AS teacher, NULL::VARCHAR AS dataset
    FROM found_records
    LEFT JOIN record_drops AS drops ON drops.found_id = found_records.record_id
    JOIN steps ON of_record AND steps.step <= coalesce(drops.step, steps.step)
    LEFT JOIN all_annotations ON all_annotations.prompt_id = found_records.prompt_id
    UNION ALL BY NAME
    SELECT DISTINCT stage, 'dropped' AS outcome, reason, figure, evidence_id, detail, record_id, prompt_id, sample_id, dataset
    FROM (FROM all_drops WHERE sample_id IS NOT NULL OR dataset IS NULL UNION ALL FROM shared_drops)
    WHERE {_OF_SAMPLE} OR (dataset IS NOT NULL AND {_OF_PROMPT}) OR (contains(id, '/') AND evidence_id = id)
        OR (sample_id IS NULL AND dataset IS NULL AND ({_begins("record_id")} OR {_begins("prompt_id")})
            AND coalesce(record_id, '') NOT IN (SELECT record_id FROM found_records)
            AND coalesce(prompt_id, '') NOT IN (SELECT prompt_id FROM found_records))
    UNION ALL BY NAME
    SELECT 'distill' AS stage, 'kept' AS outcome, finish_reason AS detail, prompt_id, sample_id, teacher
    FROM all_responses WHERE {_OF_SAMPLE}
    UNION ALL BY NAME
    SELECT 'verify' AS stage, status AS outcome, why AS reason, score AS figure, detail, prompt_id, sample_id, teacher
    FROM all_verdicts WHERE {_OF_SAMPLE}
    UNION ALL BY NAME
    SELECT 'score' AS stage, 'kept' AS outcome, prompt_id, sample_id, teacher
    FROM all_scores WHERE reason IS NULL AND {_OF_SAMPLE}
    UNION ALL BY NAME
    SELECT 'grade' AS stage, 'graded' AS outcome, pass_rate AS figure,
        num_passed || ' of ' || num_verified || ' verified passed' AS detail, prompt_id, teacher
    FROM all_grades WHERE {_ONE_TEACHER}
    UNION ALL BY NAME
    SELECT 'grade' AS stage, 'reference ' || outcome AS outcome, prompt_id
    FROM all_reference_checks WHERE prompt_id IN (FROM asked_prompts)
    UNION ALL BY NAME
    SELECT 'select' AS stage, 'selected' AS outcome, figure, config || ', ' || split || ', ' || role AS detail,
        prompt_id, sample_id, dataset
    FROM all_selections WHERE {_OF_SAMPLE} OR ({_OF_PROMPT})
"""

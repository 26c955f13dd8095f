"""Synthetic curated tables at any size: ids, verdicts and scores of prompts x teachers x samples, no long text.

Ids are hashes, so tables ordered by sample_id hold the samples of a prompt far apart, as real ones do. Pass
rates differ by prompt, so that recipes find easy, hard and mixed ones.
"""

from pathlib import Path

from curation import tables
from schemas.annotations import ANNOTATIONS
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES
from schemas.scores import SCORES
from schemas.verdicts import VERDICTS

TEACHERS = ("small-1", "medium-1", "large-1")
SAMPLES = 4
CATEGORIES = "['math', 'code', 'science', 'instruction', 'chat', 'chat', 'chat', 'multi_turn']"


def write_tables(data: Path, *, num_prompts: int, memory_gb: float) -> None:
    """Write the tables that grade and select read, as annotate, distill, verify and score would.

    Args:
        data: The project's folder data/.
        num_prompts: Prompts; each has 12 responses.
        memory_gb: Limit of DuckDB.
    """
    con = tables.connect(memory_gb=memory_gb)
    con.execute(f"SET temp_directory = '{data}/.synthetic.spill'")
    con.execute(
        f"""
        CREATE TEMP TABLE asked AS
        SELECT md5('p' || i) AS prompt_id, md5('r' || i) AS record_id, ({CATEGORIES})[i % 8 + 1] AS category,
            (hash(i) % 1000) / 1000 AS ease
        FROM range({num_prompts}) AS r(i)
        """
    )
    con.execute(
        f"""
        CREATE TEMP VIEW answered AS
        SELECT md5(prompt_id || t || k) AS sample_id, prompt_id, {list(TEACHERS)}[t] AS teacher, k AS sample_index, category,
            CASE WHEN category IN ('multi_turn', 'chat') AND hash(prompt_id, 1) % 4 = 0 THEN NULL
                ELSE ((hash(prompt_id, t, k) % 1000) / 1000 < ease * (0.5 + t / 6))::INT
                    * CASE category WHEN 'science' THEN 5.0 ELSE 1.0 END END AS score,
            hash(prompt_id, t, k, 2) % 50 = 0 AS repeats
        FROM asked, range(1, {len(TEACHERS)} + 1) AS teachers(t), range({SAMPLES}) AS samples(k)
        """
    )
    for stage, table, sql in _TABLES:
        tables.write(con.sql(sql), data / stage / table.name, table)


_TABLES = (
    (
        "annotate",
        PROMPTS,
        """
        SELECT record_id, prompt_id, 'synthetic' AS source, 'synthetic:1' AS source_row, category,
            [{'role': 'user', 'content': 'q'}] AS messages, '1' AS reference, NULL AS tests, NULL AS constraints,
            'en' AS language, 'Apache-2.0' AS licence, 1 AS priority
        FROM asked
        """,
    ),
    (
        "annotate",
        ANNOTATIONS,
        """
        SELECT prompt_id, md5('g' || prompt_id[:7]) AS group_id, 'Math' AS label,
            ['very easy', 'easy', 'medium', 'hard', 'very hard'][(hash(prompt_id) % 5)::INT + 1] AS difficulty,
            'rules' AS annotator, 1 AS num_turns, 1 AS length_words, true AS verifiable
        FROM asked
        """,
    ),
    (
        "distill",
        RESPONSES,
        """
        SELECT sample_id, prompt_id, NULL AS record_id, teacher, sample_index, NULL AS reasoning, '' AS answer,
            true AS well_formed, 'stop' AS finish_reason, 1000 AS num_tokens
        FROM answered
        """,
    ),
    (
        "verify",
        VERDICTS,
        """
        SELECT sample_id, prompt_id, teacher, category, 'v' AS verifier, '1' AS version,
            CASE WHEN score IS NULL THEN 'unverified' ELSE 'verified' END AS status, score,
            CASE WHEN score IS NULL THEN 'no_reward_model' END AS why, NULL AS detail
        FROM answered
        """,
    ),
    (
        "score",
        SCORES,
        """
        SELECT sample_id, prompt_id, teacher, 1 + (hash(sample_id) % 100) / 10 AS perplexity, 1 AS repetition,
            1 AS frequent_ngrams, true AS well_formed, false AS language_mixed, true AS boxed,
            (hash(sample_id, 3) % 8000)::INT AS reasoning_tokens, 300 AS answer_tokens,
            CASE WHEN repeats THEN 'repetition' END AS reason, CASE WHEN repeats THEN 9.0 END AS figure
        FROM answered
        """,
    ),
)

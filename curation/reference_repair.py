r"""Reference repair: what most answers to a math prompt say against its reference, and an arbiter between them.

In: `verdicts` of verify, `prompts` of annotate. Out: rows of `reference_checks`, a part of the stage grade.
A vote is a verified sample that states a final answer, as verify's detail shows it. References and
verdicts stay as they are: an outcome is data, which a recipe may read as `reference_outcome`.

    agrees         the majority answer is the reference
    no_majority    no answer alone has most votes, or it has fewer than `votes_min`
    needs_arbiter  the majority answer is not the reference, and no arbiter has answered
    repaired       the arbiter's answer is the majority's: it should replace the reference
    kept           the arbiter bears the reference out; by r7 also where it agrees with neither
    drop           the arbiter agrees with neither; by r6 alone

Reference: R6 (arXiv 2505.02142) 7.2 steps 4 and 5; R7 (AM-Thinking-v1, arXiv 2505.08311) 8.2 step 5.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import TypeAlias

import duckdb

from curation.execute import Executor
from curation.params import ReferenceRepair, Verify
from curation.tables import Relation
from curation.verifiers.math import DETAIL_CHARS
from curation.verify import verify

Equal: TypeAlias = Callable[[Relation], Relation]
"""Gives, of pairs of answers (`first`, `second`), those that are equal."""


def answers_of(verdicts: Relation, prompts: Relation, teachers: Sequence[str]) -> Relation:
    """The final answers that teachers gave to math prompts, equal texts together.

    Args:
        verdicts: One row per sample. Reads `prompt_id`, `teacher`, `category`, `score`, `detail`.
        prompts: One row per prompt. Reads `prompt_id`, `reference`.
        teachers: Teachers whose samples vote.

    Returns:
        One row per prompt and text: `prompt_id`, `reference`, `answer`, `is_right` (verify gave it 1), `num_votes`.
    """
    voters = [duckdb.ConstantExpression(teacher) for teacher in teachers]
    voting = verdicts.filter(duckdb.ColumnExpression("teacher").isin(*voters))
    return voting.query(
        "voting",
        """
        SELECT prompt_id, reference, detail ->> 'answer' AS answer, score = 1 AS is_right, count(*) AS num_votes
        FROM voting JOIN prompts USING (prompt_id)
        WHERE voting.category = 'math' AND score IS NOT NULL AND answer IS NOT NULL
        GROUP BY ALL
        """,
    )


def check_references(
    answers: Relation,
    params: ReferenceRepair,
    *,
    equal: Equal,
    con: duckdb.DuckDBPyConnection,
    arbiter: Relation | None = None,
) -> Relation:
    """Hold the majority of a prompt's answers against its reference, and both against an arbiter's answer.

    Right answers are one answer by definition. Wrong ones that `equal` calls equal are counted together, unless
    the right ones outvote them all anyway: each goes with the first, by text, of those that equal it.

    Args:
        answers: What `answers_of` returns.
        params: Reads `votes_min` and `rule`.
        equal: Says which answers are equal.
        con: Connection of the relations.
        arbiter: `prompt_id` and `answer`, at most one row per prompt; null where no arbiter was asked.

    Returns:
        Rows of `reference_checks`, in no stated order.
    """
    checks = _held(_majorities(_held(answers, con), params.votes_min, equal=equal, con=con), con)
    if arbiter is None:
        arbiter = con.sql("SELECT NULL::VARCHAR AS prompt_id, NULL::VARCHAR AS answer WHERE false")
    asked = checks.query(
        "checks", "SELECT checks.*, answer FROM checks JOIN arbiter USING (prompt_id) WHERE NOT agrees"
    )
    pairs = asked.query(
        "asked",
        "SELECT majority_answer AS first, answer AS second FROM asked UNION SELECT reference, answer FROM asked",
    )
    same = _held(equal(pairs), con)
    return checks.query(
        "checks",
        f"""
        SELECT checks.*, answer AS arbiter_answer,
            CASE
                WHEN majority_answer IS NULL THEN 'no_majority'
                WHEN agrees THEN 'agrees'
                WHEN answer IS NULL THEN 'needs_arbiter'
                WHEN (majority_answer, answer) IN (SELECT (first, second) FROM same) THEN 'repaired'
                WHEN '{params.rule}' = 'r7' OR (reference, answer) IN (SELECT (first, second) FROM same) THEN 'kept'
                ELSE 'drop'
            END AS outcome
        FROM checks LEFT JOIN arbiter USING (prompt_id)
        """,
    )


def _majorities(answers: Relation, votes_min: int, *, equal: Equal, con: duckdb.DuckDBPyConnection) -> Relation:
    """One row per prompt with its votes and its majority answer, if there is one."""
    pairs = _held(_wrong_pairs(answers), con)
    same = _held(equal(pairs.project("first, second").distinct()), con)
    return answers.query(
        "answers",
        f"""
        WITH firsts AS (
            SELECT prompt_id, second AS answer, min(first) AS first_answer
            FROM pairs SEMI JOIN same USING (first, second)
            GROUP BY ALL
        ),
        counted AS (
            SELECT prompt_id, any_value(reference) AS reference, is_right,
                arg_min(answer, (-num_votes, answer)) AS answer, sum(num_votes)::INTEGER AS votes
            FROM answers LEFT JOIN firsts USING (prompt_id, answer)
            GROUP BY prompt_id, is_right, CASE WHEN NOT is_right THEN coalesce(first_answer, answer) END
        ),
        ranked AS (
            SELECT *, lead(votes, 1, 0) OVER most AS next_votes, row_number() OVER most AS place,
                sum(votes) OVER (PARTITION BY prompt_id)::INTEGER AS num_votes,
                votes >= {votes_min} AND votes > next_votes AS is_majority
            FROM counted
            WINDOW most AS (PARTITION BY prompt_id ORDER BY votes DESC, answer)
        )
        SELECT prompt_id, reference, CASE WHEN is_majority THEN answer END AS majority_answer,
            votes AS majority_votes, num_votes, CASE WHEN is_majority THEN is_right END AS agrees
        FROM ranked
        WHERE place = 1
        """,
    )


def _wrong_pairs(answers: Relation) -> Relation:
    """Pairs of wrong answers to one prompt, where counting them together may decide."""
    return answers.query(
        "answers",
        """
        WITH open AS (
            SELECT prompt_id FROM answers GROUP BY prompt_id
            HAVING 2 * coalesce(sum(num_votes) FILTER (is_right), 0) <= sum(num_votes)
        ),
        wrong AS (SELECT prompt_id, answer FROM answers SEMI JOIN open USING (prompt_id) WHERE NOT is_right)
        SELECT prompt_id, one.answer AS first, other.answer AS second
        FROM wrong AS one JOIN wrong AS other USING (prompt_id)
        WHERE one.answer < other.answer
        """,
    )


def equal_answers(
    pairs: Relation, params: Verify, *, con: duckdb.DuckDBPyConnection, processes: int = 0, executor: Executor = "local"
) -> Relation:
    r"""The pairs that verify calls equal, with `first` as the reference: by its memo, so none is compared twice.

    An answer that verify's detail may have cut off is equal to no other text.

    Args:
        pairs: Reads `first` and `second`.
        params: The block verify of params.yaml.
        con: Connection of the pairs.
        processes: Workers; 0 takes one per core.
        executor: Where the comparisons run.
    """
    asked = _held(
        pairs.query(
            "pairs",
            f"""
            SELECT first, second, row_number() OVER (ORDER BY first, second)::VARCHAR AS pair_id
            FROM pairs
            WHERE length(first) < {DETAIL_CHARS} AND length(second) < {DETAIL_CHARS}
            """,
        ),
        con,
    )
    # The space keeps an answer that ends in a backslash from escaping the brace.
    responses = asked.query(
        "asked",
        r"SELECT pair_id AS sample_id, pair_id AS prompt_id, '' AS teacher, '\boxed{' || second || ' }' AS answer FROM asked",
    )
    prompts = asked.query(
        "asked",
        """
        SELECT pair_id AS prompt_id, 'math' AS category, [] AS messages, first AS reference,
            NULL::VARCHAR AS tests, NULL::VARCHAR AS constraints
        FROM asked
        """,
    )
    verdicts = verify(responses, prompts, params, con=con, processes=processes, executor=executor)
    return asked.query(
        "asked",
        "SELECT first, second FROM asked JOIN verdicts ON verdicts.sample_id = asked.pair_id WHERE score = 1",
    )


def _held(relation: Relation, con: duckdb.DuckDBPyConnection) -> Relation:
    """The relation's rows as a table of the connection, since a relation runs again with each use."""
    name = f"held_{uuid.uuid4().hex}"
    relation.create(name)
    return con.table(name)

"""Multi-round thinking: what round n asks, and how answers move between rounds.

Each round is a call of its own that sees the prompt and the answer of the round just before, not its reasoning
and nothing older. A sample has a chain of answers, one a round; a transition is a step of that chain: C-C, C-I, I-C or
I-I, correct (C) or incorrect (I) before and after. Where one of the two has no verdict, the step is `unverified`.

The measured figures are R2's tables: how often each transition occurs, how long answers are before and after it,
and how often words of hesitation stand in them.

Reference: R2, Think Twice (arXiv 2503.19855), 3.1 prompt, 3.4 words, 3.5 lengths.
"""

from collections import Counter
from collections.abc import Sequence

from curation.errors import ParamsError
from curation.tables import Relation
from curation.text import words as split_words

AGAIN = "The assistant's previous answer is: <answer> {answer} </answer>, and please re-answer."
"""R2 3.1, a line of its own behind the prompt."""
TRANSITIONS = ("I-C", "I-I", "C-C", "C-I")
_STEPS = """
    SELECT after.model, after.benchmark, before.round::VARCHAR || '-' || after.round::VARCHAR AS rounds,
        CASE WHEN before.correct IS NULL OR after.correct IS NULL THEN 'unverified'
            ELSE if(before.correct, 'C', 'I') || '-' || if(after.correct, 'C', 'I') END AS transition,
        before.num_tokens AS tokens_before, after.num_tokens AS tokens_after,
        before.words AS words_before, after.words AS words_after
    FROM evaluations AS after
    JOIN evaluations AS before ON before.sample_id = after.previous_sample_id
"""


def ask_again(messages: Sequence[tuple[str, str]], answer: str) -> tuple[tuple[str, str], ...]:
    r"""The chat of a round after the first: the last user turn, with the answer of the round before.

    Example:
        >>> ask_again([("user", "What is 7 + 5?")], "11\n")[0][1].splitlines()[1]
        "The assistant's previous answer is: <answer> 11 </answer>, and please re-answer."
    """
    role, content = messages[-1]
    return (*messages[:-1], (role, f"{content}\n{AGAIN.format(answer=answer.strip())}"))


def check_words(words: Sequence[str]) -> None:
    """Refuse what can never be counted, since no text splits into it.

    Raises:
        ParamsError: An entry is not one lower-case word, or stands twice.
    """
    for position, word in enumerate(words):
        if split_words(word) != [word]:
            raise ParamsError(f"params: evaluate.words has {word!r}; wanted single words in lower case, as wait.")
        if word in words[:position]:
            raise ParamsError(f"params: evaluate.words has {word!r} twice.")


def count_words(text: str, words: Sequence[str]) -> list[int]:
    """How often each word stands in a text, upper and lower case alike, whole words only.

    Example:
        >>> count_words("Wait, but wait: await.", ["but", "wait"])
        [1, 2]
    """
    found = Counter(split_words(text))
    return [found[word] for word in words]


def transitions(evaluations: Relation) -> Relation:
    """How often answers moved how, and their mean lengths before and after.

    Args:
        evaluations: One row per sample and round. Reads `sample_id`, `previous_sample_id`, `model`, `benchmark`,
            `round`, `correct`, `num_tokens`, `words`.

    Returns:
        `model`, `benchmark`, `rounds` (as 1-2), `transition`, `num_samples`, `tokens_before`, `tokens_after`, ordered
        by these. Transitions that do not occur have no row.
    """
    return evaluations.query(
        "evaluations",
        f"""
        SELECT model, benchmark, rounds, transition, count(*) AS num_samples,
            round(avg(tokens_before), 1) AS tokens_before, round(avg(tokens_after), 1) AS tokens_after
        FROM ({_STEPS})
        GROUP BY ALL ORDER BY ALL
        """,
    )


def word_counts(evaluations: Relation, words: Sequence[str]) -> Relation:
    """Mean count of each word in an answer, before and after, over all steps and by transition.

    Args:
        evaluations: As `transitions` reads them; `words` holds a count for each of the words.
        words: The words, in the order in which they were counted.

    Returns:
        `model`, `benchmark`, `rounds`, `transition` (or `all`), `word`, `num_samples`, `before`, `after`.
    """
    listed = ", ".join(f"({position}, '{word}')" for position, word in enumerate(words, start=1))
    return evaluations.query(
        "evaluations",
        f"""
        WITH steps AS ({_STEPS}),
        grouped AS (FROM steps UNION ALL SELECT * REPLACE ('all' AS transition) FROM steps)
        SELECT model, benchmark, rounds, transition, word, count(*) AS num_samples,
            round(avg(words_before[position]), 2) AS before, round(avg(words_after[position]), 2) AS after
        FROM grouped CROSS JOIN (VALUES {listed}) AS listed(position, word)
        GROUP BY ALL ORDER BY ALL
        """,
    )

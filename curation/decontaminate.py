"""decontaminate: prompts -> kept + drops; no prompt that overlaps a benchmark question stays.

In: `prompts` of deduplicate, the benchmarks' files. Out: `prompts`, `drops`. The unit is the prompt. Reasons, in
the order in which they are tried: `exact_match` (the question stands whole in the prompt), `ngram_overlap`
(figure: share of the question's words that shared runs of words cover; detail: the longest run),
`semantic_match` (figure: cosine). Each drop names the question as <benchmark>/<id>.

There is no guard on numbers here, unlike in deduplicate: a benchmark's question with other numbers
is still its twin, and R5 drops what is similar.

Example row of drops: {"stage": "decontaminate", "reason": "semantic_match", "figure": 0.93,
"evidence_id": "aime-2024/7", "prompt_id": "9ab2...", "detail": "Every morning Aya goes ..."}

Reference: DeepDistill, R5 (arXiv 2504.17565) 6.2 step 5; R8 (arXiv 2505.14464) 9.1.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from curation.adapters.fields import reach
from curation.adapters.files import read_file
from curation.embed import PROMPT_TEXT, embed
from curation.errors import DataError
from curation.params import Benchmark, Decontaminate
from curation.similarity.neighbours import nearest
from curation.stage import Kept, Run, run_stage
from curation.tables import BATCH_ROWS, Relation, count
from curation.text import prompt_text, words
from curation.tracking import check_tracked
from schemas.prompts import PROMPTS

Encode = Callable[[Relation], np.ndarray]
"""Takes `position` and `text`, gives unit vectors by position."""
_HITS = pa.schema(
    [
        ("prompt_id", pa.string()),
        ("reason", pa.string()),
        ("figure", pa.float64()),
        ("evidence_id", pa.string()),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class Question:
    """One question of a benchmark."""

    evidence_id: str
    """<benchmark>/<id>."""
    text: str


def decontaminate(
    prompts: Relation,
    questions: Sequence[Question],
    params: Decontaminate,
    *,
    con: duckdb.DuckDBPyConnection,
    encode: Encode,
) -> Kept:
    """Drop the prompts that overlap a question by words or by meaning.

    Args:
        prompts: One row per prompt; reads `prompt_id` and `messages`.
        questions: All questions of all benchmarks.
        params: Length of a run of words, least coverage, highest cosine.
        con: Connection of `prompts`.
        encode: Embeds texts.

    Returns:
        `kept`: the columns of `prompts`. `dropped`: `record_id`, `prompt_id`, `reason`, `figure`,
        `evidence_id`, `detail`.
    """
    by_words = con.from_arrow(pa.Table.from_batches(_word_hits(prompts, questions, params), schema=_HITS))
    left = prompts.query("prompts", "SELECT prompts.* FROM prompts ANTI JOIN by_words USING (prompt_id)")
    by_meaning = con.from_arrow(_semantic_hits(left, questions, params, con=con, encode=encode))
    kept = left.query("left_", "SELECT left_.* FROM left_ ANTI JOIN by_meaning USING (prompt_id)")
    hits = by_words.union(by_meaning)
    return Kept(
        kept, prompts.query("prompts", "SELECT prompts.record_id, hits.* FROM prompts JOIN hits USING (prompt_id)")
    )


def coverage(prompt: Sequence[str], question: Sequence[str], ngram_words: int) -> tuple[float, str]:
    """Share of a question's words inside runs that the prompt has too, and the longest such stretch.

    A question shorter than the run is compared whole.

    Example:
        >>> coverage("so a b c d".split(), "a b c e".split(), 2)
        (0.75, 'a b c')
    """
    length = min(ngram_words, len(question))
    if length == 0:
        return 0.0, ""
    shared = {tuple(prompt[start : start + length]) for start in range(len(prompt) - length + 1)}
    covered = [False] * len(question)
    for start in range(len(question) - length + 1):
        if tuple(question[start : start + length]) in shared:
            covered[start : start + length] = [True] * length
    longest: list[str] = []
    current: list[str] = []
    for word, hit in zip(question, covered, strict=True):
        current = [*current, word] if hit else []
        longest = max(longest, current, key=len)
    return round(sum(covered) / len(question), 6), " ".join(longest)


def _word_hits(prompts: Relation, questions: Sequence[Question], params: Decontaminate) -> Iterator[pa.RecordBatch]:
    """The best hit by words of each prompt that has one; questions are found by their runs."""
    tokens = [words(question.text) for question in questions]
    index: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, question in enumerate(tokens):
        length = min(params.ngram_words, len(question))
        for run in {tuple(question[start : start + length]) for start in range(len(question) - length + 1)} - {()}:
            index[run].append(number)
    lengths = sorted({len(run) for run in index})
    read = prompts.query("prompts", "SELECT prompt_id, messages FROM prompts")
    for batch in read.to_arrow_reader(BATCH_ROWS):
        rows = []
        for row in batch.to_pylist():
            prompt = words(prompt_text(row["messages"]))
            runs = (tuple(prompt[start : start + n]) for n in lengths for start in range(len(prompt) - n + 1))
            candidates = sorted({number for run in runs for number in index.get(run, ())})
            rows += _best(row["prompt_id"], prompt, [(questions[n], tokens[n]) for n in candidates], params)
        yield pa.RecordBatch.from_pylist(rows, schema=_HITS)


def _best(
    prompt_id: str, prompt: Sequence[str], candidates: Sequence[tuple[Question, list[str]]], params: Decontaminate
) -> list[dict[str, object]]:
    """The drop of one prompt by the question that it covers most, if it covers one enough."""
    found = [(*coverage(prompt, tokens, params.ngram_words), question, tokens) for question, tokens in candidates]
    found = [one for one in found if one[0] >= params.coverage_min]
    if not found:
        return []
    whole = f" {' '.join(prompt)} "
    # Runs from several places of a prompt can cover a question that does not stand in it whole.
    ranked = [(figure, f" {' '.join(tokens)} " in whole, question, run) for figure, run, question, tokens in found]
    figure, exact, question, run = max(ranked, key=lambda one: (one[0], one[1], one[2].evidence_id))
    reason = "exact_match" if exact else "ngram_overlap"
    hit = {"prompt_id": prompt_id, "reason": reason, "figure": figure, "evidence_id": question.evidence_id}
    return [{**hit, "detail": run[:300]}]


def _semantic_hits(
    prompts: Relation,
    questions: Sequence[Question],
    params: Decontaminate,
    *,
    con: duckdb.DuckDBPyConnection,
    encode: Encode,
) -> pa.Table:
    """The nearest question of each prompt whose cosine is above the limit."""
    numbered = prompts.query(
        "prompts",
        f"SELECT prompt_id, row_number() OVER (ORDER BY prompt_id) - 1 AS position, {PROMPT_TEXT} AS text FROM prompts",
    )
    ids = [row[0] for row in numbered.query("numbered", "SELECT prompt_id FROM numbered ORDER BY position").fetchall()]
    if not ids or not questions:
        return _HITS.empty_table()
    asked = con.from_arrow(pa.table({"position": range(len(questions)), "text": [one.text for one in questions]}))
    similarities, rows = nearest(encode(numbered), encode(asked), k=1)
    hits = [
        {
            "prompt_id": prompt_id,
            "reason": "semantic_match",
            "figure": round(float(similarity), 3),
            "evidence_id": questions[row].evidence_id,
            "detail": questions[row].text[:300],
        }
        for prompt_id, similarity, row in zip(ids, similarities[:, 0], rows[:, 0], strict=True)
        if similarity > params.similarity_max
    ]
    return pa.Table.from_pylist(hits, schema=_HITS)


def read_questions(benchmarks: Sequence[Benchmark]) -> list[Question]:
    """All questions of all benchmarks, in the order of their files.

    Raises:
        DataError: A file is missing, corrupt or empty, a line cannot be read, a column is missing, or a
            question has no words.
    """
    return [question for benchmark in benchmarks for question in _questions(benchmark)]


def _questions(benchmark: Benchmark) -> Iterator[Question]:
    where, path = f"decontaminate: benchmark {benchmark.name}", Path(benchmark.path)
    if not path.exists():
        raise DataError(f"{where}: {path} not found. Put it there, or correct decontaminate.benchmarks in params.yaml.")
    number = 0
    for number, record in enumerate(read_file(path, where), start=1):
        if record.value is None:
            raise DataError(f"{where}: {record.place}: {record.problem}. Mend that line.")
        found = {name: reach(record.value, name) for name in (benchmark.question, benchmark.id) if name is not None}
        missing = [name for name, (there, _) in found.items() if not there]
        if missing:
            raise DataError(f"{where}: {record.place} has no column {missing[0]!r} (has: {', '.join(record.value)}).")
        text = found[benchmark.question][1]
        if not isinstance(text, str) or not words(text):
            raise DataError(
                f"{where}: {record.place} has no words in its column {benchmark.question!r}, got {text!r}. Mend or delete it."
            )
        own = number if benchmark.id is None else found[benchmark.id][1]
        yield Question(f"{benchmark.name}/{own}", text)
    if number == 0:
        raise DataError(f"{where}: {path} holds no question.")


def main(argv: Sequence[str] | None = None) -> int:
    """Drop prompts that overlap a benchmark. Example: python -m curation.decontaminate"""
    return run_stage("decontaminate", _run)


def _run(run: Run) -> None:
    params = run.params.decontaminate
    check_tracked([benchmark.path for benchmark in params.benchmarks], "decontaminate")
    prompts = run.read("deduplicate", PROMPTS)
    encode = partial(embed, model=params.model, batch_rows=params.batch_rows, con=run.con)
    result = decontaminate(prompts, read_questions(params.benchmarks), params, con=run.con, encode=encode)
    kept = run.write(PROMPTS, result.kept)
    run.account(unit="prompt", rows_in=count(prompts), rows_kept=kept, dropped=run.write_drops(result.dropped))


if __name__ == "__main__":
    sys.exit(main())

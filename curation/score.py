r"""score: figures of every response that need no reference, and the rules that drop by them.

In: `responses` of distill, `prompts` of annotate. Out: `scores`, a row for every response, and
`drops`, a row for each that breaks a rule: `malformed`, `language_mixed`, `no_box`, `too_long`, `repetition`,
`frequent_ngram`, `perplexity`; the first of them in this order is the reason, its figure decided.
Beside them lengths.csv, the histogram of lengths. Rules say what recipes should leave out; the
row stays in `scores`, with its reason.

Token ids and the other figures of a response go through the memo `score`, perplexities through
`perplexity`: a rule's threshold moves without either being reckoned again.

Example row: {"sample_id": "1f0c...", "prompt_id": "9ab2...", "teacher": "smollm2-plain",
"perplexity": null, "repetition": 1, "frequent_ngrams": 0, "well_formed": true, "language_mixed":
false, "boxed": false, "reasoning_tokens": 0, "answer_tokens": 9, "reason": null, "figure": null}

Reference: R1 (arXiv 2503.19633) 2.3 step 10, format and repetition; R5, DeepDistill (arXiv
2504.17565), 6.6, perplexity, 20-token strings, even turns.
"""

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from curation import hashing, places
from curation.engines.installed import require
from curation.engines.packaged import loading, model_identity, resolve_model
from curation.execute import Executor
from curation.memo import Memo, compute
from curation.params import Score, ScoreRules
from curation.perplexity import ScorerModel, scorer_version
from curation.repetition import most_repeats
from curation.scripts import mixes_scripts
from curation.stage import Run, run_stage
from curation.tables import Relation, count
from curation.text import words
from curation.token_ngrams import count_ngrams
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES
from schemas.scores import SCORES

VERSION = "score-1"
"""Raise it when a figure below would come out different."""
FIGURES = pa.schema(
    [
        ("repetition", pa.int32()),
        ("language_mixed", pa.bool_()),
        ("boxed", pa.bool_()),
        ("reasoning_tokens", pa.int32()),
        ("answer_tokens", pa.int32()),
        ("tokens", pa.list_(pa.int32())),
    ]
)
PERPLEXITIES = pa.schema([("perplexity", pa.float64())])


@dataclass(frozen=True)
class Scored:
    """Result of the stage."""

    scores: Relation
    """One row per response, with the columns of `scores`."""
    dropped: Relation
    """The responses that break a rule: `reason`, `figure`, `prompt_id`, `sample_id`."""


def score(
    responses: Relation,
    prompts: Relation,
    params: Score,
    *,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    executor: Executor = "local",
) -> Scored:
    """Reckon the figures of each response and apply the rules.

    Args:
        responses: One row per sample, with the columns of `responses`.
        prompts: One row per prompt. Reads `prompt_id`, `messages`.
        params: Tokenizer, scorer, lengths of runs, rules.
        con: Connection of the relations; gets the temporary tables `scored_texts` and `scored_rows`.
        scratch: Empty folder for the hashes of token strings.
        executor: Where figures are reckoned; perplexity stays in this process, which holds its model.
    """
    _name_texts(responses, prompts, params, con)
    texts = _texts(responses, prompts)
    figures = _figures(texts, params, con, executor)
    perplexity = _perplexities(texts, params, con)
    tokens = figures.query("figures", "SELECT sample_id, tokens FROM scored_texts JOIN figures USING (key)")
    ngrams = count_ngrams(tokens, ngram_tokens=params.ngram_tokens, scratch=scratch)
    joined = figures.query(
        "figures",
        """
        SELECT sample_id, prompt_id, teacher, perplexity.perplexity, figures.repetition,
            ngrams.occurrences AS frequent_ngrams, scored_texts.well_formed, figures.language_mixed,
            figures.boxed, figures.reasoning_tokens, figures.answer_tokens, scored_texts.category
        FROM scored_texts
        JOIN figures USING (key)
        JOIN ngrams USING (sample_id)
        LEFT JOIN perplexity ON perplexity.key = scored_texts.perplexity_key
        """,
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE scored_rows AS
        SELECT * EXCLUDE (category), {_reason(params.rules)} AS reason, {_FIGURE} AS figure FROM joined
        """
    )
    rows = con.table("scored_rows")
    return Scored(
        scores=rows, dropped=rows.filter("reason IS NOT NULL").project("reason, figure, prompt_id, sample_id")
    )


def _name_texts(responses: Relation, prompts: Relation, params: Score, con: duckdb.DuckDBPyConnection) -> None:
    """Make the table `scored_texts`: ids of the responses and the memo's keys of their texts."""
    settings = hashing.digest(VERSION, _tokenizer_version(params), str(params.repetition_words))
    scorer = hashing.digest(scorer_version(params.scorer)) if params.scorer else None
    named = responses.query(
        "responses",
        f"""
        SELECT responses.sample_id, responses.prompt_id, responses.teacher, prompts.category,
            -- An answered conversation has even turns (R5 6.6), so the prompt's own are odd.
            responses.well_formed AND len(list_filter(messages, lambda m: m.role <> 'system')) % 2 = 1 AS well_formed,
            md5(to_json(['{settings}', reasoning, answer, {_PROMPT}])::VARCHAR) AS key,
            {f"md5(to_json(['{scorer}', reasoning, answer, {_PROMPT}])::VARCHAR)" if scorer else "NULL::VARCHAR"}
                AS perplexity_key
        FROM responses JOIN prompts USING (prompt_id)
        """,
    )
    con.execute("CREATE OR REPLACE TEMP TABLE scored_texts AS SELECT * FROM named")
    num_responses, num_named = count(responses), count(con.table("scored_texts"))
    assert num_named == num_responses, f"score: {num_responses - num_named} responses have no prompt"


_PROMPT = "array_to_string(list_transform(messages, lambda m: m.content), chr(10))"


def _texts(responses: Relation, prompts: Relation) -> Relation:
    """Texts of the responses by sample_id; a text that comes twice is asked for once, by its key."""
    return responses.query(
        "responses",
        f"SELECT sample_id, reasoning, answer, {_PROMPT} AS prompt FROM responses JOIN prompts USING (prompt_id)",
    )


def _once(texts: Relation, key: str) -> Relation:
    """One row per key: the key and its text."""
    return texts.query(
        "texts",
        f"""
        SELECT first_of.key, reasoning, answer, prompt
        FROM texts
        JOIN (
            SELECT {key} AS key, min(sample_id) AS sample_id FROM scored_texts WHERE {key} IS NOT NULL GROUP BY {key}
        ) AS first_of USING (sample_id)
        """,
    )


def _figures(texts: Relation, params: Score, con: duckdb.DuckDBPyConnection, executor: Executor) -> Relation:
    """Figures by key, out of the memo."""

    def work(batch: pa.Table) -> pa.Table:
        rows = batch.to_pylist()
        reasoning = _tokenize([row["reasoning"] or "" for row in rows], params.tokenizer)
        answers = _tokenize([row["answer"] for row in rows], params.tokenizer)
        tokens = zip(reasoning, answers, strict=True)
        values = [_figures_of(row, params, tokens=pair) for row, pair in zip(rows, tokens, strict=True)]
        return pa.Table.from_pylist(values, schema=FIGURES).add_column(0, "key", batch["key"])

    memo = Memo(places.memo() / "score", FIGURES)
    compute(memo, con, _once(texts, "key"), work, batch_rows=params.batch_rows, label="score", executor=executor)
    return memo.rows(con)


def _figures_of(row: dict[str, Any], params: Score, *, tokens: tuple[list[int], list[int]]) -> dict[str, Any]:
    """Figures of one response."""
    text = f"{row['reasoning'] or ''}\n{row['answer']}"
    reasoning, answer = tokens
    return {
        "repetition": most_repeats(words(text), run_words=params.repetition_words),
        "language_mixed": mixes_scripts(text, row["prompt"]),
        "boxed": "\\boxed{" in row["answer"],
        "reasoning_tokens": len(reasoning),
        "answer_tokens": len(answer),
        "tokens": [*reasoning, *answer],
    }


def _tokenizer_version(params: Score) -> str:
    require("transformers", install="pip install -e '.[local]'", wanted_by="score.tokenizer")
    return f"transformers {metadata.version('transformers')} {model_identity(params.tokenizer, None)}"


def _tokenize(texts: list[str], name: str) -> list[list[int]]:
    """Token ids of each text under the named tokenizer, without special tokens."""
    encoded: list[list[int]] = _load_tokenizer(name)(texts, add_special_tokens=False, verbose=False)["input_ids"]
    return encoded


@cache
def _load_tokenizer(name: str) -> Any:
    from transformers import AutoTokenizer

    with loading(name):
        return AutoTokenizer.from_pretrained(resolve_model(name))


def _perplexities(texts: Relation, params: Score, con: duckdb.DuckDBPyConnection) -> Relation:
    """Perplexity of prompt and response by key, out of the memo; none where no scorer is named."""
    memo = Memo(places.memo() / "perplexity", PERPLEXITIES)
    if params.scorer is None:
        return con.from_arrow(memo.schema.empty_table())
    with closing(ScorerModel(params.scorer)) as scorer:

        def work(batch: pa.Table) -> pa.Table:
            whole = [
                "\n".join(part for part in (row["prompt"], row["reasoning"], row["answer"]) if part is not None)
                for row in batch.to_pylist()
            ]
            return pa.table([batch["key"], pa.array(scorer.perplexities(whole), pa.float64())], schema=memo.schema)

        compute(memo, con, _once(texts, "perplexity_key"), work, batch_rows=params.batch_rows, label="perplexity")
    return memo.rows(con)


_FIGURE = """
    CASE reason
        WHEN 'too_long' THEN reasoning_tokens + answer_tokens
        WHEN 'repetition' THEN repetition
        WHEN 'frequent_ngram' THEN frequent_ngrams
        WHEN 'perplexity' THEN perplexity
    END
"""


def _reason(rules: ScoreRules) -> str:
    """SQL of the first rule that a response breaks; null where it breaks none."""
    broken = {
        "malformed": "NOT well_formed" if rules.require_well_formed else None,
        "language_mixed": "language_mixed" if rules.require_same_language else None,
        "no_box": "category = 'math' AND NOT boxed" if rules.require_boxed else None,
        "too_long": f"reasoning_tokens + answer_tokens > {rules.tokens_max}" if rules.tokens_max else None,
        "repetition": f"repetition > {rules.repetition_max}" if rules.repetition_max else None,
        "frequent_ngram": f"frequent_ngrams > {rules.frequent_ngrams_max}" if rules.frequent_ngrams_max else None,
        "perplexity": f"perplexity > {rules.perplexity_max}" if rules.perplexity_max else None,
    }
    cases = " ".join(f"WHEN {condition} THEN '{reason}'" for reason, condition in broken.items() if condition)
    return f"CASE {cases} END" if cases else "NULL::VARCHAR"


def lengths(scores: Relation) -> list[tuple[str, int]]:
    """Responses by length in tokens, reasoning and answer together, in buckets that double."""
    found = scores.query(
        "scores",
        """
        SELECT length(bin(reasoning_tokens + answer_tokens)) AS bits, count(*)
        FROM scores GROUP BY bits ORDER BY bits
        """,
    ).fetchall()
    return [(f"{2 ** (bits - 1) if bits > 1 else 0:06d}-{2**bits - 1:06d}", responses) for bits, responses in found]


def main(argv: Sequence[str] | None = None) -> int:
    """Reckon figures of the responses that need no reference, and drop what breaks a rule."""
    return run_stage("score", _run)


def _run(run: Run) -> None:
    responses = run.read("distill", RESPONSES)
    result = score(
        responses,
        run.read("annotate", PROMPTS),
        run.params.score,
        con=run.con,
        scratch=run.scratch("ngrams"),
        executor=run.params.resources.executor,
    )
    num_scores = run.write(SCORES, result.scores)
    assert num_scores == count(responses)
    dropped = run.write_drops(result.dropped)
    run.write_csv("lengths.csv", ("bucket", "responses"), lengths(result.scores))
    num_kept = num_scores - sum(dropped.values())
    run.account(unit="response", rows_in=num_scores, rows_kept=num_kept, dropped=dropped)


if __name__ == "__main__":
    sys.exit(main())

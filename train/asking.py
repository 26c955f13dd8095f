"""One round of an evaluation: what a model is asked, and what it answered, through a memo.

In: questions, and from the second round on the answers of the round before. Out: `ANSWERS`, one row per question and
sample. A request depends on its own chat and on a seed that its sample_id gives, so an answer is the same
whatever was asked beside it. Each batch is stored when it is done: a killed run asks again what was in hand.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from curation import hashing, places, tables
from curation.engines.protocol import Request, Sampling
from curation.memo import Memo, compute
from curation.progress import say
from curation.tables import Relation
from curation.text import Parts, split_response
from curation.training_params import Evaluate, Questions
from schemas.prompts import MESSAGES
from train.asked import Asked
from train.rounds import ask_again, count_words

COMPLETIONS = pa.schema(
    [
        ("text", pa.string()),
        ("finish_reason", pa.string()),
        ("num_tokens", pa.int32()),
        ("seconds", pa.float64()),
    ]
)
REQUESTS = pa.schema(
    [
        ("benchmark", pa.string()),
        ("question_id", pa.string()),
        ("category", pa.string()),
        ("prompt_id", pa.string()),
        ("sample_id", pa.string()),
        ("sample_index", pa.int32()),
        ("previous_sample_id", pa.string()),
        ("messages", MESSAGES),
        ("seed", pa.int64()),
        ("key", pa.string()),
        ("position", pa.int64()),
    ]
)
ANSWERS = pa.schema(
    [
        *(REQUESTS.field(name) for name in REQUESTS.names if name not in ("messages", "seed", "key", "position")),
        ("model", pa.string()),
        ("round", pa.int32()),
        ("reasoning", pa.string()),
        ("answer", pa.string()),
        ("well_formed", pa.bool_()),
        ("finish_reason", pa.string()),
        ("num_tokens", pa.int32()),
        ("words", pa.list_(pa.int32())),
    ]
)


def ask(
    model: Asked,
    questions: Relation,
    before: Relation | None,
    params: Evaluate,
    *,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
) -> Relation:
    """Ask a model one round of all benchmarks.

    Args:
        model: Who is asked.
        questions: Rows of `train.questions.QUESTIONS` of all benchmarks.
        before: Answers of this model in the round before; None in the first.
        params: The block evaluate.
        con: Connection of the relations.
        scratch: An empty folder for requests and answers.

    Returns:
        Rows of `ANSWERS`.
    """
    number = 1 if before is None else int(before.aggregate("max(round)").fetchall()[0][0]) + 1
    due = _first(questions, params) if before is None else _again(questions, before)
    requests = _write(
        (_requests(batch, model, number, params) for batch in _numbered(due, params)),
        scratch / "requests",
        con,
        REQUESTS,
    )
    memo = Memo(places.memo() / "evaluate", COMPLETIONS)
    label = f"evaluate {model.name}, round {number}"
    reuse = compute(memo, con, requests, _answering(model, params), batch_rows=params.batch_requests, label=label)
    say(f"{label}: {reuse.num_computed:,} asked, {reuse.num_reused:,} from the memo")
    stored = memo.rows(con)
    answered = requests.query(
        "requests",
        f"""
        SELECT requests.* EXCLUDE (messages), '{model.name}' AS model, {number}::INTEGER AS round,
            stored.text, stored.finish_reason, stored.num_tokens
        FROM requests JOIN stored USING (key)
        """,
    )
    batches = (_answers(batch.to_pylist(), params) for batch in answered.to_arrow_reader(params.batch_requests))
    return _write(batches, scratch / "answers", con, ANSWERS)


def parts_of(text: str) -> Parts:
    """Split a model's text into thinking and answer, whichever of the formats it wrote.

    Example:
        >>> parts_of("<think>2+2</think> It is 4."), parts_of("It is 4.").answer
        (Parts(reasoning='2+2', answer=' It is 4.', well_formed=True), 'It is 4.')
    """
    if not text.lstrip().startswith("<think>"):
        return split_response(text, "plain")
    tagged = split_response(text, "think_answer")
    return tagged if tagged.well_formed else split_response(text, "think")


def _first(questions: Relation, params: Evaluate) -> Relation:
    """The first round: each question as often as its benchmark wants samples."""
    listed = ", ".join(
        f"({order}, '{benchmark.name}', {benchmark.samples})" for order, benchmark in enumerate(params.benchmarks)
    )
    return questions.query(
        "questions",
        f"""
        SELECT questions.*, sample_index::INTEGER AS sample_index, NULL::VARCHAR AS previous_sample_id,
            NULL::VARCHAR AS previous_answer
        FROM questions
        JOIN (VALUES {listed}) AS wanted(order_, benchmark, samples) USING (benchmark)
        CROSS JOIN LATERAL unnest(range(samples)) AS drawn(sample_index)
        ORDER BY order_, position, sample_index
        """,
    )


def _again(questions: Relation, before: Relation) -> Relation:
    """A later round: each answer of the round before once more; thinking that never ended gave none."""
    return before.query(
        "before",
        """
        SELECT questions.*, before.sample_index, before.sample_id AS previous_sample_id,
            if(before.well_formed, before.answer, '') AS previous_answer
        FROM before JOIN questions USING (benchmark, prompt_id)
        ORDER BY benchmark, position, before.sample_index
        """,
    )


def _numbered(due: Relation, params: Evaluate) -> Iterator[list[dict[str, Any]]]:
    """Batches of what is due, each row with its place in the order of asking."""
    position = 0
    for batch in due.to_arrow_reader(params.batch_requests):
        rows = batch.to_pylist()
        yield [{**row, "position": position + offset} for offset, row in enumerate(rows)]
        position += len(rows)


def _requests(rows: Sequence[Mapping[str, Any]], model: Asked, number: int, params: Evaluate) -> pa.Table:
    """Requests with their ids and memo keys."""
    benchmarks = {benchmark.name: benchmark for benchmark in params.benchmarks}
    digests = {name: _settings_digest(model, one, number, params) for name, one in benchmarks.items()}
    requests = []
    for row in rows:
        chat = render(row["messages"], params.system, benchmarks[row["benchmark"]].suffix)
        chat = chat if row["previous_answer"] is None else ask_again(chat, row["previous_answer"])
        # Two chains that gave one answer ask the same from then on; the index keeps their draws apart.
        sample_id = hashing.sample_id(row["prompt_id"], digests[row["benchmark"]], row["sample_index"])
        seed = int(sample_id[:15], 16)
        asked = [model.engine.version, chat, params.temperature, params.top_p, params.max_new_tokens, seed]
        messages = [{"role": role, "content": content} for role, content in chat]
        ids = {"sample_id": sample_id, "seed": seed, "key": hashing.digest_json(asked)}
        requests.append({**row, **ids, "messages": messages})
    return pa.Table.from_pylist(requests, schema=REQUESTS)


def render(messages: Sequence[Mapping[str, str]], system: str | None, suffix: str) -> tuple[tuple[str, str], ...]:
    """A question as a model sees it: system prompt first, the suffix on a line of its own behind the last user turn."""
    turns = [(message["role"], message["content"]) for message in messages]
    own = [content for role, content in turns if role == "system"]
    systems = [*([] if system is None else [system]), *own]
    rest = [turn for turn in turns if turn[0] != "system"]
    if suffix:
        rest[-1] = (rest[-1][0], f"{rest[-1][1]}\n{suffix}")
    return (*((("system", "\n\n".join(systems)),) if systems else ()), *rest)


def _settings_digest(model: Asked, benchmark: Questions, number: int, params: Evaluate) -> str:
    """Digest of what makes the samples of a model, a benchmark and a round what they are."""
    return hashing.digest_json(
        {
            "model": model.identity,
            "name": model.name,
            "benchmark": benchmark.name,
            "round": number,
            "system": params.system,
            "suffix": benchmark.suffix,
            "temperature": params.temperature,
            "top_p": params.top_p,
            "max_tokens": params.max_new_tokens,
            "template_arguments": params.engine_options.get("template_arguments"),
        }
    )


def _answering(model: Asked, params: Evaluate) -> Any:
    """The function that answers a batch of requests, as the memo stores it."""

    def answer(batch: pa.Table) -> pa.Table:
        start = time.monotonic()
        rows = batch.to_pylist()
        wanted = [
            Request(
                tuple((turn["role"], turn["content"]) for turn in row["messages"]), row["seed"], params.max_new_tokens
            )
            for row in rows
        ]
        done = model.engine.generate(wanted, Sampling(temperature=params.temperature, top_p=params.top_p))
        seconds = (time.monotonic() - start) / len(rows)
        values = [{**vars(one), "seconds": seconds} for one in done]
        return pa.Table.from_pylist(values, schema=COMPLETIONS).add_column(0, "key", batch["key"])

    return answer


def _answers(rows: Sequence[Mapping[str, Any]], params: Evaluate) -> pa.Table:
    """Answers split into their parts, with their words counted."""
    values = []
    for row in rows:
        parts = parts_of(row["text"])
        counts = count_words(f"{parts.reasoning or ''}\n{parts.answer}", params.words)
        values.append({**row, **vars(parts), "words": counts})
    return pa.Table.from_pylist(values, schema=ANSWERS)


def _write(batches: Iterator[pa.Table], folder: Path, con: duckdb.DuckDBPyConnection, schema: pa.Schema) -> Relation:
    folder.mkdir(parents=True)
    tables.write_batches(batches, folder, schema, shard_rows=tables.SHARD_ROWS)
    return con.read_parquet(f"{folder}/*.parquet")

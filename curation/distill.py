"""distill: prompts x teachers x samples -> `responses`, beside the ready ones that sources brought.

In: `prompts` of annotate, `responses` of ingest, `drops` of deduplicate. Out: `responses` and
`drops`. The unit is the request, and the ready response. Reasons: `over_budget` (figure: the
prompt's rank in its category), `prompt_dropped` (a ready response whose prompt did not survive),
`repeated_response` (the same text twice for one prompt and tag, after duplicates were joined).

Every answer goes through the memo: a request that was ever answered is never asked again.
Ready responses of a duplicate move to the prompt that won, unless their references conflict.

Example row: {"sample_id": "1f0c...", "prompt_id": "9ab2...", "record_id": null,
"teacher": "smollm2-plain", "sample_index": 0, "reasoning": null, "answer": "7 + 5 = 12.",
"well_formed": true, "finish_reason": "stop", "num_tokens": 9}

Reference: R1 (arXiv 2503.19633) 2.3 step 7, existing responses; R5 (arXiv 2504.17565) 6.3, four
samples of each of three teachers.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from curation import hashing, places, tables
from curation.engines.open import open_engine
from curation.engines.protocol import Engine, Request, engine_settings
from curation.memo import Memo, compute
from curation.params import Params, Teacher
from curation.plan import plan_prompts, render, sampling, write_requests
from curation.progress import say
from curation.render import nearest
from curation.stage import Run, run_stage
from curation.tables import Relation, count
from curation.text import split_response
from curation.verify import verify
from schemas.drops import DROPS
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES

COMPLETIONS = pa.schema(
    [
        ("text", pa.string()),
        ("finish_reason", pa.string()),
        ("num_prompt_tokens", pa.int32()),
        ("num_tokens", pa.int32()),
        ("seconds", pa.float64()),
    ]
)


def completions_memo() -> Memo:
    """The memo of all that teachers were ever asked."""
    return Memo(places.memo() / "distill", COMPLETIONS)


def generate(
    requests: Relation,
    prompts: Relation,
    teacher: Teacher,
    engine: Engine,
    *,
    batch_rows: int,
    con: duckdb.DuckDBPyConnection,
) -> None:
    """Ask one teacher for every request that the memo does not hold.

    Args:
        requests: Rows of `curation.plan.REQUESTS` of this teacher.
        prompts: Reads `prompt_id` and `messages`.
        teacher: Whose prompt and sampling are used.
        engine: What answers.
        batch_rows: Requests between two writes of the memo.
        con: Connection of the relations.
    """
    work = requests.query(
        "requests",
        """
        SELECT requests.key, requests.seed, requests.category, requests.position, prompts.messages
        FROM requests JOIN prompts USING (prompt_id)
        """,
    )

    def answer(batch: pa.Table) -> pa.Table:
        start = time.monotonic()
        rows = batch.to_pylist()
        wanted = [
            Request(render(row["messages"], teacher, row["category"]), row["seed"], teacher.max_tokens[row["category"]])
            for row in rows
        ]
        done = engine.generate(wanted, sampling(teacher))
        seconds = (time.monotonic() - start) / len(rows)
        values = [
            {
                "text": one.text,
                "finish_reason": one.finish_reason,
                "num_prompt_tokens": one.num_prompt_tokens,
                "num_tokens": one.num_tokens,
                "seconds": seconds,
            }
            for one in done
        ]
        table = pa.Table.from_pylist(values, schema=COMPLETIONS)
        tokens, elapsed = sum(one.num_tokens for one in done), time.monotonic() - start
        say(f"distill: {teacher.name}: {len(rows)} answers, {tokens:,} tokens, {tokens / elapsed:,.0f} tokens/s")
        return table.add_column(0, "key", batch["key"])

    reuse = compute(completions_memo(), con, work, answer, batch_rows=batch_rows, label=f"distill {teacher.name}")
    say(f"distill: {teacher.name}: {reuse.num_computed:,} asked, {reuse.num_reused:,} from the memo")


def move_ready(ready: Relation, prompts: Relation, deduplicated: Relation) -> Relation:
    """Find the surviving prompt of each ready response.

    Args:
        ready: Responses that sources brought, as ingest wrote them.
        prompts: Surviving prompts. Reads `record_id`, `prompt_id`.
        deduplicated: Drops of deduplicate. Reads `record_id`, `evidence_id`, `reason`.

    Returns:
        The columns of `ready` with `prompt_id` of the survivor (null where none survived),
        `rank` of the text's hash within prompt and teacher from 0, and `repeated`.
    """
    return ready.query(
        "ready",
        """
        WITH moved AS (
            SELECT ready.* EXCLUDE (prompt_id), ready.prompt_id AS old_prompt_id,
                coalesce(own.prompt_id, winner.prompt_id) AS prompt_id,
                md5(coalesce(ready.reasoning, '') || chr(31) || ready.answer) AS text_hash
            FROM ready
            LEFT JOIN prompts AS own ON own.record_id = ready.record_id
            LEFT JOIN deduplicated AS loser
                ON loser.record_id = ready.record_id AND loser.reason <> 'conflicting_reference'
            LEFT JOIN prompts AS winner ON winner.record_id = loser.evidence_id
        )
        SELECT moved.*,
            dense_rank() OVER (PARTITION BY prompt_id, teacher ORDER BY text_hash) - 1 AS rank,
            row_number() OVER (PARTITION BY prompt_id, teacher, text_hash ORDER BY sample_id) > 1 AS repeated
        FROM moved
        """,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Ask the teachers for what the datasets need, and join the ready responses of the sources."""
    return run_stage("distill", _run)


def _tell_unfilled_roles(params: Params, ready: Relation) -> None:
    """Say which names in roles are neither a teacher nor the tag of a ready response: a source may be left out, or a typo."""
    tags = {tag for (tag,) in ready.project("teacher").distinct().fetchall()}
    there = sorted(tags | {teacher.name for teacher in params.teachers})
    for role, names in params.roles.items():
        for name in (name for name in names if name not in there):
            say(
                f"distill: warning: roles.{role} names {name}, which is no teacher and of which no source brought a "
                f"response; {nearest(name, there)}"
            )


def requests_of(run: Run, ready: Relation, prompts: Relation, engines: Mapping[str, Engine]) -> Relation:
    """All requests that the datasets ask for, over the budget or not (rows of `curation.plan.REQUESTS`)."""
    versions = {name: engine.version for name, engine in engines.items()}
    planned = plan_prompts(prompts, _satisfied(run, ready, prompts), run.con, run.params)
    return write_requests(planned, prompts, run.params, versions, run.scratch("requests"))


def open_engines(teachers: Sequence[Teacher]) -> dict[str, Engine]:
    """An engine for each teacher, its model not loaded yet."""
    return {teacher.name: _engine(teacher) for teacher in teachers}


def _run(run: Run) -> None:
    prompts = run.read("annotate", PROMPTS)
    ready = move_ready(run.read("ingest", RESPONSES), prompts, run.read("deduplicate", DROPS))
    _tell_unfilled_roles(run.params, ready)
    engines = open_engines(run.params.teachers)
    requests = requests_of(run, ready, prompts, engines)
    wanted = requests.query("requests", "FROM requests WHERE NOT over_budget")
    for teacher in run.params.teachers:
        own = wanted.filter(f"teacher = '{teacher.name}'")
        if count(own):
            batch_rows = run.params.distill.batch_requests
            generate(own, prompts, teacher, engines[teacher.name], batch_rows=batch_rows, con=run.con)
    folder = run.scratch("responses")
    batches = _response_batches(wanted, ready, run)
    num_rows = tables.write_batches(batches, folder, RESPONSES.arrow_schema, shard_rows=tables.SHARD_ROWS)
    kept = run.write(RESPONSES, run.con.read_parquet(f"{folder}/*.parquet"))
    assert kept == num_rows
    dropped = run.write_drops(_dropped(requests, ready))
    run.account(unit="request", rows_in=count(requests) + count(ready), rows_kept=kept, dropped=dropped)


def _satisfied(run: Run, ready: Relation, prompts: Relation) -> Relation:
    """Prompts with a ready response that passes, where a dataset keeps those (R1 2.3 step 7)."""
    none = run.con.from_arrow(pa.table({"prompt_id": pa.array([], pa.string())}))
    if not any(dataset.ask and dataset.ask.keep_existing for dataset in run.params.datasets.values()):
        return none
    folder = run.scratch("ready")
    tables.write_batches(_ready_batches(ready), folder, RESPONSES.arrow_schema, shard_rows=tables.SHARD_ROWS)
    verdicts = verify(
        run.con.read_parquet(f"{folder}/*.parquet"),
        prompts,
        run.params.verify,
        con=run.con,
        processes=run.params.resources.processes,
        executor=run.params.resources.executor,
    )
    thresholds = run.con.from_arrow(
        pa.table(
            {
                "category": list(run.params.distill.existing_thresholds),
                "threshold": pa.array(run.params.distill.existing_thresholds.values(), pa.float64()),
            }
        )
    )
    passing = verdicts.query(
        "verdicts",
        "SELECT DISTINCT prompt_id FROM verdicts JOIN thresholds USING (category) WHERE score > threshold",
    )
    return run.con.from_arrow(passing.to_arrow_table())


def _response_batches(wanted: Relation, ready: Relation, run: Run) -> Iterator[pa.Table]:
    """All responses, the generated and then the ready ones."""
    formats = {teacher.name: teacher.response_format for teacher in run.params.teachers}
    stored = completions_memo().rows(run.con)
    answered = wanted.query("wanted", "SELECT wanted.*, stored.* EXCLUDE (key) FROM wanted JOIN stored USING (key)")
    for batch in answered.to_arrow_reader(tables.BATCH_ROWS):
        yield pa.Table.from_pylist(
            [_generated(row, formats[row["teacher"]]) for row in batch.to_pylist()], schema=RESPONSES.arrow_schema
        )
    yield from _ready_batches(ready)


def _generated(row: Mapping[str, Any], response_format: str) -> dict[str, Any]:
    parts = split_response(row["text"], response_format)
    own = {
        name: row[name] for name in ("sample_id", "prompt_id", "teacher", "sample_index", "finish_reason", "num_tokens")
    }
    return {**own, **vars(parts), "record_id": None}


def _ready_batches(ready: Relation) -> Iterator[pa.Table]:
    """Ready responses of surviving prompts, with the sample_id of the prompt they moved to."""
    surviving = ready.query("ready", "FROM ready WHERE prompt_id IS NOT NULL AND NOT repeated")
    for batch in surviving.to_arrow_reader(tables.BATCH_ROWS):
        rows = batch.to_pylist()
        for row in rows:
            row["sample_index"] = row["rank"]
            row["sample_id"] = hashing.brought_sample_id(row["prompt_id"], row["teacher"], row["rank"])
        yield pa.Table.from_pylist(rows, schema=RESPONSES.arrow_schema)


def _engine(teacher: Teacher) -> Engine:
    return open_engine(
        engine_settings(
            engine=teacher.engine,
            model=teacher.model,
            revision=teacher.revision,
            endpoint=teacher.endpoint,
            options=teacher.engine_options,
        )
    )


def _dropped(requests: Relation, ready: Relation) -> Relation:
    """What distill leaves out, with its reasons."""
    return requests.query(
        "requests",
        """
        SELECT 'over_budget' AS reason, rank::DOUBLE AS figure, NULL AS evidence_id, NULL AS record_id,
            prompt_id, sample_id, teacher AS detail
        FROM requests WHERE over_budget
        UNION ALL
        SELECT CASE WHEN prompt_id IS NULL THEN 'prompt_dropped' ELSE 'repeated_response' END, NULL,
            record_id, record_id, coalesce(prompt_id, old_prompt_id), sample_id, teacher
        FROM ready WHERE prompt_id IS NULL OR repeated
        """,
    )


if __name__ == "__main__":
    sys.exit(main())

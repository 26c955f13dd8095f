r"""verify: `responses` with `prompts` -> `verdicts`, one for each response.

In: `responses` of distill, `prompts` of annotate. Out: `verdicts`. The unit is the response;
nothing is dropped. The category of the prompt picks the verifier (`curation.verifiers.dispatch`);
a verdict is a raw score, or `unverified` and why. It never says "passed": grade does.

Every verdict goes through the memo of its verifier, so that equal answers to one prompt are
verified once and a re-run verifies what is new. Not stored: what says nothing of the response
(`no_sandbox`, `sandbox_error`, `worker_died`); such a response is tried again by the next run.
Where there is code to verify and no sandbox, the stage stops before it starts, unless
`verify.require_sandbox` is false.

Example row: {"sample_id": "1f0c...", "prompt_id": "9ab2...", "teacher": "smollm2-plain",
"category": "math", "verifier": "math", "version": "1, math-verify 0.9.0, sympy 1.14.0",
"status": "verified", "score": 1.0, "why": null,
"detail": "{\"stage\": \"same_text\", \"answer\": \"12\"}"}

Reference: R5 (DeepDistill, arXiv 2504.17565) 6.4; R7 (AM-Thinking-v1, arXiv 2505.08311) 8.4.
"""

import functools
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from curation import places, tables
from curation.execute import Executor
from curation.memo import Memo, Reuse, compute
from curation.params import Verify
from curation.progress import say
from curation.stage import Run, run_stage
from curation.tables import Relation, count
from curation.verifiers.dispatch import (
    NONE,
    PASSING,
    check_sandbox,
    task_key,
    verifier_of,
    verify_tasks,
    version_of,
)
from curation.verifiers.verdict import Task
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES
from schemas.verdicts import VERDICTS

VALUES = pa.schema(
    [
        ("score", pa.float64()),
        ("why", pa.string()),
        ("detail", pa.string()),
        ("seconds", pa.float64()),
    ]
)
"""What a verifier's memo stores; `seconds` is the mean of the batch."""
NOT_VERIFIED = """
SELECT DISTINCT key, NULL::DOUBLE AS score, 'no_reward_model' AS why, NULL::VARCHAR AS detail FROM own
"""
KEYED = pa.schema([("sample_id", pa.string()), ("verifier", pa.string()), ("key", pa.string())])


def verdict_memo(verifier: str) -> Memo:
    """The memo of a verifier's verdicts."""
    return Memo(places.memo() / f"verify-{verifier}", VALUES, stores=~pc.field("why").isin(sorted(PASSING)))


def verify(
    responses: Relation,
    prompts: Relation,
    params: Verify,
    *,
    con: duckdb.DuckDBPyConnection,
    processes: int = 0,
    executor: Executor = "local",
) -> Relation:
    """Verify every response by the verifier of its prompt's category.

    Args:
        responses: One row per sample. Reads `sample_id`, `prompt_id`, `teacher`, `answer`.
        prompts: One row per prompt_id. Reads `category`, `messages`, `reference`, `tests`, `constraints`.
        params: The block verify of params.yaml.
        con: Connection of the relations.
        processes: Workers for math and code; 0 takes one per core. On Ray, which has as many tasks, each takes one.
        executor: Where verifiers run.

    Returns:
        Rows of `verdicts`, in no stated order, held by the connection.

    Raises:
        InstallError: There is code to verify and no sandbox; the reward model cannot be loaded.
    """
    tasks = responses.query(
        "responses",
        """
        SELECT responses.sample_id, responses.prompt_id, responses.teacher, responses.answer, prompts.category,
            prompts.messages, prompts.reference, prompts.tests, prompts.constraints
        FROM responses JOIN prompts USING (prompt_id)
        """,
    )
    keyed = _keyed(tasks, params, con)
    verifiers = [row[0] for row in keyed.query("keyed", "SELECT DISTINCT verifier FROM keyed ORDER BY 1").fetchall()]
    if "code" in verifiers:
        check_sandbox(params)
    judge = functools.partial(_judge, params=params, processes=processes if executor == "local" else 1)
    verdicts = con.from_arrow(VERDICTS.arrow_schema.empty_table())
    for verifier in verifiers:
        own = keyed.filter(f"verifier = '{verifier}'")
        if verifier == NONE:
            found = own.query("own", NOT_VERIFIED)
        else:
            memo, work, label = verdict_memo(verifier), _work(own, tasks), f"verify {verifier}"
            reuse = compute(memo, con, work, judge, batch_rows=params.batch_rows, label=label, executor=executor)
            say(f"{label}: {reuse.num_computed:,} verified, {reuse.num_reused:,} from the memo")
            found = memo.rows(con).union(_unstored(reuse, memo, con))
        verdicts = verdicts.union(_verdicts(own, tasks, found, version_of(verifier)))
    name = f"verdicts_{uuid.uuid4().hex}"
    verdicts.create(name)
    return con.table(name)


def _keyed(tasks: Relation, params: Verify, con: duckdb.DuckDBPyConnection) -> Relation:
    """Verifier and memo key of each response: ids only, so they are held."""
    batches = []
    for batch in tasks.to_arrow_reader(tables.BATCH_ROWS):
        rows = batch.to_pylist()
        verifiers = [verifier_of(row["category"], params) for row in rows]
        keys = [task_key(verifier, _task(row), params) for verifier, row in zip(verifiers, rows, strict=True)]
        batches.append(pa.record_batch([batch["sample_id"], pa.array(verifiers), pa.array(keys)], schema=KEYED))
    return con.from_arrow(pa.Table.from_batches(batches, KEYED))


def _work(own: Relation, tasks: Relation) -> Relation:
    """What a verifier is to judge, each key once."""
    return own.query(
        "own",
        """
        SELECT first.key, tasks.category, tasks.answer, tasks.messages, tasks.reference, tasks.tests, tasks.constraints
        FROM (SELECT key, min(sample_id) AS sample_id FROM own GROUP BY key) AS first JOIN tasks USING (sample_id)
        """,
    )


def _judge(batch: pa.Table, *, params: Verify, processes: int) -> pa.Table:
    """Verdicts of a batch of one verifier, as its memo stores them."""
    start = time.monotonic()
    rows = batch.to_pylist()
    verdicts = verify_tasks(rows[0]["category"], [_task(row) for row in rows], params, processes=processes)
    seconds = (time.monotonic() - start) / len(rows)
    values = [
        {"score": verdict.score, "why": verdict.why, "detail": verdict.detail, "seconds": seconds}
        for verdict in verdicts
    ]
    return pa.Table.from_pylist(values, schema=VALUES).add_column(0, "key", batch["key"])


def _task(row: Mapping[str, Any]) -> Task:
    messages = tuple((message["role"], message["content"]) for message in row["messages"])
    return Task(messages, row["answer"], row["reference"], row["tests"], row["constraints"])


def _unstored(reuse: Reuse, memo: Memo, con: duckdb.DuckDBPyConnection) -> Relation:
    """Verdicts that the memo would not store."""
    parts = [part.cast(memo.schema) for part in reuse.unstored]
    return con.from_arrow(pa.concat_tables([memo.schema.empty_table(), *parts]))


def _verdicts(own: Relation, tasks: Relation, found: Relation, version: str) -> Relation:
    """One row of `verdicts` for each response of a verifier."""
    return own.query(
        "own",
        f"""
        SELECT own.sample_id, tasks.prompt_id, tasks.teacher, tasks.category, own.verifier, '{version}' AS version,
            CASE WHEN found.score IS NULL THEN 'unverified' ELSE 'verified' END AS status,
            found.score, found.why, found.detail
        FROM own JOIN tasks USING (sample_id) JOIN found USING (key)
        """,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Find what each response is worth, by the verifier of its category."""
    return run_stage("verify", _run)


def _run(run: Run) -> None:
    responses = run.read("distill", RESPONSES)
    prompts = run.read("annotate", PROMPTS)
    resources = run.params.resources
    verdicts = verify(
        responses,
        prompts,
        run.params.verify,
        con=run.con,
        processes=resources.processes,
        executor=resources.executor,
    )
    kept = run.write(VERDICTS, verdicts)
    run.account(unit="response", rows_in=count(responses), rows_kept=kept)


if __name__ == "__main__":
    sys.exit(main())

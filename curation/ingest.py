"""ingest: records of all sources -> `prompts`, and `responses` that sources brought.

In: the sources of params. Out: `prompts` keyed by record_id, ready `responses`, `drops`. The unit
is the record; responses are counted apart, in responses.json. Reasons of records: `bad_record`
(not readable, no prompt, a value of a wrong type), `bad_category`, `bad_reference` (the pattern of
params does not match), `repeated_id`; of responses: `bad_response`, `repeated_response`. Evidence is
the file and line. Nothing is judged here: emptiness, language and length are for the stage clean.

A record's id comes from the source's own id, else from its content and how many equal records
stood before it, so that reordering a file changes no id. Not covered: images, tool calls.

Example row: {"record_id": "5e0b...", "prompt_id": "9ab2...", "source": "gsm8k", "source_row":
"data/sources/gsm8k.jsonl:1", "category": "math", "messages": [{"role": "user", "content":
"Natalia sold clips to 48 ..."}], "reference": "72", "tests": null, "constraints": null,
"language": null, "licence": "MIT", "priority": 20}

Reference: R1 (arXiv 2503.19633) 2.3 steps 1 and 7: reference answers, test cases and responses that
sources have are collected with the prompts.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curation import hashing, tables
from curation.adapters.batches import RECORDS, read_records
from curation.adapters.read import check_source, local_paths
from curation.stage import Run, run_stage
from curation.tables import Relation
from curation.tracking import check_tracked
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES

RESPONSE_REASONS = ("bad_response", "repeated_response")
_KEYS = pa.schema([("position", pa.int64()), ("record_id", pa.string()), ("stands_at", pa.string())])
_NUMBERS = pa.schema(
    [
        ("position", pa.int64()),
        ("nth", pa.int64()),
        ("sample_id", pa.string()),
        ("sample_index", pa.int32()),
        ("repeated", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Ingested:
    """What the records became."""

    prompts: Relation
    """One row per kept record, as `prompts`."""
    responses: Relation
    """One row per kept response, as `responses`."""
    dropped: Relation
    """Records and responses that were left out."""
    num_brought: int
    """Responses that kept records brought."""


def ingest(records: Relation) -> Ingested:
    """Give records and responses their ids; drop ids and responses that come again.

    Of records with one own id the first stays. Of equal responses to one prompt under one tag, that
    of the record stays which deduplicate would keep: with a reference, tests or constraints first,
    then by priority, then by id.

    Args:
        records: One row per record, as `RECORDS`.
    """
    keys = _record_keys(records)
    keyed = records.query(
        "records",
        """
        SELECT records.*, keys.record_id, keys.stands_at
        FROM records JOIN keys USING (position)
        """,
    )
    prompts = keyed.query(
        "keyed",
        """
        SELECT record_id, prompt_id, source, coalesce(own_id, place) AS source_row, category, messages,
            reference, tests, constraints, NULL::VARCHAR AS language, licence, priority
        FROM keyed
        WHERE stands_at IS NULL
        """,
    )
    brought = _brought(keyed)
    numbers = _sample_numbers(brought)
    kept, dropped = _kept_responses(brought, numbers), _dropped(records, keys, brought, numbers)
    total = keyed.filter("stands_at IS NULL").aggregate("coalesce(sum(len(responses)), 0)")
    return Ingested(prompts, kept, dropped, int(total.fetchall()[0][0]))


def _record_keys(records: Relation) -> pa.Table:
    """Position -> record_id, and the place of the record that has the same id already; held in memory."""
    counted = records.query(
        "records",
        """
        SELECT position, source, own_id, content,
            row_number() OVER same - 1 AS occurrence,
            first_value(place) OVER same AS first_place
        FROM records
        WHERE reason IS NULL
        WINDOW same AS (PARTITION BY source, own_id, content ORDER BY position)
        """,
    )
    batches = [_KEYS.empty_table()]
    for batch in counted.to_arrow_reader(tables.BATCH_ROWS):
        rows = [_record_key(row) for row in batch.to_pylist()]
        batches.append(pa.Table.from_pylist(rows, schema=_KEYS))
    return pa.concat_tables(batches)


def _record_key(row: dict[str, Any]) -> dict[str, Any]:
    own, occurrence = row["own_id"], row["occurrence"]
    return {
        "position": row["position"],
        "record_id": hashing.record_id(row["source"], f"{row['content']}:{occurrence}" if own is None else own),
        "stands_at": row["first_place"] if own is not None and occurrence else None,
    }


def _brought(keyed: Relation) -> Relation:
    """One row per response of a kept record; `nth` counts from 1 within the record."""
    return keyed.query(
        "keyed",
        """
        SELECT position, record_id, prompt_id, place, priority,
            reference IS NULL AND tests IS NULL AND constraints IS NULL AS unverifiable,
            generate_subscripts(responses, 1) AS nth,
            unnest(responses, recursive := true)
        FROM keyed
        WHERE stands_at IS NULL
        """,
    )


def _sample_numbers(brought: Relation) -> pa.Table:
    """Usable responses -> sample id, index and whether another record brought the same; held in memory.

    The text's hash is the one by which distill numbers the responses that move to another prompt.
    """
    ranked = brought.query(
        "brought",
        """
        WITH hashed AS (
            SELECT position, nth, prompt_id, tag, unverifiable, priority, record_id,
                md5(coalesce(reasoning, '') || chr(31) || answer) AS text_hash
            FROM brought
            WHERE problem IS NULL
        )
        SELECT position, nth, prompt_id, tag,
            dense_rank() OVER (PARTITION BY prompt_id, tag ORDER BY text_hash) - 1 AS sample_index,
            row_number() OVER (
                PARTITION BY prompt_id, tag, text_hash ORDER BY unverifiable, priority, record_id, nth
            ) > 1 AS repeated
        FROM hashed
        """,
    )
    batches = [_NUMBERS.empty_table()]
    for batch in ranked.to_arrow_reader(tables.BATCH_ROWS):
        rows = [
            {**row, "sample_id": hashing.brought_sample_id(row["prompt_id"], row["tag"], row["sample_index"])}
            for row in batch.to_pylist()
        ]
        batches.append(pa.Table.from_pylist(rows, schema=_NUMBERS))
    return pa.concat_tables(batches)


def _kept_responses(brought: Relation, numbers: pa.Table) -> Relation:
    return brought.query(
        "brought",
        """
        SELECT sample_id, prompt_id, record_id, tag AS teacher, sample_index, reasoning, answer, well_formed,
            NULL::VARCHAR AS finish_reason, NULL::INTEGER AS num_tokens
        FROM brought JOIN numbers USING (position, nth)
        WHERE NOT repeated
        """,
    )


def _dropped(records: Relation, keys: pa.Table, brought: Relation, numbers: pa.Table) -> Relation:
    """Records that are bad or repeat an id, then responses that are bad or repeat one."""
    return records.query(
        "records",
        """
        SELECT reason, place AS evidence_id, NULL AS record_id, NULL AS prompt_id, NULL AS sample_id, detail
        FROM records
        WHERE reason IS NOT NULL
        UNION ALL
        SELECT 'repeated_id', place, record_id, prompt_id, NULL,
            'id ' || own_id || ' stands at ' || stands_at || ' already'
        FROM records JOIN keys USING (position)
        WHERE stands_at IS NOT NULL
        UNION ALL
        SELECT CASE WHEN problem IS NULL THEN 'repeated_response' ELSE 'bad_response' END,
            place || '#' || nth, record_id, prompt_id, sample_id, coalesce(problem, 'tag ' || tag)
        FROM brought LEFT JOIN numbers USING (position, nth)
        WHERE problem IS NOT NULL OR repeated
        """,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Read the sources; give every record its id."""
    return run_stage("ingest", _run)


def _run(run: Run) -> None:
    sources = run.params.ingest.sources
    for source in sources:
        check_source(source)
    check_tracked([path for source in sources for path in local_paths(source)], "ingest")
    folder = run.scratch("records")
    num_records = tables.write_batches(read_records(sources), folder, RECORDS, shard_rows=tables.SHARD_ROWS)
    result = ingest(run.con.read_parquet(f"{folder}/*.parquet"))
    kept, kept_responses = run.write(PROMPTS, result.prompts), run.write(RESPONSES, result.responses)
    dropped = run.write_drops(result.dropped)
    of_responses = {reason: dropped.pop(reason) for reason in RESPONSE_REASONS if reason in dropped}
    lost = result.num_brought - kept_responses - sum(of_responses.values())
    assert lost == 0, f"ingest: {result.num_brought} responses brought, {lost} unaccounted for"
    counts = {"brought": result.num_brought, "kept": kept_responses, "dropped": of_responses}
    run.write_json("responses.json", {"unit": "response", **counts})
    run.account(unit="record", rows_in=num_records, rows_kept=kept, dropped=dropped)


if __name__ == "__main__":
    sys.exit(main())

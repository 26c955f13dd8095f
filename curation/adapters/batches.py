"""Sources -> rows of `RECORDS`: every record in our words, or with the reason why it cannot be."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa

from curation import hashing
from curation.adapters.fields import reach, read_fields
from curation.adapters.read import mapped_columns, open_source, size
from curation.adapters.record import BadRecordError, Record
from curation.errors import DataError
from curation.params import Source
from curation.progress import progress
from schemas.prompts import MESSAGES

BATCH_RECORDS = 2_000
RECORDS = pa.schema(
    [
        ("position", pa.int64()),
        ("source", pa.string()),
        ("place", pa.string()),
        ("own_id", pa.string()),
        ("content", pa.string()),
        ("prompt_id", pa.string()),
        ("category", pa.string()),
        ("messages", MESSAGES),
        ("reference", pa.string()),
        ("tests", pa.string()),
        ("constraints", pa.string()),
        ("licence", pa.string()),
        ("priority", pa.int32()),
        (
            "responses",
            pa.list_(
                pa.struct(
                    [
                        ("tag", pa.string()),
                        ("reasoning", pa.string()),
                        ("answer", pa.string()),
                        ("well_formed", pa.bool_()),
                        ("problem", pa.string()),
                    ]
                )
            ),
        ),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
"""Records after the mapping: `reason` is null where one became a prompt; `content` keys those without an own id."""


def read_records(sources: Sequence[Source]) -> Iterator[pa.Table]:
    """Read sources that `check_source` accepts; tables of `RECORDS`, in the order of the sources.

    Raises:
        DataError: A source is corrupt or empty, or has no record with a column that params name.
        ParamsError: A generator does not know an option.
    """
    position = 0
    for source in sources:
        for batch in _read_source(source):
            rows = [{"position": position + offset, **row} for offset, row in enumerate(batch)]
            position += len(rows)
            yield pa.Table.from_pylist(rows, schema=RECORDS)


def _read_source(source: Source) -> Iterator[list[dict[str, Any]]]:
    """Rows of one source in batches; what no record had is an error in the end."""
    records, unseen = open_source(source), mapped_columns(source)
    num_records, done, known = 0, 0, Record("", None, "it is empty")
    unit = "bytes" if source.kind == "file" else "records"
    with progress(f"ingest {source.name}", size(source), unit) as shown:
        while batch := list(islice(records, BATCH_RECORDS)):
            for record in batch:
                known = record if record.value is not None or not known.place else known
                unseen = {ours: theirs for ours, theirs in unseen.items() if not reach(record.value or {}, theirs)[0]}
            num_records += len(batch)
            shown.update(batch[-1].done - done, f"{num_records:,} records")
            done = batch[-1].done
            yield [_map(record, source) for record in batch]
    _check_seen(source, known, unseen)


def _check_seen(source: Source, known: Record, unseen: Mapping[str, str]) -> None:
    """Refuse a source without a readable record, or without a column that params name."""
    if known.value is None:
        at = f" at {known.place}" if known.place else ""
        raise DataError(
            f"ingest: source {source.name!r} has no record that can be read{at}: {known.problem}. "
            "Check its path and format, or take it out of ingest.sources in params.yaml."
        )
    for ours, theirs in unseen.items():
        names = _names(known.value)
        near = difflib.get_close_matches(theirs, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise DataError(
            f"ingest: source {source.name!r}: no record has the column {theirs!r} that columns.{ours} names "
            f"(has: {', '.join(names)}){hint} Correct ingest.sources in params.yaml."
        )


def _names(value: Mapping[str, Any]) -> list[str]:
    """A record's columns, and those of its structs."""
    inner = [f"{name}.{own}" for name, struct in value.items() if isinstance(struct, Mapping) for own in struct]
    return [*value, *inner]


def _map(record: Record, source: Source) -> dict[str, Any]:
    """A row of `RECORDS`: the record in our words, or why it cannot be."""
    fixed = {"source": source.name, "place": record.place, "priority": source.priority}
    if record.value is None:
        return {**fixed, "reason": "bad_record", "detail": record.problem}
    try:
        fields = read_fields(record.value, source)
    except BadRecordError as error:
        return {**fixed, "reason": error.reason, "detail": error.detail}
    found = {**vars(fields), "responses": [vars(ready) for ready in fields.responses]}
    content = None if found["own_id"] is not None else _content(found, source)
    return {**fixed, **found, "content": content, "prompt_id": hashing.prompt_id(found["messages"])}


def _content(found: Mapping[str, Any], source: Source) -> str:
    """Digest of all that stands in the record itself and not in params."""
    names = {"messages", "responses", *mapped_columns(source)}
    return hashing.digest_json({name: value for name, value in found.items() if name in names})

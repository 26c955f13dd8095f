"""Hash sidecars: of each row of a release its key and a 64-bit hash per group of columns, about 5 % of the data.

In: the rows of one split of one config. Out: `sidecar/<config>/<split>-00000.parquet`: the key (ids of 32 hex
characters as 16 bytes), then `hash_<group>` for each group that has columns, in the order of the rows: where these stay in
place from version to version, so do their hashes, and an upload sends the new ones alone. The file's
metadata say which columns of which type each hash covers. A diff of two versions reads these in place of the text.

A hash is the last 8 bytes of the MD5 of the group's values as JSON, texts within replaced by their own such hash:
equal on every machine, and without DuckDB's own hash, which may change. Null is not an empty text, NaN equals NaN, -0.0 is not 0.0.

Example of a row: {"sample_id": UUID("1f0c..."), "hash_text": 7000413967451013937, "hash_labels": ...}
"""

import glob
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.tables import BATCH_ROWS, Relation, identifier, quote, write_batches

VERSION = 1
HASH = "md5_number_lower"
GROUPS = ("text", "labels", "scores", "ids")
TEXT_COLUMNS = frozenset(
    [
        "messages",
        "conversations",
        "prompt",
        "response",
        "question",
        "answer",
        "system",
        "chosen",
        "rejected",
        "reasoning",
        "completion",
        "text",
        "ground_truth",
        "reference",
        "test_case",
        "tests",
        "instruction_constrain",
        "constraints",
        "content",
        "detail",
    ]
)
NESTED = ("list", "array", "struct", "map", "union")
NUMERIC = [
    "tinyint",
    "smallint",
    "integer",
    "bigint",
    "hugeint",
    "utinyint",
    "usmallint",
    "uinteger",
    "ubigint",
    "uhugeint",
    "float",
    "double",
    "decimal",
]
_METADATA = b"curate.sidecar"
_ONE_SHARD = 1 << 62
_IS_HEX = "regexp_full_match({}, '[0-9a-f]{{32}}')"

Columns = Mapping[str, Any]
"""Names of columns with their DuckDB types."""


def columns_of(rows: Relation) -> dict[str, Any]:
    """Names and types of a relation's columns."""
    return dict(zip(rows.columns, rows.types, strict=True))


def column_groups(columns: Columns, key: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The columns of each group that has any, the key's left out: text, labels, scores, ids.

    Nested columns and those with the names of texts are text, `..._id` are ids, other numbers scores, the rest labels.
    """
    found = {group: tuple(n for n, t in columns.items() if n not in key and _group(n, t) == group) for group in GROUPS}
    return {group: names for group, names in found.items() if names}


def _group(name: str, column_type: Any) -> str:
    if name in TEXT_COLUMNS or column_type.id in NESTED:
        return "text"
    if name.endswith("_id"):
        return "ids"
    return "scores" if column_type.id in NUMERIC else "labels"


def encoded(expression: str, column_type: Any, depth: int = 0) -> str:
    """SQL of a value in which each text is replaced by its hash: small, and its JSON tells it from any other value."""
    if column_type.id in ("varchar", "enum"):
        return f"{HASH}({expression}::VARCHAR)"
    if column_type.id == "list":
        turn = f"x{depth}"
        inner = encoded(turn, column_type.children[0][1], depth + 1)
        return expression if inner == turn else f"list_transform({expression}, lambda {turn}: {inner})"
    if column_type.id == "struct":
        fields = ", ".join(
            f"{quote(name)}: {encoded(f'{expression}.{identifier(name)}', inner, depth)}"
            for name, inner in column_type.children
        )
        return f"CASE WHEN {expression} IS NOT NULL THEN {{{fields}}} END"
    return expression


def hash_of(columns: Columns) -> str:
    """SQL of one hash over several columns."""
    fields = ", ".join(f"{quote(name)}: {encoded(identifier(name), kind)}" for name, kind in columns.items())
    return f"{HASH}(to_json({{{fields}}})::VARCHAR)"


def write(rows: Relation, folder: Path, *, split: str, key: Sequence[str]) -> None:
    """Write the sidecar of the rows of one split.

    Args:
        rows: All columns of the released rows, in their order.
        folder: Where the sidecars of the rows' config go.
        split: Split of the rows, the start of the file's name.
        key: Columns that tell the rows apart.
    """
    columns = columns_of(rows)
    groups = column_groups(columns, key)
    as_bytes = _hex_columns(rows, columns, key)
    keys = [
        f"unhex({identifier(name)}) AS {identifier(name)}" if name in as_bytes else identifier(name) for name in key
    ]
    hashes = [f"{hash_of({name: columns[name] for name in names})} AS hash_{group}" for group, names in groups.items()]
    hashed = rows.query("hashed", f"SELECT {', '.join([*keys, *hashes])} FROM hashed")
    covered = {group: [[name, str(columns[name])] for name in names] for group, names in groups.items()}
    told = {"version": VERSION, "key": list(key), "bytes": as_bytes, "groups": covered}
    folder.mkdir(parents=True, exist_ok=True)
    reader = hashed.to_arrow_reader(BATCH_ROWS)
    schema = _with_uuids(reader.schema.empty_table(), as_bytes).schema
    schema = schema.with_metadata({_METADATA: json.dumps(told, sort_keys=True).encode()})
    write_batches(_batches(reader, as_bytes), folder, schema, shard_rows=_ONE_SHARD, prefix=f"{split}-")


def _hex_columns(rows: Relation, columns: Columns, key: Sequence[str]) -> list[str]:
    """Key columns whose values are all ids of 32 hex characters."""
    texts = [name for name in key if columns[name].id == "varchar"]
    if not texts:
        return []
    all_hex = ", ".join(f"coalesce(bool_and({_IS_HEX.format(identifier(name))}), true)" for name in texts)
    (answers,) = rows.query("keyed", f"SELECT {all_hex} FROM keyed").fetchall()
    return [name for name, yes in zip(texts, answers, strict=True) if yes]


def _batches(reader: pa.RecordBatchReader, as_bytes: Sequence[str]) -> Iterator[pa.Table]:
    for batch in reader:
        yield _with_uuids(pa.Table.from_batches([batch]), as_bytes).replace_schema_metadata(None)


def _with_uuids(table: pa.Table, as_bytes: Sequence[str]) -> pa.Table:
    """The table with 16-byte columns as UUIDs, which DuckDB reads as numbers of fixed width."""
    for name in as_bytes:
        stored = table.column(name).combine_chunks().cast(pa.binary(16))
        uuids = pa.ExtensionArray.from_storage(pa.uuid(), stored)
        table = table.set_column(table.schema.get_field_index(name), name, uuids)
    return table


def contents(path: Path) -> dict[str, Any]:
    """What a sidecar covers: its version, key and groups of columns with their types."""
    told: dict[str, Any] = json.loads((pq.read_schema(path).metadata or {}).get(_METADATA, b"{}"))
    return told


def read_sql(paths: Sequence[Path | str]) -> str:
    """SQL of the rows of some Parquet files, by paths or addresses; a path may hold [ or =."""
    shards = ", ".join(quote(glob.escape(str(path))) for path in paths)
    return f"read_parquet([{shards}], hive_partitioning = false, union_by_name = true)"

"""Old and new values of the rows that differ, with the columns that changed.

Reads the table `changes` of `changes.find_changes` and the values of its rows alone. A value changed where its
hash (see `value_hash`) is another: null is not an empty text, NaN equals NaN, -0.0 is not 0.0.

Example of a row: {"diff_type": "modified", "from_sample_id": "1f0c...", "to_sample_id": "1f0c...",
"from_verify_score": 0.5, "to_verify_score": 1.0, ..., "changed_columns": ["verify_score"], "reason": None}
"""

import math
from collections.abc import Iterator
from typing import Any

from curation.diff.changes import SIDES, Pair
from curation.diff.value_hash import value_hash
from curation.tables import BATCH_ROWS, Relation, identifier, quote

Row = dict[str, Any]
KINDS = ("added", "removed", "modified")


def column_counts(both: Pair, *, texts: bool) -> dict[str, int]:
    """How many modified rows changed in each column; without `texts` those of the group text stand together.

    A group of one column is known from its hash. Texts of several columns are read where `texts` is set.
    """
    counts: dict[str, int] = {}
    for group, names in both.groups.items():
        (found,) = both.con.execute(f"SELECT count(*) FROM changes WHERE {group}_changed").fetchall()
        if not found[0]:
            continue
        if len(names) == 1:
            counts[names[0]] = found[0]
        elif group == "text" and not texts:
            counts[f"text ({', '.join(names)})"] = found[0]
        else:
            counts |= _counts_by_column(both, group, names)
    return {name: number for name, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if number}


def _counts_by_column(both: Pair, group: str, names: tuple[str, ...]) -> dict[str, int]:
    counts = ", ".join(f"count(*) FILTER ({differs(both, name)})" for name in names)
    (found,) = both.con.execute(
        f"""
        SELECT {counts} FROM (FROM changes WHERE {group}_changed) AS changes
        JOIN rows_from ON {both.joined("from")}
        JOIN rows_to ON {both.joined("to")}
        """
    ).fetchall()
    return dict(zip(names, found, strict=True))


def differs(both: Pair, name: str) -> str:
    """SQL condition that a column of `rows_from` and `rows_to` is another value."""
    old, new = (value_hash(f"rows_{side}.{identifier(name)}", both.types[name]) for side in SIDES)
    return f"{old} <> {new}"


def values(both: Pair, kind: str | None = None, limit: int | None = None) -> Relation:
    """The rows that differ, with `diff_type`, all columns as `from_...` and `to_...`, the columns that changed, the reason.

    Args:
        both: The two sides, of which `changes` are known.
        kind: added, removed or modified; else all, in this order of their keys.
        limit: Most rows, those of the lowest keys.
    """
    key_names = [f"key_{i}" for i in range(len(both.key))]
    order = ", ".join(["config", *key_names])
    chosen = f"FROM changes{f' WHERE diff_type = {quote(kind)}' if kind else ''}"
    chosen += f" ORDER BY {order} LIMIT {limit}" if limit is not None else ""
    columns = [
        f"rows_{word}.{identifier(name)} AS {identifier(f'{word}_{name}')}"
        for word, side in zip(SIDES, both.sides, strict=True)
        for name in side.columns
    ]
    if both.places:
        columns += [f'rows_{word}."@{place}" AS "{word}_@{place}"' for word in SIDES for place in ("config", "split")]
    same_key = " AND ".join(f"reasons.{name} = changes.{name}" for name in ["config", *key_names])
    changed = [f"CASE WHEN {differs(both, name)} THEN {quote(name)} END" for name in both.shared]
    changed += ["CASE WHEN changes.from_split <> changes.to_split THEN '@split' END"]
    return both.con.sql(
        f"""
        SELECT changes.diff_type, {", ".join(columns)},
            CASE diff_type WHEN 'modified' THEN list_filter([{", ".join(changed)}], lambda name: name IS NOT NULL) END
                AS changed_columns,
            reasons.reason
        FROM ({chosen}) AS changes
        LEFT JOIN rows_from ON {both.joined("from")} AND diff_type <> 'added'
        LEFT JOIN rows_to ON {both.joined("to")} AND diff_type <> 'removed'
        LEFT JOIN reasons ON {same_key}
        ORDER BY {", ".join(f"changes.{name}" for name in ["config", *key_names])}
        """
    )


def as_dicts(rows: Relation) -> Iterator[Row]:
    """Rows as JSON-like values, batch by batch; NaN and infinities are texts, so that they are not null."""
    for batch in rows.to_arrow_reader(BATCH_ROWS):
        for row in batch.to_pylist():
            yield {name: plain(value) for name, value in row.items()}


def plain(value: Any) -> Any:
    """A value that JSON can hold."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.hex() if isinstance(value, bytes) else str(value)

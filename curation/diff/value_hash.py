"""A 64-bit hash of any value by DuckDB's own hash, which within one diff need not be stable.

That hash alone takes null, [] and [null] for the same, and -0.0 for 0.0. Here lists have their length and structs whether they
are there, and a float is its text: null is not an empty text, NaN equals NaN, -0.0 is not 0.0.
"""

from typing import Any

from curation.tables import identifier

NULL = "hash(NULL)"
FLOATS = ("float", "double")
JSON_ONLY = ("map", "union", "array")


def value_hash(expression: str, column_type: Any, depth: int = 0) -> str:
    """SQL of the hash of a value; never null."""
    kind = column_type.id
    if kind == "list":
        turn = f"x{depth}"
        inner = value_hash(turn, column_type.children[0][1], depth + 1)
        turns = f"list_transform({expression}, lambda {turn}: {inner})"
        return f"CASE WHEN {expression} IS NULL THEN {NULL} ELSE hash(len({expression}), {turns}) END"
    if kind == "struct":
        fields = ", ".join(
            value_hash(f"({expression}).{identifier(name)}", inner, depth) for name, inner in column_type.children
        )
        return f"CASE WHEN {expression} IS NULL THEN {NULL} ELSE hash({fields}) END"
    if kind in FLOATS:
        return f"hash(({expression})::VARCHAR)"
    return f"hash(to_json({expression})::VARCHAR)" if kind in JSON_ONLY else f"hash({expression})"

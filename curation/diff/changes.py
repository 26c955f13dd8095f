"""The keys that differ between two sides, and the groups of columns that changed, by 64-bit hashes.

One full join of both sides by key: a key that stands on one side only was added or removed; of one on both sides the
groups are compared by hash. Texts are hashed as they are read and never carried; where both sides have sidecars of the
same columns, none is read. DuckDB spills what exceeds its memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from curation import render, sidecar
from curation.diff.sides import Part, Side
from curation.diff.value_hash import value_hash
from curation.errors import DataError
from curation.sidecar import NESTED, column_groups, read_sql
from curation.tables import identifier, quote

SHOWN_KEYS = 5
SIDES = ("from", "to")


@dataclass(frozen=True)
class Pair:
    """Two sides in one connection, as the views `rows_from` and `rows_to` with equal types."""

    con: duckdb.DuckDBPyConnection
    sides: tuple[Side, Side]
    key: tuple[str, ...]
    types: dict[str, Any]
    """Types of the columns that both sides have, key included."""
    groups: dict[str, tuple[str, ...]]
    """Columns other than the key that both sides have, by group."""

    @property
    def places(self) -> bool:
        """Whether rows have configs and splits: whether both sides are releases."""
        return all(side.release for side in self.sides)

    @property
    def shared(self) -> list[str]:
        """Columns other than the key that both sides have."""
        return [name for name in self.types if name not in self.key]

    def joined(self, side: str) -> str:
        """SQL condition that joins `changes` with the rows of a side."""
        keys = "".join(f" AND changes.key_{i} = rows_{side}.{identifier(name)}" for i, name in enumerate(self.key))
        return f'changes.config = rows_{side}."@config"{keys}'


def pair(con: duckdb.DuckDBPyConnection, from_side: Side, to_side: Side, key: Sequence[str]) -> Pair:
    """Open two sides with a key.

    Raises:
        DataError: There is no key, or a side lacks one of its columns.
    """
    key = tuple(key) or from_side.default_key() or to_side.default_key()
    for side in (from_side, to_side):
        if not key:
            raise DataError(
                f"diff: what tells the rows of {side.name} apart is not known; name it: --key COLUMN[,COLUMN]. "
                f"Columns: {', '.join(side.columns)}"
            )
        for name in key:
            if name not in side.columns:
                raise DataError(
                    f"diff: {side.name} has no column {name!r} for a key; {render.nearest(name, list(side.columns))}. "
                    f"Name another: --key COLUMN[,COLUMN]"
                )
    types = {
        name: _common_type(con, from_side.columns[name], to_side.columns[name])
        for name in from_side.columns
        if name in to_side.columns
    }
    if not (from_side.release and to_side.release):
        from_side, to_side = from_side.without_places(), to_side.without_places()
    for word, side in zip(SIDES, (from_side, to_side), strict=True):
        columns = [
            f"{identifier(name)}::{types[name]} AS {identifier(name)}"
            if name in types and str(types[name]) != str(kind)
            else identifier(name)
            for name, kind in side.columns.items()
        ]
        con.execute(f"CREATE TEMP VIEW rows_{word} AS {side.sql(', '.join(_PLACE + columns))}")
    return Pair(con, (from_side, to_side), key, types, column_groups(types, key))


_PLACE = ['"@config"', '"@split"']


def _common_type(con: duckdb.DuckDBPyConnection, one: Any, other: Any) -> Any:
    """The type that holds values of both; text where there is no other."""
    if str(one) == str(other):
        return one
    if not _alike(one, other):
        return duckdb.sqltype("VARCHAR")
    return con.sql(f"SELECT NULL::{one} AS value UNION ALL SELECT NULL::{other}").types[0]


def _alike(one: Any, other: Any) -> bool:
    """Whether values of both can be of one type: scalars, or lists and structs of such."""
    if one.id == other.id and one.id in ("list", "struct"):
        others = dict(other.children)
        return all(_alike(inner, others[name]) for name, inner in one.children if name in others)
    return not {one.id, other.id} & {*NESTED, "blob"}


def find_changes(both: Pair) -> None:
    """Make the table `changes`: a row per key that differs, with its config, splits, kind and changed groups.

    Raises:
        DataError: A key is null or stands on several rows of a side.
    """
    use_sidecars = has_sidecars(both)
    parts = [part for side in both.sides for part in side.parts]
    configs, splits = sorted({part.config for part in parts}), sorted({part.split for part in parts})
    keys = [f"key_{i}" for i in range(len(both.key))]
    flags = [f"{group}_changed" for group in both.groups]
    for word, side in zip(SIDES, both.sides, strict=True):
        # Numbers for names: a join by texts takes twice as long.
        hashed = [
            _hashed(both, part, configs.index(part.config), splits.index(part.split), sidecars=use_sidecars)
            for part in side.parts
        ]
        both.con.execute(f"CREATE TEMP VIEW hashes_{word} AS {' UNION ALL '.join(hashed)}")
    columns = ["config", *keys, "from_split", "to_split", *flags]
    changed = ["a.split <> b.split", *(f"a.hash_{group} <> b.hash_{group}" for group in both.groups)]
    # All equal rows fall into one group, so that one pass over the join finds what differs and counts the rest.
    both.con.execute(
        f"""
        CREATE TEMP TABLE joined AS
        SELECT {", ".join(f"CASE WHEN differs THEN {name} END AS {name}" for name in columns)}, differs, count(*) AS num
        FROM (
            SELECT config, {", ".join(keys)}, a.split AS from_split, b.split AS to_split,
                {"".join(f"coalesce({one}, false) AS {flag}, " for flag, one in zip(flags, changed[1:], strict=True))}
                coalesce({" OR ".join(changed)}, true) AS differs
            FROM hashes_from AS a FULL JOIN hashes_to AS b USING (config, {", ".join(keys)})
        )
        GROUP BY ALL
        """
    )
    _check_keys(both, keys)
    texts = [f"{_key_as_text(both, use_sidecars, i)} AS {key}" for i, key in enumerate(keys)]
    both.con.execute(
        f"""
        CREATE TEMP TABLE changes AS
        SELECT {_name_of("config", configs)} AS config, {", ".join([*texts, *flags])},
            CASE WHEN from_split IS NULL THEN 'added' WHEN to_split IS NULL THEN 'removed' ELSE 'modified' END AS diff_type,
            {_name_of("from_split", splits)} AS from_split, {_name_of("to_split", splits)} AS to_split
        FROM joined WHERE differs
        """
    )
    both.con.execute("DROP TABLE joined")


def has_sidecars(both: Pair) -> bool:
    """Whether both sides have sidecars for this key that cover the same columns."""
    paths = [part.sidecar for side in both.sides for part in side.parts]
    covered = [sidecar.contents(path) for path in paths if path is not None]
    if len(covered) < len(paths) or any(one != covered[0] for one in covered):
        return False
    shared = {group: [[name, str(both.types[name])] for name in names] for group, names in both.groups.items()}
    return (covered[0]["version"], covered[0]["key"]) == (sidecar.VERSION, list(both.key)) and covered[0][
        "groups"
    ] == shared


def _name_of(number: str, names: Sequence[str]) -> str:
    """SQL of the name that a number stands for."""
    return f"[{', '.join(map(quote, names))}][{number} + 1]"


def _hashed(both: Pair, part: Part, config: int, split: int, *, sidecars: bool) -> str:
    """SQL of one part's keys, config, split and hashes."""
    places = [f"{config}::USMALLINT AS config", f"{split}::USMALLINT AS split"]
    if sidecars:
        assert part.sidecar is not None
        keys = [f"{identifier(name)} AS key_{i}" for i, name in enumerate(both.key)]
        hashes = [f"hash_{group}" for group in both.groups]
        return f"SELECT {', '.join(places + keys + hashes)} FROM {read_sql([part.sidecar])}"
    cast = {name: f"{identifier(name)}::{kind}" for name, kind in both.types.items()}
    hashes = [
        f"hash({', '.join(value_hash(cast[name], both.types[name]) for name in names)}) AS hash_{group}"
        for group, names in both.groups.items()
    ]
    keys = [f"{cast[name]} AS key_{i}" for i, name in enumerate(both.key)]
    return f"SELECT {', '.join(places + keys + hashes)} FROM {part.sql}"


def _key_as_text(both: Pair, sidecars: bool, position: int) -> str:
    """SQL of a key as its column has it: sidecars hold ids as 16 bytes."""
    if sidecars:
        path = next(part.sidecar for side in both.sides for part in side.parts if part.sidecar)
        if both.key[position] in sidecar.contents(path)["bytes"]:
            return f"replace(key_{position}::VARCHAR, '-', '')"
    return f"key_{position}"


def _check_keys(both: Pair, keys: list[str]) -> None:
    """Refuse keys that are null or stand on several rows.

    Where none is, the join has one row per key: those on both sides and those on one add up to the rows of each side.
    """
    nulls = " OR ".join(f"{key} IS NULL" for key in keys)
    (found,) = both.con.execute(
        f"""
        SELECT sum(num) FILTER (NOT differs OR from_split IS NOT NULL),
            sum(num) FILTER (NOT differs OR to_split IS NOT NULL),
            sum(num) FILTER (differs), count(DISTINCT (config, {", ".join(keys)})) FILTER (differs),
            count(*) FILTER (differs AND ({nulls}))
        FROM joined
        """
    ).fetchall()
    old, new, rows, distinct, null = (number or 0 for number in found)
    if null or rows != distinct or (old, new) != (count_rows(both, "from"), count_rows(both, "to")):
        for word, side in zip(SIDES, both.sides, strict=True):
            _refuse_keys(both, word, side, keys, nulls)


def count_rows(both: Pair, word: str) -> int:
    """Rows of a side."""
    (found,) = both.con.execute(f"SELECT count(*) FROM rows_{word}").fetchall()
    return int(found[0])


def _refuse_keys(both: Pair, word: str, side: Side, keys: list[str], nulls: str) -> None:
    """Raise with some of a side's keys that are null or stand on several rows, if it has such."""
    own = ", ".join(f"{identifier(name)} AS {key}" for name, key in zip(both.key, keys, strict=True))
    bad = both.con.sql(
        f"""
        SELECT {", ".join(keys)}, count(*) AS num, count(*) OVER () AS all_keys
        FROM (SELECT "@config", {own} FROM rows_{word})
        GROUP BY "@config", {", ".join(keys)} HAVING num > 1 OR {nulls}
        ORDER BY ALL NULLS FIRST LIMIT {SHOWN_KEYS}
        """
    ).fetchall()
    if bad:
        listed = "; ".join(f"{', '.join(map(render.cell, row))} on {row_count(num)}" for *row, num, _ in bad)
        raise DataError(
            f"diff: {', '.join(both.key)} must tell the rows of {side.name} apart; {bad[0][-1]:,} of its values are null or "
            f"stand on several rows: {listed}. Name a key that does: --key COLUMN[,COLUMN]"
        )


def row_count(number: int) -> str:
    """A number of rows in words."""
    return "1 row" if number == 1 else f"{number:,} rows"

"""Hold what a release differs in from the frozen version before it against the suite `changes`.

In: two sides of a diff (see `curation.diff.sides`), of which the older may be missing: then no expectation applies, and
the findings say so. Out: a `Report`. Figures come from `curation.diff`, by the hashes in the sidecars where both sides
have them; text is not read. This is no stage: a frozen version is made from a release, so no stage before may depend
on one. `publish` and `curate validate` call it.

Example row of figures: {"unexplained_share": 0.0, "changed_verdict_share": 0.012, "moved_split_share": 0.0,
"lost_columns": 0}; the second breaks a bound of 0.005 and the finding names the rows: 1f0c... (1.0 -> 0.0)
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import pyarrow as pa

from curation import versions
from curation.diff import changes, leaving
from curation.diff.changes import Pair
from curation.diff.compare import opened
from curation.errors import DataError
from curation.expectations import EXAMPLES, Finding, Judge
from curation.params import Params
from curation.tables import identifier

SCORES = ("verify_score", "chosen_score", "rejected_score")
"""Columns of released layouts that hold a verdict's raw score; null is unverified."""
FIGURES = ("unexplained_share", "changed_verdict_share", "moved_split_share", "lost_columns")
_SCHEMA = pa.schema([(name, pa.float64()) for name in FIGURES])


@dataclass(frozen=True)
class Report:
    """What the suite found of one dataset's changes."""

    dataset: str
    old: str | None
    """Name of the older side; None: there is no version before, and nothing applies."""
    new: str
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The expectations that do not hold."""
        return tuple(finding for finding in self.findings if not finding.success)

    def refuse_failed(self) -> None:
        """Do nothing where all hold.

        Raises:
            DataError: One failed; says which, with the rows and what to do.
        """
        if self.failed:
            told = "\n".join(f"validate: {finding.sentence}" for finding in self.failed)
            raise DataError(
                f"{told}\nvalidate: {self.new} differs from {self.old} by more than validate.changes allows. "
                f"Look: curate diff {self.old} {self.new}; if it is meant, raise the bound in params.yaml"
            )


def check_diff(dataset: str, old: str | None, new: str, params: Params, *, judge: Judge | None = None) -> Report:
    """Judge what a release changes.

    Args:
        dataset: Name of the dataset in params.
        old: The frozen version before, as the diff names it (DATASET@VERSION, or a folder); None where there is none.
        new: The release or version, as the diff names it; not opened without an older one.
        params: Reads `validate.changes`, and the version in `publish.datasets`.
        judge: Great Expectations, if it is loaded already.

    Raises:
        DataError: A side is not there, is no release or cannot be compared.
    """
    judge = judge or Judge()
    parameters = asdict(params.validate.changes)
    if old is None:
        nothing = pa.Table.from_pylist([{}], schema=_SCHEMA)
        found = judge.judge_figures(nothing, "changes", dataset=dataset, parameters=parameters)
        return Report(dataset, old, new, tuple(found))
    with opened(old, new) as both:
        if not both.places:
            raise DataError(f"validate: {old} and {new} must both be releases, with a manifest.json. Name two such")
        leaving.find_reasons(both)
        figures = _figures(both, is_major=_is_major(old, params.publish.datasets.get(dataset)))
        table = pa.Table.from_pylist([dict(figures)], schema=_SCHEMA)
        found = judge.judge_figures(table, "changes", dataset=dataset, parameters=parameters)
        return Report(dataset, old, new, tuple(one if one.success else _named(one, both) for one in found))


def _is_major(old: str, version: str | None) -> bool:
    """Whether the version in params is of a later major number than the old side, which its name ends on."""
    before = re.search(r"(\d+)\.\d+\.\d+/?$", old)
    return version is not None and before is not None and versions.parse(version).major > int(before[1])


def _figures(both: Pair, *, is_major: bool) -> Mapping[str, float | None]:
    """The row of figures; null where one does not apply."""
    before = changes.count_rows(both, "from")
    (counted,) = both.con.execute(
        f"""
        SELECT count(*) FILTER (diff_type = 'removed'), ({_count(_unexplained(both))}),
            count(*) FILTER (from_split <> to_split)
        FROM changes
        """
    ).fetchall()
    removed, unexplained, moved = counted
    stayed = before - removed
    scores = [name for name in SCORES if name in both.types]
    rescored = both.con.execute(_count(_rescored(both))).fetchall()[0][0] if scores else None
    return {
        "unexplained_share": unexplained / before if before else None,
        "changed_verdict_share": rescored / stayed if stayed and rescored is not None else None,
        "moved_split_share": moved / stayed if stayed else None,
        "lost_columns": None if is_major else len(_lost_columns(both)),
    }


def _count(rows: str) -> str:
    return f"SELECT count(*) FROM ({rows})"


def _key(both: Pair, table: str = "changes") -> str:
    """SQL of a row's id for a reader."""
    return f"concat_ws('/', {', '.join(f'{table}.key_{i}' for i in range(len(both.key)))})"


def _unexplained(both: Pair) -> str:
    """SQL of the rows that are gone, from all configs, and that no drop tells of: id, config."""
    names = ["config", *(f"key_{i}" for i in range(len(both.key)))]
    elsewhere = " AND ".join(f"rows_to.{identifier(name)} = changes.key_{i}" for i, name in enumerate(both.key))
    return f"""
        SELECT {_key(both)} AS id, changes.config AS why
        FROM changes
        LEFT JOIN reasons ON {" AND ".join(f"reasons.{name} = changes.{name}" for name in names)}
        WHERE diff_type = 'removed' AND reasons.reason IS NULL AND NOT EXISTS (FROM rows_to WHERE {elsewhere})
    """


def _rescored(both: Pair) -> str:
    """SQL of the rows of both sides whose verdict's score differs: id, old and new scores."""
    scores = [name for name in SCORES if name in both.types]
    group = next(group for group, names in both.groups.items() if scores[0] in names)
    old, new = (
        ", ".join(f"coalesce(rows_{side}.{identifier(name)}::VARCHAR, 'unverified')" for name in scores)
        for side in changes.SIDES
    )
    differs = " OR ".join(
        f"rows_from.{identifier(name)} IS DISTINCT FROM rows_to.{identifier(name)}" for name in scores
    )
    return f"""
        SELECT {_key(both)} AS id, concat(concat_ws(', ', {old}), ' -> ', concat_ws(', ', {new})) AS why
        FROM (FROM changes WHERE diff_type = 'modified' AND {group}_changed) AS changes
        JOIN rows_from ON {both.joined("from")}
        JOIN rows_to ON {both.joined("to")}
        WHERE {differs}
    """


def _moved(both: Pair) -> str:
    """SQL of the rows of both sides that stand in another split: id, old and new split."""
    return (
        f"SELECT {_key(both)} AS id, from_split || ' -> ' || to_split AS why FROM changes WHERE from_split <> to_split"
    )


def _lost_columns(both: Pair) -> list[str]:
    """Columns of the older side that the newer lacks or has with another type."""
    old, new = ({name: str(kind) for name, kind in side.columns.items()} for side in both.sides)
    return [f"{name} ({kind} -> {new.get(name, 'none')})" for name, kind in old.items() if new.get(name) != kind]


def _named(finding: Finding, both: Pair) -> Finding:
    """A failed finding with the first rows that broke it, and how many there are."""
    if finding.column == "lost_columns":
        lost = _lost_columns(both)
        return replace(finding, rows=len(both.sides[0].columns), failed_rows=len(lost), examples=tuple(lost[:EXAMPLES]))
    rows = {
        "unexplained_share": _unexplained,
        "changed_verdict_share": _rescored,
        "moved_split_share": _moved,
    }[finding.column](both)
    found = both.con.execute(f"SELECT id, why, count(*) OVER () FROM ({rows}) ORDER BY ALL LIMIT {EXAMPLES}").fetchall()
    examples = tuple(f"{name} ({why})" for name, why, _ in found)
    return replace(finding, rows=changes.count_rows(both, "from"), failed_rows=found[0][2], examples=examples)

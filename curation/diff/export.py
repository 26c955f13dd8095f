"""A diff for programs: JSON with the figures and the rows shown or all, Parquet with all rows that differ.

Parquet has Dolt's columns: `diff_type` (added, removed, modified), `from_<column>` and `to_<column>`; of releases
`from_@config`, `from_@split` and so on; then `changed_columns` and `reason`. Rows stream.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from curation.diff import rows
from curation.diff.changes import SIDES, Pair
from curation.diff.compare import Diff
from curation.diff.rows import Row


def write_json(diff: Diff, samples: Iterable[Row], file: TextIO) -> None:
    """Write one object: the figures, then `samples` with a row a line."""
    before, after = diff.rows
    told = {
        "from": diff.from_name,
        "to": diff.to_name,
        "different": diff.different,
        "key": diff.key,
        "rows": {"from": before, "to": after},
        "added": diff.added,
        "removed": diff.removed,
        "modified": diff.modified,
        "columns": diff.columns,
        "schema": [dict(zip(("column", *SIDES), change, strict=True)) for change in diff.schema],
        "moves": [dict(zip((*SIDES, "rows"), move, strict=True)) for move in diff.moves],
        "reasons": [dict(zip(("reason", "rows"), reason, strict=True)) for reason in diff.reasons],
        "drift": [asdict(one) for one in diff.drift],
    }
    file.write(json.dumps(told, ensure_ascii=False, indent=2).removesuffix("\n}") + ',\n  "samples": [')
    between = "\n    "
    for row in samples:
        file.write(between + json.dumps(row, ensure_ascii=False))
        between = ",\n    "
    file.write("\n  ]\n}\n")


def write_parquet(both: Pair, path: Path) -> None:
    """Write all rows that differ, ordered by their key."""
    rows.values(both).write_parquet(str(path), compression="zstd")

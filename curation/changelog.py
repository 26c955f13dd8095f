"""CHANGELOG.md of a dataset: what each frozen version brought, from the diff to the one before it.

The newest version comes first; entries of older versions are kept as they are. No date stands in it: two clean runs
write the same text.
"""

from collections.abc import Iterator
from pathlib import Path

from curation import render
from curation.diff.compare import Diff
from curation.diff.report import DRIFT_HEADER, drift_rows, headline
from curation.versions import Manifest, Proposal

CHANGELOG = "CHANGELOG.md"
SHARE = "share of "
"""Figures of single values, which `curate diff` has; a changelog tells the distance of the whole column."""


def title(dataset: str) -> str:
    """The first line of a dataset's changelog."""
    return f"# Changelog of {dataset}\n"


def entry(version: str, proposal: Proposal, manifest: Manifest, diff: Diff | None) -> str:
    """One version's section.

    Args:
        version: The version that was chosen.
        proposal: The one that the diff proposes, with its reason.
        manifest: Manifest of the release.
        diff: Differences to the version before; None of a first version, or where rows cannot be compared.
    """
    parts = [f"## {version}", _kind(proposal)]
    if diff is None:
        parts.append("\n".join(_inventory(manifest)))
    else:
        parts.append("\n".join(f"- {label}: {told}" for label, told in headline(diff) if label != "diff"))
        if figures := [row for row in drift_rows(diff) if not row[1].startswith(SHARE)]:
            parts.append(render.markdown(DRIFT_HEADER, figures))
    return "\n\n".join(parts) + "\n"


def with_entry(before: Path | None, dataset: str, text: str) -> str:
    """The changelog with a new entry on top of the entries that the version before has."""
    older = ""
    if before is not None and before.exists():
        told = before.read_text(encoding="utf-8")
        start = told.find("\n## ")
        older = told[start:] if start >= 0 else ""
    return f"{title(dataset)}\n{text}{older}"


def _kind(proposal: Proposal) -> str:
    if proposal.previous is None:
        return "The first version."
    kind = f"{proposal.bump} change" if proposal.bump else "No change"
    return f"{kind.capitalize()} since {proposal.previous}: {proposal.because}."


def _inventory(manifest: Manifest) -> Iterator[str]:
    """Rows of each split, where there is nothing to compare with."""
    rows: dict[tuple[str, str], int] = {}
    for file in manifest["files"]:
        place = (file["config"], file["split"])
        rows[place] = rows.get(place, 0) + file["rows"]
    for (config, split), number in sorted(rows.items()):
        yield f"- {config} {split}: {number:,} rows"

"""What may not be published: a release whose validation did not hold, whose licence forbids it, or that is empty."""

import json
from collections.abc import Mapping
from typing import Any

from curation.errors import DataError
from curation.params import Params
from curation.places import DATA
from curation.versions import Manifest


def check_publishable(dataset: str, manifest: Manifest, params: Params) -> None:
    """Refuse a release that must not be seen.

    Raises:
        DataError: It is one of the three.
    """
    _check_validated(dataset)
    _check_licences(dataset, manifest, params.publish.licences_refused)
    rows = sum(file["rows"] for file in manifest["files"] if file["config"] != "drops")
    if not rows and not params.datasets[dataset].allow_empty:
        raise DataError(
            f"publish: {dataset} has no rows. Look at curate funnel; set datasets.{dataset}.allow_empty: true "
            f"if that is what you want"
        )


def _check_validated(dataset: str) -> None:
    path = DATA / "validate" / f"{dataset}.json"
    if not path.exists():
        raise DataError(f"publish: {path} is missing: {dataset} was not validated. Run: dvc repro validate")
    findings: list[Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    failed = [str(one.get("description", one.get("suite"))) for one in findings if not one["success"]]
    if failed:
        raise DataError(
            f"publish: the validation of {dataset} failed: {'; '.join(failed[:5])}. Mend what it says: dvc repro validate"
        )


def _check_licences(dataset: str, manifest: Manifest, refused: list[str]) -> None:
    """Refuse where the licence of any source is one that forbids it; a source without a licence is `unknown`."""
    forbidden = {name.casefold() for name in refused}
    held = [(source["name"], str(source["licence"] or "unknown")) for source in manifest["sources"]]
    bad = sorted(f"{name} ({licence})" for name, licence in held if licence.casefold() in forbidden)
    if bad:
        raise DataError(
            f"publish: the licence forbids to publish {dataset}: {', '.join(bad)} is in publish.licences_refused. "
            f"Leave the source out of ingest.sources, or out of the recipe"
        )

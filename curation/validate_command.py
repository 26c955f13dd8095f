"""What `curate validate` does: judge selections and the changes of releases, show the findings, say whether all hold."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from curation import params as params_module
from curation import tables, versions
from curation.disk import disk_errors_told
from curation.errors import DataError, ParamsError
from curation.expectations import Finding, Judge
from curation.freeze import frozen_versions
from curation.params import Params
from curation.places import DATA, MANIFEST
from curation.progress import say
from curation.render import nearest, table, width
from curation.validate import judge_selections
from curation.validate_changes import check_diff


@dataclass(frozen=True)
class Options:
    """What is judged and how it is shown."""

    against: str | None = None
    """Frozen version that a release is compared with; None: the latest."""
    docs: bool = False
    """Whether the Data Docs are written."""
    output_format: Literal["table", "json"] = "table"


def validate(datasets: Sequence[str], options: Options) -> bool:
    """Judge some datasets, or all of params, and print what was found; returns whether all expectations hold.

    Raises:
        ParamsError: A dataset is not in params.
        DataError: A stage before validate has not run, or the version to compare with is not there.
    """
    params = params_module.load()
    names = list(datasets or params.datasets)
    for name in names:
        if name not in params.datasets:
            raise ParamsError(f"validate: no dataset {name!r}; {nearest(name, list(params.datasets))}")
    pairs = [(name, _before(name, options.against, params.publish.datasets.get(name))) for name in names]
    findings = _findings(params, pairs)
    print(_told(findings, options.output_format))
    if options.docs:
        from curation.expectations_docs import write_docs

        say(f"validate: Data Docs are in {write_docs(findings)}")
    return all(one.success for one in findings)


def _before(dataset: str, against: str | None, version: str | None) -> str | None:
    """The frozen version to compare the release with, as the diff names it; None where either is missing.

    It is the latest; where params give the release a version of its own, the latest below that.
    """
    known = frozen_versions(dataset)
    if against is not None and against.removeprefix("v") not in known:
        raise DataError(
            f"validate: no version {against!r} of {dataset} in {DATA / 'releases'}; {nearest(against, known)}"
        )
    before = against or (versions.latest_before(version, known) if version else next(reversed(known), None))
    released = (DATA / "release" / dataset / MANIFEST).exists()
    if before is None or not released:
        lacking = "no frozen version before it" if released else "no release"
        say(f"validate: {dataset}: {lacking}: the suite changes does not apply")
        return None
    return f"{dataset}@{before.removeprefix('v')}"


def _findings(params: Params, pairs: Sequence[tuple[str, str | None]]) -> list[Finding]:
    """Everything that was found, dataset by dataset."""
    judge = Judge()
    with tempfile.TemporaryDirectory(prefix="curate-validate-") as spill, disk_errors_told("validate"):
        con = tables.connect(memory_gb=params.resources.memory_gb, processes=params.resources.processes)
        con.execute(f"SET temp_directory = '{spill}'")
        selected = judge_selections(con, params, [name for name, _ in pairs], judge=judge)
        con.close()
    changed = [one for name, old in pairs for one in check_diff(name, old, name, params, judge=judge).findings]
    return [one for name, _ in pairs for one in (*selected, *changed) if one.dataset == name]


def _told(findings: Sequence[Finding], output_format: Literal["table", "json"]) -> str:
    if output_format == "json":
        return "\n".join(json.dumps({"outcome": one.outcome, **asdict(one)}, ensure_ascii=False) for one in findings)
    columns = ("dataset", "suite", "outcome", "failed", "rows", "figure", "expectation")
    rows = [
        (one.dataset, one.suite, one.outcome, one.failed_rows, one.rows, _shown(one.figure), one.description)
        for one in findings
    ]
    failed = [f"error: validate: {one.sentence}" for one in findings if not one.success]
    counts = {
        outcome: sum(one.outcome == outcome for one in findings) for outcome in ("holds", "not applicable", "failed")
    }
    told = ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
    return "\n".join([table(columns, rows, max_columns=width()), "", *failed, f"{len(findings)} expectations: {told}"])


def _shown(figure: float | None) -> str:
    return "" if figure is None else f"{figure:g}"

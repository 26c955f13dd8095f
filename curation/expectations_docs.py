"""Data Docs: the findings of a validation as the static site that Great Expectations itself renders.

In: findings, from one frame or joined from several. Out: `.curate/data_docs/index.html` with a page per dataset and
suite, and a page per suite with what it expects. The pages tell the time of the run, so they are no output of a
stage. Fonts and styles come from public addresses; without internet the pages are plain, and whole.
"""

import datetime as dt
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation import places
from curation.expectations import SUITES, Finding, context

SITE = "validate"


def write_docs(findings: Sequence[Finding]) -> Path:
    """Render the findings, in place of those of the run before; returns the path of the first page."""
    target = places.data_docs()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".data_docs.") as folder:
        built = Path(folder) / "site"
        store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(built)}
        index = {"class_name": "DefaultSiteIndexBuilder", "show_cta_footer": False}
        site = {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index}
        gx_context = context(data_docs_sites={SITE: {**site, "show_how_to_buttons": False}})
        _fill(gx_context, findings)
        gx_context.build_data_docs(site_names=[SITE])
        shutil.rmtree(target, ignore_errors=True)
        built.rename(target)
    return target / "index.html"


def _fill(gx_context: Any, findings: Sequence[Finding]) -> None:
    """Give the context the suites and the results of every dataset."""
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types import resource_identifiers as identifiers

    now = dt.datetime.now(tz=dt.UTC)
    for suite in dict.fromkeys(one.suite for one in findings):
        written = json.loads((SUITES / f"{suite}.json").read_text(encoding="utf-8"))
        gx_context.suites.add(gx.ExpectationSuite(**written))
        for dataset in dict.fromkeys(one.dataset for one in findings if one.suite == suite):
            run = RunIdentifier(run_name=dataset, run_time=now)
            key = identifiers.ValidationResultIdentifier(
                identifiers.ExpectationSuiteIdentifier(suite), run_id=run, batch_identifier=dataset
            )
            own = [one for one in findings if (one.suite, one.dataset) == (suite, dataset)]
            gx_context.validation_results_store.set(key, _suite_result(own, run))


def _suite_result(findings: Sequence[Finding], run: Any) -> Any:
    """The findings of one suite and dataset as the library's result."""
    import great_expectations as gx
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

    held = sum(one.success for one in findings)
    return ExpectationSuiteValidationResult(
        success=held == len(findings),
        results=[_result(one) for one in findings],
        suite_name=findings[0].suite,
        statistics={
            "evaluated_expectations": len(findings),
            "successful_expectations": held,
            "unsuccessful_expectations": len(findings) - held,
            "success_percent": 100 * held / len(findings),
        },
        meta={
            "run_id": run,
            "great_expectations_version": gx.__version__,
            "batch_spec": {"data_asset_name": findings[0].dataset},
        },
    )


def _result(finding: Finding) -> Any:
    """One finding as the library's result."""
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    failed_percent = 100 * finding.failed_rows / finding.judged_rows if finding.judged_rows else 0.0
    observed = finding.figure if finding.judged_rows else finding.outcome
    result = {
        "element_count": finding.rows,
        "missing_count": finding.rows - finding.judged_rows,
        "unexpected_count": finding.failed_rows,
        "unexpected_percent": failed_percent,
        "partial_unexpected_list": list(finding.examples),
        **({} if observed is None else {"observed_value": observed}),
    }
    return ExpectationValidationResult(
        success=finding.success,
        expectation_config=ExpectationConfiguration(
            type=finding.type,
            kwargs={"column": finding.column, **finding.wanted},
            id=finding.id,
            description=finding.description,
        ),
        result=result,
        exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
    )

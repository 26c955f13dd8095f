"""Great Expectations, kept small: a suite in JSON judges a frame of scalars.

Suites stand in schemas/expectations and are what Great Expectations itself writes and reads, with
ids that follow from suite, type and column: they diff well. A kwarg of the form
{"$PARAMETER": name} takes its value when it is judged. The library takes 5 s to import, sends
nothing out and stores nothing here.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

import schemas
from curation.errors import DataError

SUITES = Path(schemas.__file__).parent / "expectations"
EXAMPLES = 5
"""Failing rows that a finding names."""


@dataclass(frozen=True)
class Finding:
    """What one expectation found in a dataset."""

    dataset: str
    suite: str
    id: str
    """Id of the expectation in its suite."""
    type: str
    """Its name in Great Expectations."""
    column: str
    wanted: Mapping[str, Any]
    """Its other kwargs, parameters filled in."""
    description: str
    success: bool
    rows: int
    """Rows looked at."""
    judged_rows: int
    """Of them, those with a value; the expectation does not apply to the others."""
    failed_rows: int
    examples: tuple[str, ...]
    """The first failing rows: id and value."""
    figure: float | None = None
    """The value, where a frame of figures was judged."""

    @property
    def outcome(self) -> str:
        """failed, holds, or not applicable where no row has a value."""
        if not self.success:
            return "failed"
        return "holds" if self.judged_rows else "not applicable"

    @property
    def sentence(self) -> str:
        """The finding for a reader."""
        first = f"; first: {', '.join(self.examples)}" if self.examples else ""
        return (
            f"{self.dataset}: {self.description} {self.failed_rows:,} of {self.rows:,} rows do not "
            f"({self.type} on {self.column}, wanted {dict(self.wanted)}){first}"
        )


def context(**config: Any) -> Any:
    """A context of the library that stores nothing and sends nothing out.

    Args:
        config: Further fields of its configuration.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types import base

    project_config = base.DataContextConfig(
        store_backend_defaults=base.InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars=base.ProgressBarsConfig(globally=False, metric_calculations=False),
        **config,
    )
    return gx.get_context(mode="ephemeral", project_config=project_config)


def added(before: Finding | None, found: Finding) -> Finding:
    """Join the findings of one expectation on two frames; a share `mostly` is that of both together."""
    if before is None:
        return found
    judged, failed = before.judged_rows + found.judged_rows, before.failed_rows + found.failed_rows
    mostly = found.wanted.get("mostly", 1)
    return replace(
        found,
        success=before.success and found.success if mostly == 1 else judged - failed >= mostly * judged,
        rows=before.rows + found.rows,
        judged_rows=judged,
        failed_rows=failed,
        examples=(*before.examples, *found.examples)[:EXAMPLES],
    )


class Judge:
    """Great Expectations with a context of its own; made once, as importing it is slow."""

    def __init__(self) -> None:
        asset = context().data_sources.add_pandas("frames").add_dataframe_asset("frame")
        self._batches = asset.add_batch_definition_whole_dataframe("whole")

    def judge(
        self, frame: pa.Table, suite: Path, *, dataset: str, id_column: str, parameters: Mapping[str, Any]
    ) -> list[Finding]:
        """Hold a frame against a suite.

        Args:
            frame: Scalars only; held in memory as pandas.
            suite: A file in `SUITES`.
            dataset: Whose rows they are.
            id_column: Column that names a failing row.
            parameters: Values for the suite's {"$PARAMETER": name}.

        Raises:
            DataError: An expectation cannot be evaluated on this frame.
        """
        import great_expectations as gx

        written = json.loads(suite.read_text(encoding="utf-8"))
        batch = self._batches.get_batch(batch_parameters={"dataframe": frame.to_pandas(types_mapper=_nullable)})
        result = batch.validate(
            gx.ExpectationSuite(**written),
            expectation_parameters=dict(parameters),
            result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [id_column]},
        )
        judged = {one.expectation_config.id: one for one in result.results}
        return [
            _finding(judged[expectation["id"]], dataset=dataset, suite=suite, id_column=id_column, rows=frame.num_rows)
            for expectation in written["expectations"]
        ]

    def judge_figures(
        self, figures: pa.Table, suite: str, *, dataset: str, parameters: Mapping[str, Any]
    ) -> list[Finding]:
        """Hold the one row of figures of a dataset against the suite of that name; a figure that is null does not apply.

        Raises:
            DataError: As `judge`.
        """
        named = figures.append_column("dataset", pa.array([dataset]))
        (row,) = figures.to_pylist()
        found = self.judge(named, SUITES / f"{suite}.json", dataset=dataset, id_column="dataset", parameters=parameters)
        return [replace(one, figure=row[one.column]) for one in found]


def _nullable(arrow_type: pa.DataType) -> Any:
    """Keep booleans and integers what they are where some are null."""
    import pandas as pd

    return {pa.bool_(): pd.BooleanDtype(), pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}.get(arrow_type)


def _finding(result: Any, *, dataset: str, suite: Path, id_column: str, rows: int) -> Finding:
    """One of the library's results as a finding."""
    config = result.expectation_config
    kwargs = {name: value for name, value in config.kwargs.items() if name != "batch_id"}
    column = str(kwargs.pop("column", ""))
    if result.exception_info.get("raised_exception") is not False:
        message = next(_messages(result.exception_info), "no message")
        raise DataError(f"validate: {suite}: {config.type} on {column} cannot be judged for {dataset}: {message}")
    unexpected = result.result.get("unexpected_index_list") or []
    examples = [f"{_shown(one[id_column])} ({_shown(one.get(column))})" for one in unexpected[:EXAMPLES]]
    return Finding(
        dataset=dataset,
        suite=suite.stem,
        id=config.id,
        type=config.type,
        column=column,
        wanted=kwargs,
        description=config.description or "",
        success=bool(result.success),
        rows=rows,
        judged_rows=rows - int(result.result.get("missing_count") or 0),
        failed_rows=int(result.result.get("unexpected_count") or 0),
        examples=tuple(examples),
    )


def _shown(value: Any) -> str:
    """A value for a reader; pandas has several nulls."""
    import pandas as pd

    return "null" if pd.isna(value) else str(value)


def _messages(info: Mapping[str, Any]) -> Any:
    """The messages in the library's account of an exception, which nests by metric."""
    for name, value in info.items():
        if isinstance(value, Mapping):
            yield from _messages(value)
        elif name == "exception_message" and value:
            yield str(value)

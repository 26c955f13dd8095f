"""The records of a source, whatever its kind, and what its params must say first."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

from curation.adapters.files import find_files, fixed_folder, read_file
from curation.adapters.record import Record
from curation.errors import DataError, ParamsError
from curation.params import Source
from curation.sources import arithmetic, champ, reasoning_gym, sums

_NEEDED = {"file": "path", "hub": "repo", "generator": "generator"}


def check_source(source: Source) -> None:
    """Refuse a source that cannot be opened, or whose params cannot make a prompt.

    Raises:
        DataError: A file is not there or has an unknown suffix.
        ParamsError: It lacks what its kind needs, a prompt or a category, or its
            `reference_pattern` is of no use.
    """
    columns, needed = source.columns, _NEEDED[source.kind]
    if getattr(source, needed) is None:
        raise ParamsError(_told(source, f"is of kind {source.kind} and names no {needed}"))
    if columns.prompt is None and columns.messages is None:
        raise ParamsError(_told(source, "names neither columns.prompt nor columns.messages"))
    if source.category is None and columns.category is None:
        raise ParamsError(
            _told(source, "has no category: give category, or the column that says it as columns.category")
        )
    if source.reference_pattern is not None:
        _check_pattern(source, source.reference_pattern)
    if source.kind == "file" and source.path is not None:
        find_files(source.path, _where(source))


def _check_pattern(source: Source, pattern: str) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ParamsError(
            _told(source, f"has a reference_pattern that is no regular expression ({error}): {pattern}")
        ) from error
    if groups == 0:
        raise ParamsError(_told(source, f"has a reference_pattern without a group for the reference: {pattern}"))
    if source.columns.reference is None:
        raise ParamsError(_told(source, "has a reference_pattern and no columns.reference to use it on"))


def mapped_columns(source: Source) -> dict[str, str]:
    """The source's columns that params name, by our field."""
    named = {field.name: getattr(source.columns, field.name) for field in fields(source.columns)}
    return {ours: theirs for ours, theirs in named.items() if theirs is not None}


def local_paths(source: Source) -> list[str]:
    """What the source reads from this machine's disk: files, or the folder before a pattern's wildcard."""
    if source.kind == "file" and source.path is not None:
        return [fixed_folder(source.path)]
    if source.kind == "hub" and source.repo is not None and Path(source.repo).exists():
        return [source.repo]
    return []


def size(source: Source) -> int | None:
    """How much there is to read: bytes of files, records where `limit` says so; None where unknown."""
    if source.kind == "file" and source.path is not None:
        return sum(path.stat().st_size for path in find_files(source.path, _where(source)))
    return source.limit


def open_source(source: Source) -> Iterator[Record]:
    """The source's first `limit` records, in its order.

    Raises:
        DataError: A file or dataset is missing or corrupt.
        ParamsError: A generator does not know an option.
    """
    readers = {"file": _read_files, "hub": _read_hub, "generator": _generate}
    return islice(readers[source.kind](source), source.limit)


def _read_files(source: Source) -> Iterator[Record]:
    assert source.path is not None
    before = 0
    for path in find_files(source.path, _where(source)):
        for record in read_file(path, _where(source), columns=_roots(source)):
            yield replace(record, done=before + record.done)
        before += path.stat().st_size


def _read_hub(source: Source) -> Iterator[Record]:
    """Stream a dataset; nothing is downloaded beyond what is read."""
    import datasets

    kind = f"the dataset {source.repo} (config {source.config}, split {source.split}, revision {source.revision})"
    try:
        stream = datasets.load_dataset(
            source.repo, name=source.config, revision=source.revision, split=source.split, streaming=True
        )
        if set(_roots(source)) <= set(stream.column_names or ()):
            stream = stream.select_columns(_roots(source))
        for number, value in enumerate(stream, start=1):
            yield Record(f"{source.repo}:{source.split}:{number}", value, done=number)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{_where(source)}: {kind} cannot be read: {told}. Check its name, the network and your login."
        ) from error


def _generate(source: Source) -> Iterator[Record]:
    assert source.generator is not None
    makers: dict[str, Callable[..., Iterator[dict[str, Any]]]] = {
        "arithmetic": arithmetic.records,
        "champ": champ.records,
        "reasoning_gym": reasoning_gym.records,
        "sums": sums.records,
    }
    maker = makers[source.generator]
    try:
        inspect.signature(maker).bind(**source.options)
    except TypeError as error:
        raise ParamsError(_told(source, f"has wrong options for {source.generator}: {error}")) from error
    for number, value in enumerate(maker(**source.options), start=1):
        yield Record(f"{source.generator}:{number}", value, done=number)


def _roots(source: Source) -> list[str]:
    """The top-level columns that are read."""
    return sorted({column.split(".")[0] for column in mapped_columns(source).values()})


def _where(source: Source) -> str:
    return f"ingest: source {source.name!r}"


def _told(source: Source, what: str) -> str:
    return f"{_where(source)} {what}. Correct ingest.sources in params.yaml."

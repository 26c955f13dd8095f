"""What a new source or benchmark file holds: its columns, and which of them are ours by their names.

Only the first record is looked at. What is guessed is told, so that a user can correct it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from curation import render
from curation.adapters.fields import reach, read_fields
from curation.adapters.files import find_files, read_file
from curation.adapters.read import check_source
from curation.adapters.record import BadRecordError
from curation.errors import DataError, ParamsError
from curation.params import CATEGORIES, Benchmark, Category, Columns, Source

# Names under which public datasets keep our fields, the likeliest first.
KNOWN = {
    "messages": ("messages", "conversations", "conversation"),
    "prompt": ("prompt", "question", "problem", "instruction", "query", "input"),
    "reference": (
        "reference",
        "answer",
        "final_answer",
        "expected_answer",
        "ground_truth",
        "reference_answer",
        "solution",
    ),
    "tests": ("tests", "test_case", "test_cases"),
    "constraints": ("constraints", "instruction_constrain"),
    "id": ("id", "uuid", "task_id"),
    "category": ("category",),
}
GSM8K_REFERENCE = "#### (.+)$"
T = TypeVar("T", Source, Benchmark)
FIELDS = tuple(field.name for field in fields(Columns))


@dataclass(frozen=True)
class SourceWish:
    """A source as a user names it; what is None is guessed."""

    path: str
    columns: str | None = None
    """Pairs as in prompt=question,reference=answer."""
    reference_pattern: str | None = None
    category: Category | None = None
    licence: str | None = None


@dataclass(frozen=True)
class BenchmarkWish:
    """A benchmark as a user names it; what is None is guessed."""

    path: str
    question: str | None = None
    id: str | None = None


@dataclass(frozen=True)
class Guess(Generic[T]):
    """A source or a benchmark made whole."""

    made: T
    notes: list[str]
    """What the user should know of it, a sentence each."""


def guess_source(wish: SourceWish, *, priority: int) -> Guess[Source]:
    """Make a source of what a user named and of the first record of its file.

    Raises:
        DataError: The file is missing, empty, cannot be read, or its first record makes no prompt.
        ParamsError: A column is named that the file does not have.
    """
    record = _first_record(wish.path)
    notes = [f"{wish.path} has the columns {', '.join(record)}"]
    named = _parsed(wish.columns, wish.path, record) if wish.columns else {}
    guessed = {} if named else _guessed(record)
    # What a user says of the category goes before a column of that name.
    if wish.category:
        guessed.pop("category", None)
    columns = Columns(**(named or guessed))
    if guessed:
        notes.append(f"guessed: {', '.join(f'{ours}={theirs}' for ours, theirs in guessed.items())} (else --columns)")
    source = Source(
        name=name_of(wish.path),
        kind="file",
        path=wish.path,
        licence=wish.licence or "unknown",
        priority=priority,
        category=wish.category,
        columns=columns,
        reference_pattern=wish.reference_pattern,
    )
    return _checked(source, record, notes)


def guess_benchmark(wish: BenchmarkWish) -> Guess[Benchmark]:
    """Make a benchmark of what a user named and of the first record of its file.

    Raises:
        DataError: The file is missing, empty or cannot be read.
        ParamsError: The column of the question is not there, or none is named and none known.
    """
    record = _first_record(wish.path)
    guessed = _guessed(record)
    question = wish.question or guessed.get("prompt")
    if question is None:
        raise ParamsError(
            f"init: which column of {wish.path} holds the question? Say --question with one of: {', '.join(record)}"
        )
    own_id = wish.id or guessed.get("id")
    for column in filter(None, (question, own_id)):
        _must_have(record, column, wish.path)
    notes = (
        []
        if wish.question
        else [f"{wish.path}: guessed that the column {question!r} holds the question (else --question)"]
    )
    return Guess(Benchmark(name=name_of(wish.path), path=wish.path, question=question, id=own_id), notes)


def name_of(path: str) -> str:
    """A name for params, from a file's name.

    Example:
        >>> name_of("../Data/GSM8K_train.jsonl.gz"), name_of("*.csv")
        ('gsm8k-train', 'source')
    """
    stem = Path(path).name.partition(".")[0]
    return "-".join(re.findall(r"[a-z0-9]+", stem.lower())) or "source"


def _checked(source: Source, record: Mapping[str, Any], notes: list[str]) -> Guess[Source]:
    """Complete a source by what its first record shows, and try that record."""
    columns, reference = source.columns, _value(record, source.columns.reference)
    if columns.prompt is None and columns.messages is None:
        raise ParamsError(
            f"init: which column of {source.path} holds the prompt? Say --columns prompt=NAME with one of: {', '.join(record)}"
        )
    if source.reference_pattern is None and isinstance(reference, str) and re.search(GSM8K_REFERENCE, reference):
        source = replace(source, reference_pattern=GSM8K_REFERENCE)
        notes.append(f"guessed: the reference stands after ####, --reference-pattern {GSM8K_REFERENCE!r}")
    if source.category is None and columns.category is None:
        source = replace(source, category=_category(columns))
        notes.append(f"guessed: all prompts are {source.category} (else --category, or category=NAME in --columns)")
    check_source(source)
    try:
        mapped = read_fields(record, source)
    except BadRecordError as error:
        raise DataError(f"init: the first record of {source.path} makes no prompt: {error.detail}") from error
    if mapped.reference is not None:
        notes.append(f"the first record's reference is {render.shorten(render.cell(mapped.reference), 60)!r}")
    elif source.category in ("math", "science"):
        notes.append(f"the first record has no reference: its {source.category} answers cannot be verified")
    return Guess(source, notes)


def _category(columns: Columns) -> Category:
    if columns.tests is not None:
        return "code"
    if columns.constraints is not None:
        return "instruction"
    return "math" if columns.reference is not None else "chat"


def _first_record(path: str) -> Mapping[str, Any]:
    files = find_files(path, "init")
    record = next(read_file(files[0], "init"), None)
    if record is None:
        raise DataError(f"init: {files[0]} has no records")
    if record.value is None:
        raise DataError(f"init: {record.place} cannot be read: {record.problem}")
    return record.value


def _parsed(pairs: str, path: str, record: Mapping[str, Any]) -> dict[str, str]:
    """The pairs of --columns, checked on both sides."""
    columns = {}
    for pair in pairs.split(","):
        ours, equals, theirs = (part.strip() for part in pair.partition("="))
        if not equals or not theirs:
            raise ParamsError(f"init: --columns has {pair!r}; wanted pairs as in prompt=question,reference=answer")
        if ours not in FIELDS:
            raise ParamsError(
                f"init: --columns names {ours!r}, which is none of our fields; {render.nearest(ours, FIELDS)}"
            )
        _must_have(record, theirs, path)
        columns[ours] = theirs
    return columns


def _must_have(record: Mapping[str, Any], column: str, path: str) -> None:
    if not reach(record, column)[0]:
        raise ParamsError(f"init: {path} has no column {column!r}; it has: {', '.join(record)}")


def _guessed(record: Mapping[str, Any]) -> dict[str, str]:
    """Our fields that a record has under a known name; a prompt is text and messages are a list."""
    kinds: dict[str, type | tuple[type, ...]] = {"messages": list, "prompt": str}
    found = {}
    for ours, names in KNOWN.items():
        there = [name for name in names if record.get(name) is not None]
        fitting = [name for name in there if isinstance(record[name], kinds.get(ours, object))]
        if ours == "category":
            fitting = [name for name in fitting if record[name] in CATEGORIES]
        if fitting and not (ours == "prompt" and "messages" in found):
            found[ours] = fitting[0]
    return found


def _value(record: Mapping[str, Any], column: str | None) -> Any:
    return None if column is None else reach(record, column)[1]

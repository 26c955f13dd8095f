"""Single values of a record: text, numbers written out, JSON inside text, tests and constraints."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from curation.adapters.record import BadRecordError

_TEST_KEYS = {
    "assert": ("fn_name", "assert_case"),
    "std": ("inputs", "outputs"),
    "call": ("fn_name", "inputs", "outputs"),
}


def bad(column: str | None, wanted: str, value: Any, *, reason: str = "bad_record") -> BadRecordError:
    """The error for a value: its column, what was wanted, and the first characters of what came."""
    came = "null" if value is None else f"{type(value).__name__} {repr(value)[:80]}"
    return BadRecordError(reason, f"column {column!r}: wanted {wanted}, came {came}")


def null_if_empty(value: Any) -> Any:
    """Null for a text of white space and for NaN, as which columnar tools write a missing number."""
    if isinstance(value, float) and math.isnan(value):
        return None
    return None if isinstance(value, str) and not value.strip() else value


def as_text(value: Any, column: str | None) -> str:
    """A value that must be text which can be written as UTF-8."""
    if not isinstance(value, str):
        raise bad(column, "text", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise bad(column, "text in UTF-8", value) from error
    return value


def as_scalar(value: Any, column: str | None) -> str | None:
    """Text, or a number written out; null stays null."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None if value is None else as_text(value, column)


def as_json(value: Any, column: str | None, wanted: str) -> Any:
    """A list or struct, which may come as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise bad(column, wanted, value) from error


def as_tests(value: Any, column: str | None) -> str | None:
    """Tests in one of the three shapes of docs/stages/ingest.md, as JSON.

    A list of assert statements (MBPP, AceCode), and inputs with outputs that name neither a call
    type nor a function (APPS, CodeContests), are taken for what they are. Keys that a shape does
    not have are left out, as columnar files add them.
    """
    wanted = "tests with call_type assert, std or call"
    given = as_json(value, column, wanted)
    if given is None:
        return None
    if _is_list(given):
        given = {"call_type": "assert", "assert_case": given}
    if not isinstance(given, Mapping):
        raise bad(column, wanted, value)
    call_type = given.get("call_type") or (None if given.get("fn_name") else "std")
    shape = {"call_type": call_type, **{name: given.get(name) for name in _TEST_KEYS.get(str(call_type), ())}}
    if not _is_test(shape):
        raise bad(column, wanted, value)
    return as_text(json.dumps(shape, ensure_ascii=False), column)


def _is_test(shape: Mapping[str, Any]) -> bool:
    if shape["call_type"] == "assert":
        return _is_texts(shape["assert_case"])
    inputs, outputs = shape.get("inputs"), shape.get("outputs")
    if not _is_list(inputs) or not _is_list(outputs) or len(inputs) != len(outputs):
        return False
    if shape["call_type"] == "std":
        return _is_texts(inputs) and _is_texts(outputs)
    return isinstance(shape["fn_name"], str) and all(_is_list(arguments) for arguments in inputs)


def as_constraints(value: Any, column: str | None) -> str | None:
    """IFEval's constraints as JSON; keys of kwargs whose value is null are left out, as columnar files add them."""
    wanted = "instruction_id_list and as many kwargs"
    given = as_json(value, column, wanted)
    if given is None:
        return None
    told = given if isinstance(given, Mapping) else {}
    ids, kwargs = told.get("instruction_id_list"), told.get("kwargs")
    if not _is_texts(ids) or not _is_list(kwargs) or len(ids) != len(kwargs):
        raise bad(column, wanted, value)
    if not all(one is None or isinstance(one, Mapping) for one in kwargs):
        raise bad(column, wanted, value)
    cleaned = [{name: kept for name, kept in (one or {}).items() if kept is not None} for one in kwargs]
    return as_text(json.dumps({"instruction_id_list": ids, "kwargs": cleaned}, ensure_ascii=False), column)


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    """A list that holds something."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) > 0


def _is_texts(value: Any) -> TypeGuard[Sequence[str]]:
    return _is_list(value) and all(isinstance(one, str) for one in value)

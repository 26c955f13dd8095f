"""Values as plain data in JSON, so that a program's process and its tests' share no objects.

None, numbers, text, bytes, lists, tuples, sets, dicts and a few classes of the standard library
travel by value; of a subclass of these, its data travels without its overrides, so that no
object with an `==` of its own reaches a comparison. Anything else is left to the caller.

JSON's own types stand for themselves, a list for a list; all else is an object with one key:

    (1, {2: b"x"})   {"tuple": [1, {"dict": [[2, {"bytes": "78"}]]}]}
"""

from __future__ import annotations

import builtins
import importlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

CONTAINERS: dict[str, type[Any]] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
MADE_FROM: dict[tuple[str, str], type[Any]] = {
    ("collections", "deque"): list,
    ("fractions", "Fraction"): str,
    ("decimal", "Decimal"): str,
}
"""Classes of the standard library that travel as what they are made from."""
BIG_INT = 1 << 63
"""Integers beyond it travel in hexadecimal, which has no limit on digits."""


def encode(value: Any, other: Callable[[Any], Any]) -> Any:
    """A value as JSON can carry it; `other` encodes what is no plain data.

    Example:
        >>> encode((1, {2: b"x"}), other=repr)
        {'tuple': [1, {'dict': [[2, {'bytes': '78'}]]}]}
    """
    kind = type(value)
    if value is None or kind is bool:
        return value
    if issubclass(kind, int):
        number = int.__int__(value)
        return number if -BIG_INT < number < BIG_INT else {"int": hex(number)}
    if issubclass(kind, float):
        return float.__float__(value)
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, dict):
        return {"dict": [[encode(key, other), encode(content, other)] for key, content in dict.items(value)]}
    for name, container in CONTAINERS.items():
        if issubclass(kind, container):
            items = [encode(item, other) for item in container.__iter__(value)]
            return items if name == "list" else {name: items}
    return _encode_rare(kind, value, other)


def _encode_rare(kind: type, value: Any, other: Callable[[Any], Any]) -> Any:
    if issubclass(kind, bytes):
        return {"bytes": bytes.hex(value)}
    if kind is complex:
        return {"complex": [value.real, value.imag]}
    if isinstance(value, type) and _builtin_type(value.__name__) is value:
        return {"type": value.__name__}
    key = (kind.__module__, kind.__name__)
    if key in MADE_FROM and getattr(sys.modules[key[0]], key[1]) is kind:
        return {"new": [*key, encode(MADE_FROM[key](value), other)]}
    return other(value)


def decode(data: Any, other: Callable[[str, Any], Any]) -> Any:
    """The value that `encode` made the data from; `other` gets the key and content of what it does not know.

    Example:
        >>> decode({"tuple": [1, {"dict": [[2, {"bytes": "78"}]]}]}, other=print)
        (1, {2: b'x'})
    """
    if isinstance(data, list):
        return [decode(item, other) for item in data]
    if not isinstance(data, dict):
        return data
    ((name, content),) = data.items()
    if name in CONTAINERS:
        return CONTAINERS[name](decode(item, other) for item in content)
    match name:
        case "dict":
            return {decode(key, other): decode(item, other) for key, item in content}
        case "int":
            return int(content, 16)
        case "bytes":
            return bytes.fromhex(content)
        case "complex":
            return complex(*content)
        case "type":
            return _builtin_type(content)
        case "new" if (content[0], content[1]) in MADE_FROM:
            return getattr(importlib.import_module(content[0]), content[1])(decode(content[2], other))
    return other(name, content)


def _builtin_type(name: str) -> type | None:
    value = getattr(builtins, name, None)
    return value if isinstance(value, type) else None


def restore(value: object, after: object) -> None:
    """Give a list, dict or set the content that it got in the other process."""
    if isinstance(value, list) and isinstance(after, list):
        value[:] = after
    elif (isinstance(value, dict) and isinstance(after, dict)) or (isinstance(value, set) and isinstance(after, set)):
        value.clear()
        value.update(after)


def describe(error: BaseException) -> tuple[str, tuple[object, ...]]:
    """Name and arguments of an exception, by the nearest of its classes that is a builtin one.

    The other process has no other class, and what a program's own class makes of it could be
    anything.
    """
    for kind in type(error).__mro__:
        if issubclass(kind, Exception) and _builtin_type(kind.__name__) is kind:
            return kind.__name__, error.args
    return "RuntimeError", (f"{type(error).__name__}: {BaseException.__str__(error)}",)


def rebuild(name: str, args: list[object]) -> Exception:
    """The exception that `describe` told of."""
    kind = _builtin_type(name)
    if kind is None or not issubclass(kind, Exception):
        kind = RuntimeError
    error = kind.__new__(kind, *args)
    error.args = tuple(args)
    return error

"""The tests' side: call a function with arguments, or run asserts in which a program's names are remote.

What comes in are the dataset's tests, which is code of others too: it runs contained, in a
process that the program cannot reach. What goes out is a line of JSON per test: status, text
and error of an `Outcome`.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import json
import sys

from curation.verifiers.sandbox_remote import Peer, Remote, UnsupportedError
from curation.verifiers.sandbox_values import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any


def write_report(descriptor: int, outcomes: Iterable[tuple[str, str, str]]) -> None:
    """Write a line to say that the program is loaded, and one for each outcome as it comes."""
    with open(descriptor, "w") as file:
        print("[]", file=file, flush=True)
        for outcome in outcomes:
            print(json.dumps(outcome), file=file, flush=True)


def calls(peer: Peer, fn_name: str, tests: Iterable[Iterable[object]]) -> Iterator[tuple[str, str, str]]:
    """Call the function with each list of arguments; its value has to be something that JSON can say."""
    for arguments in tests:
        try:
            value = peer.ask("name", None, fn_name)(*arguments)
            yield "ok", json.dumps(value, default=_refuse), ""
        except Exception as error:  # noqa: BLE001  # the program's own exceptions come out here
            yield "error", "", _text(error)


def asserts(peer: Peer, tests: list[str], start: int) -> Iterator[tuple[str, str, str]]:
    """Run each test from `start` on, all in one scope; it holds where it ends without an exception."""
    scope = scope_of(tests, peer)
    for test in tests[start:]:
        peer.last = None
        if any(isinstance(scope.get(name), Remote) for name in _caught(test)):
            yield "unsupported", "", "a test catches an exception class of the program's"
            continue
        try:
            exec(compile(test, "<test>", "exec"), scope)  # noqa: S102  # this process is contained
        except UnsupportedError as error:
            yield "unsupported", "", str(error)
        except BaseException as error:  # noqa: BLE001  # a test that ends in any exception has failed
            yield "error", _shown(peer.last), _text(error)
        else:
            yield "ok", "", ""


def scope_of(tests: Iterable[str], peer: Peer) -> dict[str, Any]:
    """What the tests' free names mean: the program's; a standard library module where one is used like that.

    Builtins stay the tests' own, whatever the program defines, and so does any name that the
    tests bind themselves.
    """
    nodes = [node for test in tests for node in ast.walk(ast.parse(test))]
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)} | set(dir(builtins))
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    bound |= {node.asname or node.name.partition(".")[0] for node in nodes if isinstance(node, ast.alias)}
    free = {node.id for node in names} - bound
    dotted = {node.value.id for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}
    modules = free & dotted & sys.stdlib_module_names
    of_program = (free - modules).intersection(peer.ask("names", None))
    scope = {name: importlib.import_module(name) for name in modules}
    return scope | {name: peer.ask("name", None, name) for name in sorted(of_program)}


def _caught(test: str) -> set[str]:
    handlers = [node.type for node in ast.walk(ast.parse(test)) if isinstance(node, ast.ExceptHandler) and node.type]
    return {node.id for handler in handlers for node in ast.walk(handler) if isinstance(node, ast.Name)}


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _refuse(value: object) -> None:
    kind = "an object of the program's own" if isinstance(value, Remote) else f"a {type(value).__name__}"
    raise TypeError(f"the value is or holds {kind}, which JSON cannot say")


class _Opaque:
    def __repr__(self) -> str:
        return "<object of the program's own>"


def _shown(data: Any) -> str:
    try:
        return repr(decode(data, lambda *_: _Opaque()))
    except (ValueError, RecursionError):  # an integer of more digits than Python prints, a list too deep
        return ""

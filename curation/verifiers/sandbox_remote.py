"""How a program and its tests talk: two processes, two pipes, and nothing but plain data on them.

What the tests call by a name of the program is done in the program's process, and the value
comes back as plain data (`sandbox_values`). So the program never sees what a test expects, and
what the tests compare was built by their own process.

Anything else, such as an instance of the program's own class or a generator, stays where it is;
the tests hold a `Remote` that passes on calls, attributes, length, items and iteration. It takes
no part in comparisons or arithmetic with plain data: only two objects of the program do. The
other way, functions that a test hands over can be called by the program, no more.

A message is a line of JSON: `{"op": ..., "of": ..., "args": [...], "kwargs": {...}}` asks,
`{"value": ...}` or `{"error": [name, args]}` answers; `{"mine": 3}` and `{"yours": 3}` stand for
an object of the sender's and of the receiver's.
"""

# ruff: noqa: SIM115, SLF001  # descriptors are opened, and live as long as the process

from __future__ import annotations

import builtins
import json
import operator
import os

from curation.verifiers.sandbox_values import decode, describe, encode, rebuild, restore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

ON_OBJECT = ("len", "iter", "next", "getitem", "setitem", "delitem", "bool", "str", "repr", "hash")
BETWEEN_OBJECTS = ("eq", "ne", "lt", "le", "gt", "ge", "add", "sub", "mul", "truediv")
CALL_ONLY = {"call": operator.call}
"""What the program may ask of functions that the tests hand over."""


class UnsupportedError(BaseException):
    """A test needs something that cannot travel, no fault of the program's; a test's `except Exception` lets it by."""


class Remote:
    """An object that lives in the other process."""

    def __init__(self, peer: Peer, number: int) -> None:
        object.__setattr__(self, "_peer", peer)
        object.__setattr__(self, "_number", number)

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Call it there."""
        return self._peer.ask("call", self, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Read an attribute there."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self._peer.ask("getattr", self, name)

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute there."""
        self._peer.ask("setattr", self, name, value)

    def __instancecheck__(self, instance: object) -> bool:
        """Whether an object of the program is of this class of the program."""
        return isinstance(instance, Remote) and self._peer.ask("isinstance", instance, self) is True


def _passed_on(name: str) -> Callable[..., Any]:
    def method(self: Remote, *args: object) -> Any:
        return self._peer.ask(name, self, *args)

    return method


def _between(name: str) -> Callable[..., Any]:
    def method(self: Remote, other: object) -> Any:
        return self._peer.ask(name, self, other) if isinstance(other, Remote) else NotImplemented

    return method


for _name in ON_OBJECT:
    setattr(Remote, f"__{_name}__", _passed_on(_name))
for _name in BETWEEN_OBJECTS:
    setattr(Remote, f"__{_name}__", _between(_name))


class Peer:
    """One end of the two pipes.

    Args:
        reads: Descriptor to read from.
        writes: Descriptor to write to.
        max_bytes: Longest line that is read; -1 for any.
        operations: What the other end may ask of the objects here, by name.
    """

    def __init__(
        self, reads: int, writes: int, *, max_bytes: int, operations: Mapping[str, Callable[..., object]]
    ) -> None:
        self.input = open(reads, "rb")
        self.output = open(writes, "wb")
        self.max_bytes = max_bytes
        self.operations = operations
        self.exports: list[object] = []
        self.last: Any = None
        """The value that the other end gave last, encoded."""

    def ask(self, op: str, of: object, *args: object, **kwargs: object) -> Any:
        """Have the other end do something, and serve what it asks meanwhile."""
        packed = {"args": [self.pack(arg) for arg in args], "kwargs": {k: self.pack(v) for k, v in kwargs.items()}}
        self.send({"op": op, "of": self.pack(of), **packed})
        message = self.receive()
        while "op" in message:
            self.send(self.answer(message))
            message = self.receive()
        for arg, data in zip(args, message.get("args", ()), strict=False):
            restore(arg, self.unpack(data))
        if "error" in message:
            name, arguments = message["error"]
            raise rebuild(name, self.unpack(arguments))
        self.last = message["value"]
        return self.unpack(self.last)

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """Do what the other end asks; lists, dicts and sets that were changed in place go back too."""
        try:
            args = [self.unpack(data) for data in message["args"]]
            kwargs = {name: self.unpack(data) for name, data in message["kwargs"].items()}
            value = self.operations[message["op"]](self.unpack(message["of"]), *args, **kwargs)
            reply = {"value": self.pack(value)}
            after = [self.pack(arg) for arg in args]
        except BaseException as error:  # noqa: BLE001  # whatever a program raises is the answer to who asked
            name, arguments = describe(error)
            return {"error": [name, [self.pack(argument) for argument in arguments]]}
        return reply if after == message["args"] else {**reply, "args": after}

    def send(self, message: dict[str, Any]) -> None:
        """Write a message; where the other end is gone, end this process, as no test may catch that."""
        try:
            self.output.write(json.dumps(message).encode() + b"\n")
            self.output.flush()
        except BrokenPipeError:
            os._exit(1)

    def receive(self) -> dict[str, Any]:
        """Read a message; where the other end is gone or talks no sense, end this process."""
        try:
            message = json.loads(self.input.readline(self.max_bytes))
        except (ValueError, RecursionError, MemoryError):
            os._exit(1)
        if not isinstance(message, dict) or not message.keys() & {"op", "value", "error"}:
            os._exit(1)
        return message

    def pack(self, value: object) -> Any:
        """A value as JSON; an object that is no plain data as the number under which it is kept here."""
        return encode(value, self._pack_object)

    def _pack_object(self, value: object) -> dict[str, int]:
        if isinstance(value, Remote):
            return {"yours": value._number}
        if self.operations is CALL_ONLY and not callable(value):
            raise UnsupportedError(f"a test hands over an object of type {type(value).__name__}")
        for number, export in enumerate(self.exports):
            if export is value:
                return {"mine": number}
        self.exports.append(value)
        return {"mine": len(self.exports) - 1}

    def unpack(self, data: Any) -> Any:
        """The value that the other end packed."""
        return decode(data, self._unpack_object)

    def _unpack_object(self, name: str, number: int) -> object:
        return self.exports[number] if name == "yours" else Remote(self, number)


def offered(program: Mapping[str, Any]) -> dict[str, Callable[..., object]]:
    """What tests may ask of a program: a name of it, and to do things with its objects.

    A name that is missing is looked for among the methods of a class `Solution`, where some
    sources put the function.
    """

    def by_name(_: object, name: str) -> object:
        if name in program:
            return program[name]
        if "Solution" in program:
            return getattr(program["Solution"](), name)
        raise NameError(f"name '{name}' is not defined")

    names = ("len", "iter", "next", "bool", "str", "repr", "hash", "getattr", "setattr", "isinstance")
    of_builtins = {name: getattr(builtins, name) for name in names}
    of_operator = {
        name: getattr(operator, name) for name in (*BETWEEN_OBJECTS, "getitem", "setitem", "delitem", "call")
    }
    return {**of_builtins, **of_operator, "name": by_name, "names": lambda _: list(program)}


def serve(peer: Peer) -> None:
    """Answer the tests until they are done."""
    peer.send({"value": None})
    while True:
        peer.send(peer.answer(peer.receive()))

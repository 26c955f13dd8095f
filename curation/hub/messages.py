"""What an answering function gets, what it returns, and how it refuses.

A body is a stream, so that an upload is never held in memory; one that ends too early is refused by whoever
reads it. The length is given by Content-Length or by chunks (RFC 9112, sections 6 and 7).
"""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any

PIECE_BYTES = 1 << 20
JSON_BYTES_MAX = 64 << 20

Headers = tuple[tuple[str, str], ...]


class RefusalError(Exception):
    """A request that gets an error for an answer; the message is meant for whoever sent it."""

    def __init__(self, status: int, message: str, *, code: str | None = None, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = headers


@dataclass(frozen=True)
class Hub:
    """One hub: a folder and who may use it."""

    root: Path
    """Folder that holds everything."""
    tokens: tuple[tuple[str, str], ...]
    """Pairs of a user's name and a token; without any, every token is good."""
    secret: bytes
    """Signs the addresses of uploads."""
    part_bytes: int
    """Files above this size are uploaded in parts of this size."""


@dataclass(frozen=True)
class Request:
    """One request, as far as an answering function cares."""

    hub: Hub
    user: str | None
    """Name that the token stands for; null without a token."""
    base: str
    """Address of this hub as the client sees it."""
    target: str
    """Path and query as sent."""
    query: Mapping[str, str]
    headers: Message
    body: io.BufferedReader
    is_local: bool
    """It comes from this computer."""

    def json(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        data = self.body.read(JSON_BYTES_MAX + 1)
        if len(data) > JSON_BYTES_MAX:
            raise RefusalError(413, f"a JSON body has at most {JSON_BYTES_MAX} bytes")
        return json_object(data)


@dataclass(frozen=True)
class Part:
    """A run of bytes of a file, to be sent."""

    path: Path
    start: int
    length: int


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int = 200
    headers: Headers = ()
    body: bytes = b""
    part: Part | None = None
    """Sent instead of the body."""


class Body(io.RawIOBase):
    """The bytes of a request, made readable by whole lines and by pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        """Always: it is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what comes next; nothing at the end."""
        piece = self._rest or next(self._pieces, b"")
        taken = piece[: len(buffer)]
        self._rest = piece[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)


def body_of(source: io.BufferedIOBase, headers: Message) -> io.BufferedReader:
    """The body that follows these headers on a connection."""
    if headers.get("Transfer-Encoding", "identity").lower() != "identity":
        return io.BufferedReader(Body(_chunks(source)), PIECE_BYTES)
    length = headers.get("Content-Length", "0")
    if not (length.isascii() and length.isdigit()):
        raise RefusalError(400, f"Content-Length is a number of bytes, not {length!r}")
    return io.BufferedReader(Body(_pieces(source, int(length))), PIECE_BYTES)


def pieces_of(body: IO[bytes]) -> Iterator[bytes]:
    """All of a stream, piece by piece."""
    while piece := body.read(PIECE_BYTES):
        yield piece


def json_object(data: bytes) -> dict[str, Any]:
    """Parse a JSON object, or refuse."""
    try:
        value = json.loads(data)
    except ValueError as error:
        raise RefusalError(400, f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise RefusalError(400, f"the body is a JSON {type(value).__name__}, not an object")
    return value


def text_of(record: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """A string in a JSON object, or refuse."""
    value = record.get(key, default)
    if not isinstance(value, str):
        raise RefusalError(400, f"{key!r} is a string, not {value!r}")
    return value


def json_answer(value: Any, *, status: int = 200, headers: Headers = ()) -> Answer:
    """An answer in JSON."""
    return Answer(status, (("Content-Type", "application/json"), *headers), json.dumps(value).encode())


def refusal_answer(refusal: RefusalError) -> Answer:
    """A refusal in the form that the clients understand: JSON, and headers with its code and message."""
    # A header takes printable ASCII only, and this message may hold what the client sent.
    message = "".join(sign if " " <= sign <= "~" else "?" for sign in refusal.message)
    code = (("X-Error-Code", refusal.code),) if refusal.code else ()
    headers = (*code, ("X-Error-Message", message), *refusal.headers)
    return json_answer({"error": refusal.message}, status=refusal.status, headers=headers)


def _pieces(source: io.BufferedIOBase, length: int) -> Iterator[bytes]:
    while length:
        piece = source.read(min(length, PIECE_BYTES))
        if not piece:
            raise RefusalError(400, f"the body ended {length} bytes too early")
        length -= len(piece)
        yield piece


def _chunks(source: io.BufferedIOBase) -> Iterator[bytes]:
    while True:
        size = source.readline(1024).split(b";")[0].strip()
        try:
            length = int(size, 16)
        except ValueError as error:
            raise RefusalError(400, f"the body ended, or has a chunk without its size: {size!r}") from error
        if length < 0:
            raise RefusalError(400, f"a chunk has no {length} bytes")
        yield from _pieces(source, length)
        if not length:
            while source.readline(1024).strip():
                pass
            return
        source.readline(1024)

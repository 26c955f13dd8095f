"""Byte streams of plain, gzip and Zstandard files.

A stream that ends too early is an error, never a shorter file. Zstandard frames may follow one
another and may need a window of up to 2 GiB: AM-DeepSeek-R1-Distilled-1.4M was published so.
"""

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import zstandard

WINDOW_BYTES_MAX = 2**31
_CHUNK_BYTES = 2**16


@contextmanager
def open_bytes(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Open a file for reading.

    Yields:
        The content, and the file as it lies on disk, whose `tell()` says how much of it was read.
    """
    with path.open("rb") as raw:
        if path.suffix == ".gz":
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=raw)), raw
        elif path.suffix == ".zst":
            yield cast("IO[bytes]", io.BufferedReader(_ZstdReader(raw), _CHUNK_BYTES)), raw
        else:
            yield raw, raw


class _ZstdReader(io.RawIOBase):
    """The frames of a Zstandard file, one after the other."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._context = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX)
        self._frame: Any = None
        self._input = b""
        self._output = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._output:
            if not self._input:
                self._input = self._raw.read(_CHUNK_BYTES)
            if not self._input:
                if self._frame is not None:
                    raise EOFError("the file ends inside a Zstandard frame")
                return 0
            self._advance()
        taken = min(len(buffer), len(self._output))
        buffer[:taken] = self._output[:taken]
        self._output = self._output[taken:]
        return taken

    def _advance(self) -> None:
        """Decompress the bytes at hand up to the end of the frame."""
        if self._frame is None:
            self._frame = self._context.decompressobj()
        self._output = memoryview(self._frame.decompress(self._input))
        self._input = self._frame.unused_data if self._frame.eof else b""
        if self._frame.eof:
            self._frame = None

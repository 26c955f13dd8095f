"""The hub as a program: listens, reads requests, sends answers. A thread per connection."""

import os
import sys
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

from curation.errors import ParamsError
from curation.hub import files
from curation.hub.access import read_secret, user_of
from curation.hub.messages import PIECE_BYTES, Answer, Hub, RefusalError, Request, body_of, refusal_answer
from curation.hub.repos import NAME
from curation.hub.routes import answer

PART_BYTES = 512 << 20
DRAINED_BYTES_MAX = 64 << 20


class HubServer(ThreadingHTTPServer):
    """A listening hub; closing it frees its folder for another one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], hub: Hub, lock: BinaryIO, *, quiet: bool = False) -> None:
        self.hub = hub
        self.lock = lock
        self.quiet = quiet
        super().__init__(address, Handler)

    @property
    def endpoint(self) -> str:
        """What HF_ENDPOINT has to be."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def server_close(self) -> None:
        """Stop listening."""
        super().server_close()
        self.lock.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of an error of ours; that a client has gone is none."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Turns what comes over a connection into requests, and answers into what goes back."""

    server: HubServer
    protocol_version = "HTTP/1.1"
    server_version = "curate-hub"
    sys_version = ""
    timeout = 120
    wbufsize = -1
    disable_nagle_algorithm = True

    def respond(self) -> None:
        """Answer one request. After a refusal of a body, of which some may be left, the connection ends."""
        try:
            body = body_of(self.rfile, self.headers)
            try:
                answered = answer(self._request(body), self.command)
            except RefusalError as refusal:
                answered = refusal_answer(refusal)
                self.close_connection |= self.command not in ("GET", "HEAD")
            self._drain(body)
        except RefusalError as refusal:
            answered = refusal_answer(refusal)
            self.close_connection = True
        except (ConnectionError, TimeoutError):
            raise
        except OSError as error:
            answered = refusal_answer(RefusalError(500, f"the hub cannot use its folder: {error.strerror}"))
            self.close_connection = True
        self._send(answered)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = respond  # noqa: N815 (the base class looks for these names)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002 (the signature is the base class's)
        """Write a line to stderr, without the query: it may hold a signature."""
        if not self.server.quiet:
            sys.stderr.write(f"hub: {self.requestline.partition('?')[0]!r} {code}\n")

    def _request(self, body: Any) -> Request:
        hub = self.server.hub
        return Request(
            hub=hub,
            user=user_of(hub.tokens, self.headers.get("Authorization")),
            base=f"http://{self.headers.get('Host') or self.server.endpoint.removeprefix('http://')}",
            target=self.path,
            query=dict(parse_qsl(self.path.partition("?")[2], keep_blank_values=True)),
            headers=self.headers,
            body=body,
            is_local=ip_address(self.client_address[0]).is_loopback,
        )

    def _drain(self, body: Any) -> None:
        """Read what is left of a body, that the next request may follow it; give up on a long one."""
        drained = 0
        while piece := body.read(PIECE_BYTES):
            drained += len(piece)
            if drained > DRAINED_BYTES_MAX:
                self.close_connection = True
                return

    def _send(self, answered: Answer) -> None:
        """Send an answer; a file goes from the kernel to the socket."""
        part = answered.part
        with (part.path if part else Path(os.devnull)).open("rb") as file:
            self.send_response(answered.status)
            for name, value in answered.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(part.length if part else len(answered.body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answered.body)
            self.wfile.flush()
            if part and part.length and self.command != "HEAD":
                self.connection.sendfile(file, part.start, part.length)


def open_server(
    root: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tokens: Sequence[str] = (),
    part_bytes: int = PART_BYTES,
    quiet: bool = False,
) -> HubServer:
    """A hub that has its folder and its port; port 0 takes a free one.

    Args:
        root: Folder of the hub; made when it is not there.
        host: Address to listen at.
        port: Port to listen at.
        tokens: NAME:TOKEN, each a user; without any, every token may do everything.
        part_bytes: Files above this size are uploaded in parts of this size.
        quiet: Whether no line is written for a request.

    Raises:
        ParamsError: A token is not NAME:TOKEN, or the address cannot be listened at.
        DataError: Another hub has the folder.
    """
    pairs = tuple(_pair(token) for token in tokens)
    root = root.resolve()
    lock = files.open_root(root)
    hub = Hub(root=root, tokens=pairs, secret=read_secret(root), part_bytes=part_bytes)
    try:
        return HubServer((host, port), hub, lock, quiet=quiet)
    except OSError as error:
        lock.close()
        raise ParamsError(f"hub: cannot listen at {host}:{port}: {error.strerror}; give another --port") from error


def serve(root: Path, *, host: str, port: int, tokens: Sequence[str]) -> None:
    """Run a hub until it is stopped."""
    with open_server(root, host=host, port=port, tokens=tokens) as server:
        print(f"a hub in {root}; stop it with Ctrl-C. For its clients:\n\n  export HF_ENDPOINT={server.endpoint}")
        if not tokens:
            print("  export HF_TOKEN=any")
        print(flush=True)
        server.serve_forever()


def _pair(token: str) -> tuple[str, str]:
    name, _, secret = token.partition(":")
    if not NAME.fullmatch(name) or not secret.isascii() or not secret.isprintable() or not secret:
        raise ParamsError(f"hub: --token is NAME:TOKEN, as in ada:hf_1234, not {name}:...")
    return name, secret

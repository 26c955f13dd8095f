"""Ways to call a hub: the unmodified clients in processes of their own, and single requests as they are."""

import base64
import hashlib
import inspect
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from curation.hub.server import HubServer, open_server

PART_BYTES = 100_000


@contextmanager
def serving(root: Path, *tokens: str) -> Iterator[HubServer]:
    with open_server(root, tokens=tokens, part_bytes=PART_BYTES) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def run_client(function: Callable[[], None], endpoint: str, home: Path, **environment: str) -> str:
    """Run a function of a test in a process whose hub is this one, and return what it prints."""
    code = f"{textwrap.dedent(inspect.getsource(function))}\n{function.__name__}()\n"
    variables = {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "HF_TOKEN": "any",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=home,
        env={**os.environ, **variables, **environment},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


Reply = tuple[int, dict[str, str], bytes]
Asker = Callable[..., Reply]


def asker(endpoint: str, token: str | None = "any") -> Asker:
    """Sends one request as it is, without what a client would put right."""
    default = {} if token is None else {"Authorization": f"Bearer {token}"}

    def ask(method: str, path: str, body: object = None, **headers: str) -> Reply:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        # Closed even when the hub is killed while we send.
        with closing(HTTPConnection(endpoint.removeprefix("http://"), timeout=20)) as connection:
            connection.request(method, path.removeprefix(endpoint), data, {**default, **named})
            with connection.getresponse() as response:
                return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()

    return ask


def commit_lines(*lines: tuple[str, dict[str, object]], **header: object) -> bytes:
    """The body of a commit."""
    every = [("header", {"summary": "a commit", **header}), *lines]
    return b"".join(json.dumps({"key": key, "value": value}).encode() + b"\n" for key, value in every)


def text_line(path: str, text: str) -> tuple[str, dict[str, object]]:
    return "file", {"path": path, "content": base64.b64encode(text.encode()).decode(), "encoding": "base64"}


def lfs_actions(ask: Asker, data: bytes, *, size: int | None = None) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """How ada/chats wants these bytes, and what to ask at the end; null when it has them."""
    described = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data) if size is None else size}
    asked = {"operation": "upload", "transfers": ["basic", "multipart"], "objects": [described]}
    status, _, body = ask("POST", "/datasets/ada/chats.git/info/lfs/objects/batch", asked)
    [one] = json.loads(body)["objects"]
    assert status == 200
    assert "error" not in one, one
    return (one["actions"]["upload"], one["actions"]["verify"]) if "actions" in one else None

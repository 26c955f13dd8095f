"""A hub that fails on purpose: kills the publisher, drops answers, or is busy, at a chosen request."""

import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import HfApi, constants

from curation.freeze import Frozen, freeze
from curation.hub.messages import Answer
from curation.hub.server import Handler, HubServer, open_server
from curation.hub_client import Hub
from curation.journal import open_journal
from curation.upload import Publication, Published, upload
from tests.curation.release_folders import DATASET

REPO = f"ada/{DATASET}"
TOKEN = "hf_secret_of_ada"


@dataclass
class Fault:
    """What goes wrong at the first request that matches: `POST /commit/`."""

    request: str
    do: Callable[[], Answer | None]
    """Called in the place of the answer; None drops the connection."""
    when: Literal["before", "after"] = "before"
    """before: the hub does nothing; after: it does what is asked, and the answer is lost."""
    times: int = 1


@dataclass
class Record:
    """What a hub was asked."""

    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, line: str, when: str) -> Fault | None:
        with self.lock:
            found = next(
                (one for one in self.faults if one.times and one.when == when and re.search(one.request, line)), None
            )
            if found:
                found.times -= 1
        return found

    @property
    def writes(self) -> list[str]:
        """Requests that change something."""
        return [line for line in self.requests if re.match(r"PUT |POST .*(/commit/|/tag/|/create)", line)]


class FaultyHandler(Handler):
    """A handler that asks the record first."""

    record: Record

    def respond(self) -> None:
        self.line = f"{self.command} {self.path.partition('?')[0]}"
        self.record.requests.append(self.line)
        if fault := self.record.fault(self.line, "before"):
            self.close_connection = True
            self._fail(fault)
            return
        super().respond()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = respond  # noqa: N815 (as in the base class)

    def _send(self, answered: Answer) -> None:
        fault = self.record.fault(self.line, "after")
        if fault is None:
            super()._send(answered)
        else:
            self.close_connection = True
            self._fail(fault)

    def _fail(self, fault: Fault) -> None:
        answered = fault.do()
        if answered is not None:
            super()._send(answered)


@contextmanager
def faulty_hub(root: Path) -> Iterator[tuple[HubServer, Record]]:
    """A hub with one user, ada, and the record of what it is asked."""
    record = Record()
    with open_server(root, tokens=[f"ada:{TOKEN}"], quiet=True) as server:
        server.RequestHandlerClass = type("Recorded", (FaultyHandler,), {"record": record})
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server, record
        finally:
            server.shutdown()
            thread.join()


def publish_to(endpoint: str, version: str = "1.0.0", *, xet: bool = False) -> Published:
    """Freeze and publish the release of the working directory."""
    constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_XET = False, not xet
    frozen = freeze(DATASET, version)
    return upload_to(endpoint, frozen)


def upload_to(endpoint: str, frozen: Frozen) -> Published:
    hub = Hub(endpoint, HfApi(endpoint=endpoint, token=TOKEN), TOKEN)
    journal = open_journal(endpoint, REPO, frozen.version, frozen.release_id)
    return upload(Publication(hub, REPO, frozen, journal), private=False)


class Publisher:
    """A publisher in a process of its own, which a fault can kill."""

    def __init__(self, endpoint: str, **options: Any) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.curation.faulty_hub"])
        self.process = context.Process(target=_publish, args=(Path.cwd(), endpoint, options))

    def kill(self) -> None:
        """A fault: kill -9, and the request is never answered."""
        assert self.process.pid
        os.kill(self.process.pid, signal.SIGKILL)

    def run(self) -> int | None:
        self.process.start()
        self.process.join()
        return self.process.exitcode


def _publish(folder: Path, endpoint: str, options: dict[str, Any]) -> None:
    os.chdir(folder)
    publish_to(endpoint, **options)

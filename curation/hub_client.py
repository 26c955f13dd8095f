"""How publish and pull talk to a Hub: its address or folder, retries, and what is told when it refuses.

A Hub is an address (https://huggingface.co, a server of `curate hub`) or a folder, which is then served from this
process as long as it is needed: no account, no network. The token is looked up by huggingface_hub (HF_TOKEN, or that of
`hf auth login`); it stands in no message.
"""

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

import httpx2
from huggingface_hub import HfApi, close_session, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils.tqdm import disable_progress_bars

from curation import params
from curation.errors import DataError
from curation.hub.server import open_server
from curation.progress import say

NUM_RETRIES = 6
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60.0
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Statuses after which the same request may succeed."""
# What huggingface_hub raises: ValueError for answers that it refuses, RuntimeError around a failed upload.
FAILURES = (httpx2.HTTPError, OfflineModeIsEnabled, RuntimeError, ValueError)
LOCAL_TOKEN = "local"  # noqa: S105 (a Hub in a folder takes any)
T = TypeVar("T")


@dataclass(frozen=True)
class Hub:
    """A Hub that can be asked."""

    name: str
    """As the user named it: an address or a folder."""
    api: HfApi
    token: str | None
    """None reads what is public."""

    def ask(self, what: str, call: Callable[[], T]) -> T:
        """Ask something that may be asked twice; try again where the Hub is busy or cannot be reached.

        Args:
            what: What is asked for, in words, for messages.
            call: Asks once.

        Raises:
            DataError: The Hub refuses, or is still not there after the last retry.
        """
        for attempt in itertools.count():
            try:
                return call()
            except FAILURES as error:
                self.wait_or_raise(what, error, attempt)
        raise AssertionError

    def wait_or_raise(self, what: str, error: Exception, attempt: int) -> None:
        """Wait until a request can be repeated.

        Raises:
            DataError: It cannot, or was often enough.
        """
        seconds = wait_seconds(error, attempt)
        if seconds is None:
            raise self.told(what, error) from error
        say(f"{what}: {self._redacted(_short(error))}; again in {seconds:.1f} s")
        time.sleep(seconds)

    def told(self, what: str, error: Exception) -> DataError:
        """The sentence for a failure, with what to do."""
        return DataError(f"{what} failed at {self.name}: {self._redacted(_short(error))}. {_way_out(error)}")

    def _redacted(self, text: str) -> str:
        return text.replace(self.token, "***") if self.token and self.token != LOCAL_TOKEN else text


def default_hub() -> str:
    """The Hub to read from where none is named: that of HF_ENDPOINT, else that of params."""
    if "HF_ENDPOINT" in os.environ or not Path("params.yaml").exists():
        return constants.ENDPOINT
    return params.load().publish.hub


@contextmanager
def opened_hub(name: str) -> Iterator[Hub]:
    """A Hub by its address, or by the folder that holds it, which is served until the end.

    Raises:
        DataError: Another server has the folder.
    """
    if not sys.stderr.isatty():
        disable_progress_bars()
    if name.startswith(("http://", "https://")):
        token = get_token()
        yield Hub(name, HfApi(endpoint=name.rstrip("/"), token=token), token)
        return
    with open_server(Path(name), quiet=True) as server, _reachable():
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield Hub(name, HfApi(endpoint=server.endpoint, token=LOCAL_TOKEN), LOCAL_TOKEN)
        finally:
            server.shutdown()
            thread.join()


def status_of(error: BaseException | None) -> int | None:
    """The status of the answer behind an error; None where there was none."""
    response = _response(error)
    return response.status_code if response is not None else None


def wait_seconds(error: Exception, attempt: int) -> float | None:
    """Seconds until the request may be repeated: what Retry-After says, else twice as long each time; None: never."""
    status = status_of(error)
    lost = status is None and any(isinstance(one, httpx2.TransportError) for one in _causes(error))
    if attempt >= NUM_RETRIES or not (lost or status in PASSING):
        return None
    response = _response(error)
    asked = _retry_after(response.headers.get("Retry-After")) if response is not None else None
    return asked if asked is not None else min(FIRST_WAIT_SECONDS * 2**attempt, LONGEST_WAIT_SECONDS)


def _retry_after(text: str | None) -> float | None:
    """Seconds that the header names, as a number or as a date."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _response(error: BaseException | None) -> httpx2.Response | None:
    return next(
        (one.response for one in _causes(error) if isinstance(one, HfHubHTTPError | httpx2.HTTPStatusError)), None
    )


def _short(error: Exception) -> str:
    """What came, on one line."""
    status = status_of(error)
    causes = list(_causes(error))
    answered = (one.server_message for one in causes if isinstance(one, HfHubHTTPError))
    said = next(filter(None, answered), None) or str(causes[-1]) or type(causes[-1]).__name__
    line = " ".join(said.split()).rstrip(".")
    return f"{status} {line}" if status else line


def _way_out(error: Exception) -> str:
    status = status_of(error)
    if isinstance(error, OfflineModeIsEnabled):
        return "Unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE, or name a folder as publish.hub"
    if status in (401, 403):
        return "Set HF_TOKEN to a token that may write there: hf auth login, or the settings of the account"
    if status == 404:
        return "Look at the name of the repository, and whether the token may see it"
    if status is None or status in PASSING:
        return "Run it again: what was uploaded is kept"
    return "Mend what it says and run it again"


@contextmanager
def _reachable() -> Iterator[None]:
    """Let the client reach this machine, where it is told to stay offline or to ask a proxy."""
    offline, no_proxy = constants.HF_HUB_OFFLINE, os.environ.get("NO_PROXY")
    constants.HF_HUB_OFFLINE = False
    os.environ["NO_PROXY"] = ",".join(filter(None, ("127.0.0.1", no_proxy)))
    close_session()
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline
        if no_proxy is None:
            del os.environ["NO_PROXY"]
        else:
            os.environ["NO_PROXY"] = no_proxy
        close_session()

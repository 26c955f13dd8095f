"""A hub in a thread, and ways to call it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from curation.hub.repos import Repo
from curation.hub.server import HubServer
from tests.curation.hub.calls import Asker, asker, run_client, serving


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    with serving(tmp_path / "hub") as server:
        yield server


@pytest.fixture
def client(hub: HubServer, tmp_path: Path) -> Callable[..., str]:
    home = tmp_path / "home"
    home.mkdir()
    return lambda function, **environment: run_client(function, hub.endpoint, home, **environment)


@pytest.fixture
def ask(hub: HubServer) -> Asker:
    """Ask the hub, in which there is a dataset ada/chats."""
    asked = asker(hub.endpoint)
    created = asked("POST", "/api/repos/create", {"name": "chats", "organization": "ada", "type": "dataset"})
    assert created[0] == 200
    return asked


@pytest.fixture
def repo(hub: HubServer) -> Repo:
    return Repo(hub.hub.root, "datasets", "ada", "chats")

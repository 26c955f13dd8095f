"""The hub as a program: its address, its folder, broken connections, and being killed at any moment."""

import hashlib
import json
import random
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.client import HTTPException

import pytest

from curation.errors import DataError, ParamsError
from curation.hub.blobs import blob_path
from curation.hub.commits import history
from curation.hub.refs import all_refs
from curation.hub.repos import Repo
from curation.hub.server import open_server
from tests.curation.hub.calls import asker, commit_lines, lfs_actions, serving, text_line

COMMIT = "/api/datasets/ada/chats/commit/main"
TEXT = "x" * 100_000


@contextmanager
def program(root, *options):
    """The command `curate hub`, killed with SIGKILL at the end."""
    command = [sys.executable, "-m", "curation.cli", "hub", "--root", str(root), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        lines = iter(process.stdout.readline, "")
        endpoint = next(line for line in lines if "HF_ENDPOINT=" in line).partition("=")[2].strip()
        try:
            yield process, endpoint
        finally:
            process.kill()


def push(ask, number):
    """One file by LFS and one by itself in a commit; returns the commit's id."""
    data = random.Random(number).randbytes(200_000)
    if actions := lfs_actions(ask, data):
        assert ask("PUT", actions[0]["href"], data)[0] == 200
    oid = hashlib.sha256(data).hexdigest()
    lfs = ("lfsFile", {"path": f"{number}.bin", "algo": "sha256", "oid": oid, "size": len(data)})
    status, _, body = ask("POST", COMMIT, commit_lines(lfs, text_line("last.txt", f"{number}{TEXT}")))
    assert status == 200
    return json.loads(body)["commitOid"]


def push_until_killed(ask, numbers, pushed):
    with suppress(OSError, HTTPException):
        for number in numbers:
            pushed.append(push(ask, number))


def check_whole(repo):
    """Every commit that main leads to is there with all its bytes; returns their ids, the newest first."""
    commits = list(history(repo, all_refs(repo, "heads")["main"]))
    for entry in {entry for _, commit in commits for entry in commit.files.values()}:
        assert hashlib.sha256(blob_path(repo, entry.sha256).read_bytes()).hexdigest() == entry.sha256
    return [oid for oid, _ in commits]


def test_a_killed_hub_opens_again_with_all_that_it_confirmed(tmp_path):
    """Killed 12 times while two clients upload and commit; each time the next one goes on."""
    repo = Repo(tmp_path / "hub", "datasets", "ada", "chats")
    with serving(repo.root) as server:
        created = {"name": "chats", "organization": "ada", "type": "dataset"}
        assert asker(server.endpoint)("POST", "/api/repos/create", created)[0] == 200
    chance, confirmed = random.Random(0), []
    for turn in range(12):
        with program(repo.root) as (process, endpoint):
            ends = [range(turn * 1000 + start, turn * 1000 + 1000, 2) for start in (0, 1)]
            threads = [
                threading.Thread(target=push_until_killed, args=(asker(endpoint), numbers, confirmed))
                for numbers in ends
            ]
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(0.005, 0.3))
            process.kill()
            for thread in threads:
                thread.join()
        found = check_whole(repo)
        assert set(confirmed) <= set(found)
        assert len(found) <= len(confirmed) + 1 + 2 * (turn + 1), "at most one unanswered commit per client and kill"
    assert confirmed
    with serving(repo.root) as server:
        push(asker(server.endpoint), -1)
    assert list((repo.root / "incoming").iterdir()) == []


def test_the_command_prints_what_its_clients_need(tmp_path):
    with program(tmp_path / "new" / "hub", "--token", "ada:hf_1") as (_, endpoint):
        status, _, body = asker(endpoint, "hf_1")("GET", "/api/whoami-v2")
    assert (status, json.loads(body)["name"]) == (200, "ada")


def test_a_folder_has_one_server(hub):
    with pytest.raises(DataError, match="another server has"):
        open_server(hub.hub.root)


def test_a_port_in_use_is_an_error_of_the_user(hub, tmp_path):
    with pytest.raises(ParamsError, match="give another --port"):
        open_server(tmp_path / "other", port=hub.server_address[1])


@pytest.mark.parametrize("token", ["ada", "ada:", ":hf_1", "a/b:hf_1", "ada:ü"])
def test_a_token_is_a_name_and_a_secret(tmp_path, token):
    with pytest.raises(ParamsError, match="NAME:TOKEN"):
        open_server(tmp_path, tokens=[token])


@pytest.mark.parametrize("headers", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_a_truncated_body_changes_nothing(hub, ask, repo, headers):
    before = all_refs(repo, "heads")
    body = commit_lines(text_line("a", "x"))
    sent = body if "Length" in headers else b"%x\r\n%s\r\n" % (len(body), body)
    with socket.create_connection(hub.server_address) as connection:
        head = f"POST {COMMIT} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer any\r\n{headers}\r\n\r\n"
        connection.sendall(head.encode() + sent)
        connection.shutdown(socket.SHUT_WR)
        reply = b"".join(iter(lambda: connection.recv(10_000), b""))
    assert reply.startswith(b"HTTP/1.1 400")
    assert b'{"error": "the body ended' in reply
    assert all_refs(repo, "heads") == before


def test_bodies_come_in_chunks_too(hub, ask):
    body = commit_lines(text_line("a", "x" * 5000))
    pieces = iter([body[:10], body[10:3000], body[3000:]])
    connection = socket.create_connection(hub.server_address)
    with connection:
        head = f"POST {COMMIT} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer any\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")


def test_what_is_not_served_is_said_in_json(ask):
    for method, path in (("GET", "/"), ("POST", "/api/datasets/ada/chats/super-squash/main"), ("GET", "/../secret")):
        status, headers, body = ask(method, path)
        assert (status, headers["content-type"]) == (404, "application/json")
        assert "does not answer" in json.loads(body)["error"]

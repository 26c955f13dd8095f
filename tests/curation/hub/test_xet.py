"""Uploads with Xet: what a shard says, and that nothing is believed that was not checked."""

import hashlib
import json
import os
import random
from types import SimpleNamespace

import hf_xet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.hub import xet
from curation.hub.blobs import blob_path
from curation.hub.messages import Hub, RefusalError, Request
from tests.curation.hub.calls import commit_lines

DATA = random.Random(0).randbytes(300_000)
OID = hashlib.sha256(DATA).hexdigest()
TOKEN = "/api/datasets/ada/chats/xet-write-token/main"
hashes = st.binary(min_size=32, max_size=32).filter(lambda data: data != b"\xff" * 32).map(bytes.hex)


def words(text):
    """A hash as Xet writes it."""
    data = bytes.fromhex(text)
    return b"".join(data[start : start + 8][::-1] for start in range(0, 32, 8))


def upload(ask, data, sha256):
    """What the client does before a commit; the session is kept, as a client that goes on keeps it."""
    status, headers, body = ask("GET", TOKEN)
    assert (status, json.loads(body)["casUrl"]) == (200, headers["x-xet-cas-url"])
    session = hf_xet.XetSession()
    with session.new_upload_commit(endpoint=headers["x-xet-cas-url"]) as uploads:
        uploads.start_upload_bytes(data, sha256=sha256)
    return session


def commit(ask, oid):
    line = ("lfsFile", {"path": "a.bin", "algo": "sha256", "oid": oid, "size": len(DATA)})
    return ask("POST", "/api/datasets/ada/chats/commit/main", commit_lines(line))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(hashes, hashes, st.integers(0, 3), st.booleans(), st.booleans()), max_size=5))
def test_a_shard_tells_its_files(described):
    shard = xet.MAGIC.ljust(48, b"\0")
    for name, sha256, num_segments, has_verification, has_metadata in described:
        flags = xet.HAS_VERIFICATION * has_verification + xet.HAS_METADATA * has_metadata
        shard += xet.RECORD.pack(words(name), flags, num_segments)
        shard += bytes(48) * num_segments * (1 + has_verification) + words(sha256).ljust(48, b"\0") * has_metadata
    wanted = [xet.XetFile(sha256, name) for name, sha256, *_, has_metadata in described if has_metadata]
    assert list(xet.shard_files(shard + b"\xff" * 48 + b"more")) == wanted


def test_a_commit_takes_in_what_was_uploaded(ask, repo):
    session = upload(ask, DATA, OID)
    assert commit(ask, OID)[0] == 200
    assert blob_path(repo, OID).read_bytes() == DATA
    assert list((repo.folder / "xet").iterdir()) == [], "the upload is not kept twice"
    del session


def test_a_hash_is_not_believed(ask, repo):
    session = upload(ask, DATA, "0" * 64)
    status, _, body = commit(ask, "0" * 64)
    assert (status, b"bytes with sha256" in body, list(repo.folder.glob("blobs/00/*"))) == (400, True, [])
    del session


def test_an_upload_that_is_broken_is_refused(ask, repo):
    session = upload(ask, DATA, OID)
    for path in repo.folder.glob("xet/*/xet/xorbs/xorbs/default.*"):
        path.chmod(0o600)
        path.write_bytes(b"broken")
    assert commit(ask, OID)[0] == 400
    with pytest.raises(RefusalError, match="unknown format"):
        list(xet.shard_files(b"other"))
    del session


def test_what_no_commit_named_goes_after_a_day(ask, repo):
    ask("GET", TOKEN)
    [old] = (repo.folder / "xet").iterdir()
    os.utime(old, (0, 0))
    ask("GET", TOKEN)
    [new] = (repo.folder / "xet").iterdir()
    assert new != old


def test_another_computer_is_told_to_use_lfs(ask, hub, repo):
    request = Request(
        Hub(hub.hub.root, (), b"", 1), "local", "", TOKEN, {}, SimpleNamespace(), SimpleNamespace(), is_local=False
    )
    with pytest.raises(RefusalError, match="HF_HUB_DISABLE_XET=1"):
        xet.write_token(request, repo, "main")

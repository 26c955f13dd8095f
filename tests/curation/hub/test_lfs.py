"""Uploads by Git LFS: whole, in parts, and those that are refused."""

import hashlib

import pytest

from curation.hub.blobs import blob_path, blob_size
from tests.curation.hub.calls import PART_BYTES, lfs_actions

DATA = b"abc" * 10
LONG = bytes(range(250)) * (PART_BYTES // 100)
OID = hashlib.sha256(DATA).hexdigest()


def stored(repo):
    return list(repo.folder.glob(f"blobs/*/{OID}")) + list((repo.root / "incoming").iterdir())


def test_a_short_file_goes_at_once(ask, repo):
    upload, verify = lfs_actions(ask, DATA)
    assert ask("PUT", upload["href"], DATA, Authorization="")[0] == 200
    assert ask("POST", verify["href"], {"oid": OID, "size": len(DATA)})[0] == 200
    assert blob_path(repo, OID).read_bytes() == DATA
    assert lfs_actions(ask, DATA) is None, "it is there: nothing is to be sent"


def test_a_long_file_goes_in_parts(ask, repo):
    """The answer to the last request may be lost, so it can be repeated."""
    oid = hashlib.sha256(LONG).hexdigest()
    upload, _ = lfs_actions(ask, LONG)
    parts = [LONG[start : start + PART_BYTES] for start in range(0, len(LONG), PART_BYTES)]
    complete = {"oid": oid, "parts": [{"partNumber": number} for number, _ in enumerate(parts, 1)]}
    assert ask("POST", upload["href"], complete)[0] == 400, "no part is there yet"
    for number, part in enumerate(parts, 1):
        assert ask("PUT", upload["header"][str(number)], part)[1]["etag"]
    assert [ask("POST", upload["href"], complete)[0] for _ in range(2)] == [200, 200]
    assert (blob_size(repo, oid), list(repo.folder.glob("parts/*"))) == (len(LONG), [])


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (DATA[:-1], "has 30 bytes, not 29"),
        (DATA + b"d", "has 30 bytes, not 31"),
        (b"abd" * 10, "bytes with sha256"),
    ],
)
def test_other_bytes_are_refused(ask, repo, sent, said):
    upload, _ = lfs_actions(ask, DATA)
    status, _, body = ask("PUT", upload["href"], sent)
    assert (status, said in body.decode(), stored(repo)) == (400, True, [])


def test_a_wrong_part_is_refused(ask):
    upload, _ = lfs_actions(ask, LONG)
    assert ask("PUT", upload["header"]["1"], b"short")[0] == 400
    for number in upload["header"].keys() - {"chunk_size"}:
        assert ask("PUT", upload["header"][number], bytes(PART_BYTES))[0] == (200 if number != "3" else 400)


def test_an_address_is_good_for_one_object_and_size(ask):
    upload, _ = lfs_actions(ask, DATA)
    for changed in (upload["href"].replace("size=30", "size=31"), upload["href"].replace(OID, "0" * 64)):
        assert ask("PUT", changed, DATA)[0] == 403
    assert ask("PUT", upload["href"].partition("?")[0], DATA)[0] == 403


@pytest.mark.parametrize(
    "asked",
    [
        {"operation": "download", "objects": []},
        {"operation": "upload", "objects": [{"oid": "../../secret", "size": 32}]},
        {"operation": "upload", "objects": [{"oid": OID, "size": -1}]},
        {"operation": "upload", "objects": ["x"]},
        {"operation": "upload", "objects": [], "hash_algo": "md5"},
        {"operation": "upload", "objects": [{"oid": OID, "size": 1}] * 1001},
    ],
)
def test_what_is_no_batch_is_refused(ask, asked):
    assert ask("POST", "/datasets/ada/chats.git/info/lfs/objects/batch", asked)[0] == 400


def test_a_known_object_with_another_size_is_an_error_of_its_own(ask):
    ask("PUT", lfs_actions(ask, DATA)[0]["href"], DATA)
    with pytest.raises(AssertionError, match="has 30 bytes, not 31"):
        lfs_actions(ask, DATA, size=31)


def test_verify_tells_what_is_missing(ask):
    status, _, body = ask("POST", "/datasets/ada/chats.git/info/lfs/objects/verify", {"oid": OID, "size": 30})
    assert (status, b"30 bytes are expected" in body) == (404, True)

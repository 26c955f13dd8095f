"""A file is the one that a manifest lists, or what is wrong with it is said."""

import hashlib

import pytest

from curation.verified import problem, shown

DATA = b"rows"
LISTED = {"bytes": len(DATA), "sha256": hashlib.sha256(DATA).hexdigest()}


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (DATA, None),
        (None, "is missing"),
        (b"row", "has 3 bytes where 4 are wanted"),
        (b"swor", "has another sha256 than manifest.json says"),
    ],
)
def test_a_file_is_held_against_its_bytes_and_its_hash(tmp_path, there, told):
    if there is not None:
        (tmp_path / "a").write_bytes(there)
    assert problem(tmp_path / "a", LISTED) == told


def test_a_long_list_is_cut():
    assert shown({str(number): "is missing" for number in range(12)}).endswith("9 is missing and 2 more")

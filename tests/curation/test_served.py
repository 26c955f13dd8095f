"""Files of a release against what a Hub serves."""

import hashlib
from pathlib import Path

from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.sha import git_hash
from hypothesis import given
from hypothesis import strategies as st

from curation.served import LocalFile, differences

NAMES = st.dictionaries(st.sampled_from("abcdef"), st.binary(max_size=3))


def of_lfs(name: str, data: bytes) -> RepoFile:
    lfs = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 1}
    return RepoFile(path=name, size=len(data), oid="0" * 40, lfs=lfs)


@given(NAMES, NAMES)
def test_differences_are_those_of_the_two_dictionaries(ours, theirs):
    local = {name: LocalFile(Path(name), len(data), hashlib.sha256(data).hexdigest()) for name, data in ours.items()}
    told = differences(local, {name: of_lfs(name, data) for name, data in theirs.items()})
    assert told.keys() == {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    assert {name for name, what in told.items() if what == "is missing"} == ours.keys() - theirs.keys()


def test_a_small_file_is_known_by_the_id_that_git_gives_it(tmp_path):
    (tmp_path / "a").write_bytes(b"text")
    file = LocalFile(tmp_path / "a", 4, None)
    served = {"a": RepoFile(path="a", size=4, oid=git_hash(b"text"))}
    assert differences({"a": file}, served) == {}
    assert "other bytes" in differences({"a": file}, {"a": RepoFile(path="a", size=4, oid=git_hash(b"tixt"))})["a"]

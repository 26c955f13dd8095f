"""Commits as they are stored, and the ids of git."""

import hashlib
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from curation.hub import commits
from curation.hub.refs import resolve

DATE = "2026-01-31T12:00:00.000Z"


@settings(max_examples=50, deadline=None)
@given(st.binary())
def test_ids_are_those_of_git(data):
    """Against the definition; the one below is from git itself."""
    assert commits.git_oid(data) == hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


def test_git_agrees():
    sha256 = hashlib.sha256(b"x").hexdigest()
    pointer = commits.pointer(sha256, 1)
    printed = subprocess.run(["git", "hash-object", "--stdin"], input=pointer, capture_output=True, check=True).stdout
    assert commits.lfs_entry(sha256, 1).oid == printed.decode().strip()


def test_a_commit_comes_back_as_it_was(ask, repo):
    tree = {"ü/b": commits.regular_entry("0" * 64, b"x"), "a": commits.lfs_entry("1" * 64, 5)}
    new = commits.Commit(resolve(repo, "main"), "title", "a\nb", "ada", DATE, tree)
    oid = commits.write_commit(repo, new)
    assert commits.read_commit(repo, oid) == new
    assert list(commits.read_commit(repo, oid).files) == ["a", "ü/b"]
    assert hashlib.sha1((repo.folder / f"commits/{oid}.json").read_bytes()).hexdigest() == oid
    assert [one.title for _, one in commits.history(repo, oid)] == ["title", "initial commit"]

"""What git has at a commit is read as it is, whatever a file is called and however many there are."""

import os
import subprocess
from pathlib import Path

import pytest

from curation import git
from curation.errors import DataError

FILES = {
    "a.txt": b"line\r\n",
    "empty": b"",
    "folder/\N{SNOWMAN} and spaces": b"\0\xff",
    "folder/two\nlines": b"no end",
    "folder/large": bytes(range(256)) * 1000,
}


@pytest.fixture
def commit(tmp_path, monkeypatch):
    """The commit of a repository with some files, whose folder is the working directory."""
    monkeypatch.chdir(tmp_path)
    run("init", "--quiet")
    for name, data in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    run("add", "--all")
    run("-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "--message", "One")
    return git.commit_of("HEAD")


def run(*arguments):
    subprocess.run(["git", *arguments], check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull})


def test_files_and_their_bytes_come_as_they_were(commit):
    Path("a.txt").write_text("later")
    found = git.files(commit)
    assert dict(zip(found, git.contents(found.values()), strict=True)) == FILES


def test_paths_are_those_below_the_working_directory(commit, monkeypatch):
    assert set(git.files(commit, "folder/large", "none")) == {"folder/large"}
    monkeypatch.chdir("folder")
    assert "large" in git.files(commit) and "a.txt" not in git.files(commit)


def test_an_object_that_git_lacks_is_told(commit):
    with pytest.raises(DataError, match=f"git has not got the object {'0' * 40}"):
        list(git.contents(["0" * 40]))


def test_a_name_means_no_commit_outside_of_git_and_without_it(commit, tmp_path, monkeypatch):
    assert git.commit_of("v9") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (git.is_installed(), git.commit_of("HEAD")) == (False, None)

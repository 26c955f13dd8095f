"""What git knows of this project: which commit a name means, and files as they were at it.

Paths are relative to the working directory, which may be a folder inside the repository.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping

from curation.errors import DataError

FILE = "blob"


def is_installed() -> bool:
    """Whether there is git at all; without it no name means a commit."""
    return shutil.which("git") is not None


def commit_of(revision: str) -> str | None:
    """The commit that a tag, a branch or another name of git's means; None where it means none, or outside of git."""
    if not is_installed():
        return None
    done = _run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return done.stdout.decode().strip() if done.returncode == 0 else None


def files(commit: str, *paths: str) -> Mapping[str, str]:
    """Files that git itself tracks at a commit, below the paths or everywhere below here, each with its object's id."""
    done = _run("ls-tree", "-r", "-z", commit, "--", *(paths or (".",)))
    found = {}
    for entry in filter(None, done.stdout.split(b"\0")):
        told, _, name = entry.partition(b"\t")
        _, kind, object_id = told.decode().split()
        if kind == FILE:
            found[os.fsdecode(name)] = object_id
    return found


def contents(object_ids: Iterable[str]) -> Iterator[bytes]:
    """The bytes of files by their objects' ids, one after the other, all read by one process.

    Raises:
        DataError: git lacks an object that it lists.
    """
    with subprocess.Popen(["git", "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for one in object_ids:
            process.stdin.write(f"{one}\n".encode())
            process.stdin.flush()
            told = process.stdout.readline().split()
            if told[1:2] != [FILE.encode()]:
                raise DataError(f"git has not got the object {one} of this repository. Get it: git fetch, or git fsck")
            data = process.stdout.read(int(told[2]))
            # A line feed ends each object.
            process.stdout.read(1)
            yield data


def _run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git and let it end as it will."""
    return subprocess.run(["git", *arguments], capture_output=True, check=False, stdin=subprocess.DEVNULL)

"""What git knows of this project: which commit a name means, and files as they were at it.

Paths are relative to the working directory, which may be a folder inside the repository.
"""

import subprocess
from collections.abc import Sequence

from curation.errors import InstallError


def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git and let it end as it will.

    Raises:
        InstallError: git is not installed.
    """
    try:
        return subprocess.run(["git", *arguments], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise InstallError("git is not installed, and this asks for one of its revisions; install it") from error


def commit_of(revision: str) -> str | None:
    """The commit that a tag, a branch or another name of git's means; None where it means none, or outside of git."""
    done = run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return done.stdout.decode().strip() if done.returncode == 0 else None


def read(commit: str, path: str) -> bytes | None:
    """A file as it was at a commit; None where it was not there."""
    done = run("cat-file", "blob", f"{commit}:./{path}")
    return done.stdout if done.returncode == 0 else None


def files(commit: str, *paths: str) -> Sequence[str]:
    """Files that git itself tracks at a commit, below the paths or everywhere below here."""
    done = run("ls-tree", "-r", "-z", "--name-only", commit, "--", *(paths or (".",)))
    return [name for name in done.stdout.decode().split("\0") if name]

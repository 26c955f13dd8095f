"""A revision of git is a side: what DVC tracked comes from its cache, what git tracked from git; nothing else is touched."""

import shutil
import subprocess
import sys

import pytest

from curation.diff.compare import compare, opened
from curation.errors import DataError
from tests.curation.diff.conftest import sample


@pytest.fixture
def repository(tmp_path, monkeypatch, make_release):
    """A repository with DVC whose tag v1 has a release of two rows, and whose working tree has one of three."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "ada@example.org")
    dvc("init", "--quiet")
    release = tmp_path / "data/release/chats"
    make_release(release, {"train": [sample("a"), sample("b")]})
    (tmp_path / "rows.jsonl").write_text('{"id": "a", "n": 1}\n')
    dvc("add", "--quiet", "data/release/chats")
    git("add", "--all")
    git("commit", "--quiet", "--message", "One")
    git("tag", "v1")
    shutil.rmtree(release)
    make_release(release, {"train": [sample("a", score=0.0), sample("b"), sample("c")]})
    (tmp_path / "rows.jsonl").write_text('{"id": "a", "n": 2}\n')
    return tmp_path


def git(*arguments):
    subprocess.run(["git", "-c", "init.defaultBranch=main", *arguments], check=True)


def dvc(*arguments):
    if arguments[0] == "init":
        git("init", "--quiet")
    subprocess.run([sys.executable, "-m", "dvc", *arguments], check=True)


@pytest.mark.parametrize("name", ["chats@v1", "v1:data/release/chats"])
def test_a_release_at_a_tag_comes_from_the_cache_of_dvc(repository, name):
    before = sorted(path for path in repository.rglob("*") if ".git" not in path.parts and ".dvc" not in path.parts)
    with opened(name, "chats") as both:
        found = compare(both, num_samples=0)
    assert (found.rows, found.added, found.removed, found.columns) == ((2, 3), 1, 0, {"verify_score": 1})
    after = sorted(path for path in repository.rglob("*") if ".git" not in path.parts and ".dvc" not in path.parts)
    assert after == before


def test_a_release_that_lacks_a_file_at_a_tag_is_told_without_dvc(repository):
    (repository / "kept").mkdir()
    listed = '{"files": [{"config": "default", "split": "train", "path": "data/train.parquet"}]}'
    (repository / "kept/manifest.json").write_text(listed)
    git("add", "kept")
    git("commit", "--quiet", "--message", "Two")
    told = r"manifest.json of HEAD:kept lists it. HEAD has no more of it: name another revision"
    with pytest.raises(DataError, match=told), opened("HEAD:kept", "chats"):
        pass


def test_a_file_that_git_tracks_comes_from_git(repository):
    with opened("v1:rows.jsonl", "rows.jsonl", ["id"]) as both:
        assert compare(both, num_samples=0).columns == {"n": 1}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "v1:data/release/cats",
            r"v1 has no data/release/cats, neither in git nor in DVC; nearest: data/release/chats",
        ),
        ("v1:data/release/chats/data/test", r"data/release/chats at v1 holds no data/release/chats/data/test"),
        ("chats@v2", r"nothing is called 'chats@v2'"),
    ],
)
def test_what_a_revision_does_not_have_is_told(repository, name, told):
    with pytest.raises(DataError, match=told), opened(name, "chats"):
        pass


def test_a_release_that_the_cache_lacks_is_told_with_how_to_get_it(repository):
    shutil.rmtree(repository / ".dvc/cache")
    told = r"is not in DVC's cache, .*dvc fetch --all-commits data/release/chats"
    with pytest.raises(DataError, match=told), opened("chats@v1", "chats"):
        pass


def test_folders_are_compared_without_dvc_and_without_a_client_of_the_hub(two_versions):
    program = (
        "import sys; from curation.cli import main; code = main(['diff', 'chats@1.0.0', 'chats@1.1.0', '--check']);"
        "print(code, [name for name in ('dvc', 'huggingface_hub', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "1 []"

"""Outs are found at a commit wherever their pipeline lies and their stage works, as DVC itself names them."""

import os
import subprocess
from pathlib import Path

import pytest

from curation import git
from curation.dvc_outs import Out, files_of, outs_at, tracked_by
from curation.errors import DataError

MD5 = "b854efe0c66dd49370b7e832f7261373"
LOCK = f"""
schema: '2.0'
stages:
  make:
    cmd: python make.py
    outs: [{{path: rows, md5: {MD5}.dir}}, {{path: s3://away/rows, etag: 1}}]
  each@a: {{cmd: python each.py, outs: [{{path: out, md5: {MD5}}}]}}
"""
PIPELINE = "stages: {make: {wdir: work}, each: {foreach: [a], do: {cmd: python each.py}}}"
OF_A_FILE = f"outs: [{{path: 1.0.0, md5: {MD5}.dir}}]"


@pytest.fixture
def commit_of(tmp_path, monkeypatch):
    """A function that commits files, given by path, and returns the commit."""
    monkeypatch.chdir(tmp_path)
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")

    def committed(files):
        for path, text in files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text)
        for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "One")):
            subprocess.run(["git", *command], check=True, env=environment)
        return git.commit_of("HEAD")

    return committed


def test_paths_start_where_a_stage_works_and_where_its_pipeline_lies(commit_of):
    commit = commit_of(
        {
            "dvc.lock": LOCK,
            "dvc.yaml": PIPELINE,
            "sub/dvc.lock": LOCK,
            "sub/dvc.yaml": PIPELINE.replace("work", "../beside"),
            "data/1.0.0.dvc": OF_A_FILE,
            "data/old.dvc": f"wdir: ..\n{OF_A_FILE}",
            ".dvc/config": "",
        }
    )
    assert set(outs_at(commit)) == {"work/rows", "out", "beside/rows", "sub/out", "data/1.0.0", "1.0.0"}
    assert outs_at(commit)["work/rows"] == Out("work/rows", f"{MD5}.dir")


def test_a_workplace_that_only_dvc_can_tell_is_an_error_with_another_way(commit_of):
    commit = commit_of({"dvc.lock": LOCK, "dvc.yaml": PIPELINE.replace("work", "'${item}'")})
    with pytest.raises(
        DataError, match=r"the stage make of dvc\.yaml works in '\$\{item\}', .* dvc get \. PATH --rev REV"
    ):
        outs_at(commit)


@pytest.mark.parametrize(("text", "told"), [("{", "is not YAML"), ("[]", "holds no mapping")])
def test_a_lock_that_is_none_is_told_with_its_commit(commit_of, text, told):
    commit = commit_of({"dvc.lock": text})
    with pytest.raises(DataError, match=rf"dvc\.lock at {commit[:12]} {told}"):
        outs_at(commit)


def test_a_dvc_file_tells_of_one_out(tmp_path):
    tracked = tmp_path / "1.0.0.dvc"
    with pytest.raises(DataError, match=r"cannot be read: .* git checkout"):
        tracked_by(tracked)
    tracked.write_text("outs: []")
    with pytest.raises(DataError, match="tells of 0 outs where one is wanted"):
        tracked_by(tracked)
    tracked.write_text(OF_A_FILE)
    assert tracked_by(tracked) == Out(f"{tmp_path}/1.0.0", f"{MD5}.dir")


def test_the_files_of_a_folder_are_those_of_its_list(tmp_path):
    out = Out("rows", f"{MD5}.dir")
    assert files_of(out, tmp_path) is None
    (tmp_path / MD5[:2]).mkdir()
    (tmp_path / MD5[:2] / f"{MD5[2:]}.dir").write_text('[{"relpath": "a/b", "md5": "0123"}]')
    assert files_of(out, tmp_path) == {"a/b": tmp_path / "01/23"}

"""The unmodified clients against a hub, with LFS and with Xet: every call that the docs name."""

import pytest

both = pytest.mark.parametrize("disable_xet", ["1", "0"], ids=["lfs", "xet"])


def repositories_and_files():
    from contextlib import suppress
    from pathlib import Path

    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
    from huggingface_hub.utils import EntryNotFoundError, RepositoryNotFoundError

    api = HfApi()
    assert api.whoami()["name"] == "local"
    assert api.create_repo("chats", repo_type="dataset").repo_id == "local/chats"
    assert api.create_repo("local/chats", repo_type="dataset", exist_ok=True).repo_id == "local/chats"
    repo = {"repo_id": "local/chats", "repo_type": "dataset"}
    first = api.upload_file(path_or_fileobj=b"# Chats\n", path_in_repo="README.md", **repo)
    folder = Path("folder/data")
    folder.mkdir(parents=True)
    for number in range(5):
        (folder / f"{number}.parquet").write_bytes(bytes([number]) * 10 ** (number + 1))
    (folder / "empty.bin").write_bytes(b"")
    (folder / "a name, ü #1%.txt").write_text("text")
    second = api.upload_folder(folder_path="folder", commit_description="all of them", **repo)
    assert api.upload_folder(folder_path="folder", **repo).oid == second.oid, "nothing has changed"
    api.create_commit(
        operations=[
            CommitOperationAdd("data/new.jsonl", b"{}\n"),
            CommitOperationCopy("data/4.parquet", "copy.parquet"),
            CommitOperationCopy("README.md", "copy.md"),
            CommitOperationDelete("data/0.parquet"),
        ],
        commit_message="several",
        parent_commit=second.oid,
        **repo,
    )
    newest, before, *_ = api.list_repo_commits(**repo)
    assert (newest.title, before.commit_id, before.message) == ("several", second.oid, "all of them")
    assert api.repo_info(revision=first.oid, **repo).sha == first.oid
    assert {one.rfilename for one in api.dataset_info("local/chats").siblings} >= {"copy.md", "copy.parquet"}
    sizes = {one.rfilename: one.size for one in api.dataset_info("local/chats", files_metadata=True).siblings}
    assert sizes["copy.parquet"] == 100_000
    files = [one.path for one in api.list_repo_tree(recursive=True, **repo)]
    assert files == sorted(files) and "data" in files and "data/a name, ü #1%.txt" in files
    [info] = api.get_paths_info(paths=["data/3.parquet", "nothing"], expand=True, **repo)
    assert (info.size, info.lfs.size, info.last_commit.oid) == (10_000, 10_000, second.oid)
    here = Path(api.snapshot_download(**repo))
    assert (here / "data/4.parquet").read_bytes() == (folder / "4.parquet").read_bytes()
    assert (here / "data/a name, ü #1%.txt").read_text() == "text"
    assert not (here / "data/0.parquet").exists() and (here / "data/empty.bin").read_bytes() == b""
    assert api.file_exists(filename="copy.md", **repo) and not api.file_exists(filename="none", **repo)
    api.delete_file("copy.md", **repo)
    api.delete_folder("data", **repo)
    assert api.list_repo_files(**repo) == [".gitattributes", "README.md", "copy.parquet"]
    with suppress(EntryNotFoundError):
        raise AssertionError(api.hf_hub_download(filename="data/1.parquet", **repo))
    old = api.hf_hub_download(filename="data/1.parquet", revision=second.oid[:7], local_dir="old", **repo)
    assert Path(old).read_bytes() == b"\1" * 100
    assert [one.id for one in api.list_datasets(author="local")] == ["local/chats"]
    api.delete_repo(**repo)
    try:
        api.repo_info(**repo)
    except RepositoryNotFoundError:
        print("gone")


@both
def test_repositories_and_files(client, disable_xet):
    assert client(repositories_and_files, HF_HUB_DISABLE_XET=disable_xet) == "gone\n"


def branches_and_tags():
    from huggingface_hub import HfApi
    from huggingface_hub.utils import HfHubHTTPError, RevisionNotFoundError

    def status(call, *args, **more):
        try:
            call(*args, **more)
        except HfHubHTTPError as error:
            return error.response.status_code

    api = HfApi()
    repo = {"repo_id": "ada/chats", "repo_type": "dataset"}
    api.create_repo(**repo)
    first = api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", **repo)
    api.create_tag(tag="v1.0.0", tag_message="the first", **repo)
    api.create_branch(branch="work/next", revision="v1.0.0", **repo)
    second = api.upload_file(path_or_fileobj=b"2", path_in_repo="a.txt", revision="work/next", **repo)
    assert status(api.create_tag, tag="v1.0.0", revision="work/next", **repo) == 409
    api.create_tag(tag="v1.0.0", exist_ok=True, **repo)
    assert status(api.create_branch, branch="work/next", **repo) == 409
    refs = api.list_repo_refs(include_pull_requests=True, **repo)
    assert {one.name: one.target_commit for one in refs.branches} == {"main": first.oid, "work/next": second.oid}
    assert [(one.ref, one.target_commit) for one in refs.tags] == [("refs/tags/v1.0.0", first.oid)]
    late = {"path_or_fileobj": b"3", "path_in_repo": "a.txt", "revision": "work/next", **repo}
    assert status(api.upload_file, parent_commit=first.oid, **late) == 412
    assert api.upload_file(parent_commit=second.oid, **late).oid != second.oid
    assert status(api.upload_file, create_pr=True, **{**late, "path_in_repo": "b.txt"}) == 400
    assert status(api.delete_branch, branch="main", **repo) == 403
    api.delete_branch(branch="work/next", **repo)
    api.delete_tag(tag="v1.0.0", **repo)
    try:
        api.list_repo_tree(revision="v1.0.0", **repo).__next__()
    except RevisionNotFoundError:
        print("gone")


@both
def test_branches_and_tags(client, disable_xet):
    assert client(branches_and_tags, HF_HUB_DISABLE_XET=disable_xet) == "gone\n"


def pushed_datasets():
    from datasets import Dataset, DatasetDict, load_dataset
    from huggingface_hub import HfApi

    rows = [{"messages": [{"role": "user", "content": str(number)}], "score": number / 7} for number in range(500)]
    whole = Dataset.from_list(rows)
    whole.push_to_hub("ada/chats", max_shard_size="10KB")
    HfApi().create_tag("ada/chats", tag="v1.0.0", repo_type="dataset")
    parts = DatasetDict(train=whole.select(range(400)), test=whole.select(range(400, 500)))
    parts.push_to_hub("ada/chats", "parts", commit_message="more")
    assert load_dataset("ada/chats", revision="v1.0.0", split="train").to_list() == rows
    assert load_dataset("ada/chats", "parts", split="test").to_list() == rows[400:]
    assert next(iter(load_dataset("ada/chats", "parts", split="test", streaming=True))) == rows[400]
    print(len(HfApi().list_repo_commits("ada/chats", repo_type="dataset")))


@both
def test_datasets_are_pushed_and_loaded(client, disable_xet):
    assert client(pushed_datasets, HF_HUB_DISABLE_XET=disable_xet) == "3\n"


def file_systems():
    from huggingface_hub import HfApi, HfFileSystem

    HfApi().create_repo("ada/chats", repo_type="dataset")
    fs = HfFileSystem()
    data = bytes(range(256)) * 1000
    with fs.open("datasets/ada/chats/data/a.bin", "wb") as file:
        file.write(data)
    with fs.open("datasets/ada/chats/data/a.bin", block_size=1000) as file:
        assert file.seek(-5, 2) and file.read() == data[-5:]
        assert file.seek(70_000) and file.read(300) == data[70_000:70_300]
    assert fs.cat_file("datasets/ada/chats@main/data/a.bin") == data
    assert fs.glob("datasets/ada/chats/**/*.bin") == ["datasets/ada/chats/data/a.bin"]
    assert fs.ls("datasets/ada/chats/data", detail=True, expand_info=True)[0]["last_commit"].title
    fs.cp_file("datasets/ada/chats/data/a.bin", "datasets/ada/chats/b.bin")
    fs.rm("datasets/ada/chats/data", recursive=True)
    print(fs.ls("datasets/ada/chats", detail=False, refresh=True))


@both
def test_file_system(client, disable_xet):
    assert (
        client(file_systems, HF_HUB_DISABLE_XET=disable_xet)
        == "['datasets/ada/chats/.gitattributes', 'datasets/ada/chats/b.bin']\n"
    )


def models():
    from pathlib import Path

    from huggingface_hub import HfApi, hf_hub_download

    HfApi().create_repo("ada/small")
    HfApi().upload_file(repo_id="ada/small", path_or_fileobj=b"\0" * 300_000, path_in_repo="model.safetensors")
    print(Path(hf_hub_download("ada/small", "model.safetensors")).stat().st_size)


@both
def test_models(client, disable_xet):
    assert client(models, HF_HUB_DISABLE_XET=disable_xet) == "300000\n"

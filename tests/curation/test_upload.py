"""A version gets to a Hub whole, once, whatever happens on the way."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, constants

from curation.errors import DataError
from curation.freeze import freeze, read_manifest
from curation.hub.messages import Answer
from curation.served import differences, local_files
from tests.curation.faulty_hub import REPO, TOKEN, Fault, Publisher, faulty_hub, publish_to, upload_to
from tests.curation.release_folders import DATASET, chats, write_release

COMMIT = r"POST .*/commit/main"
KILLS = [
    # Before anything is there, and at each request until the first byte is sent.
    (r"GET .*/refs", "before"),
    (r"POST .*/repos/create", "before"),
    (r"POST .*/repos/create", "after"),
    (r"GET .*/revision/main", "before"),
    (r"GET .*/commits/", "before"),
    (r"POST .*/preupload/", "before"),
    # While bytes are sent.
    (r"POST .*/objects/batch", "before"),
    (r"PUT /uploads/", "before"),
    (r"PUT /uploads/", "after"),
    (r"POST .*/objects/verify", "after"),
    # Round the commit.
    (r"POST .*/validate-yaml", "before"),
    (COMMIT, "before"),
    (COMMIT, "after"),
    # Between commit and tag.
    (r"GET .*/tree/[0-9a-f]{40}(?!.*main)", "after"),
    (r"POST .*/tag/", "before"),
    (r"POST .*/tag/", "after"),
]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CURATE_HOME", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    write_release(chats(1, 2, 3), shards=3)
    return tmp_path


@pytest.fixture
def faulty(project):
    with faulty_hub(project / "hub") as (server, record):
        yield server, record


def titles(endpoint: str) -> list[str]:
    commits = HfApi(endpoint=endpoint, token=TOKEN).list_repo_commits(REPO, repo_type="dataset")
    return [one.title for one in commits]


def check_served(endpoint: str, version: str = "1.0.0", commits: int = 1) -> None:
    """The tag serves the frozen version, with one commit of each version in the history."""
    folder = Path(f"data/releases/{DATASET}/{version}")
    api = HfApi(endpoint=endpoint, token=TOKEN)
    tree = {
        one.path: one for one in api.list_repo_tree(REPO, recursive=True, revision=f"v{version}", repo_type="dataset")
    }
    files = {one: tree[one] for one in tree if hasattr(tree[one], "size") and one != ".gitattributes"}
    assert differences(local_files(folder, read_manifest(folder)), files) == {}
    assert len(titles(endpoint)) == commits + 1
    assert titles(endpoint).count(f"{DATASET} {version}") == 1
    refs = api.list_repo_refs(REPO, repo_type="dataset")
    assert [one.name for one in refs.tags].count(f"v{version}") == 1


@pytest.mark.parametrize(("request_line", "when"), KILLS)
def test_kill_9_at_any_request_is_mended_by_a_repeat(faulty, request_line, when):
    server, record = faulty
    publisher = Publisher(server.endpoint)
    record.faults.append(Fault(request_line, publisher.kill, when))
    assert publisher.run() == -9
    publish_to(server.endpoint)
    check_served(server.endpoint)


@pytest.mark.parametrize("request_line", [r"GET .*/xet-write-token/", COMMIT])
@pytest.mark.parametrize("when", ["before", "after"])
def test_kill_9_with_xet_is_mended_by_a_repeat(faulty, request_line, when):
    server, record = faulty
    publisher = Publisher(server.endpoint, xet=True)
    record.faults.append(Fault(request_line, publisher.kill, when))
    assert publisher.run() == -9
    again = Publisher(server.endpoint, xet=True)
    assert again.run() == 0
    assert not any(line.startswith("PUT ") for line in record.requests)
    check_served(server.endpoint)


def test_a_second_run_sends_nothing(faulty):
    server, record = faulty
    first = publish_to(server.endpoint)
    record.requests.clear()
    second = publish_to(server.endpoint)
    assert (second.commit, second.sent_bytes, second.sent_files) == (first.commit, 0, 0)
    assert record.writes == []
    assert not any("preupload" in line or "batch" in line for line in record.requests)


def test_the_next_version_sends_what_is_new_and_removes_what_is_gone(faulty):
    server, record = faulty
    publish_to(server.endpoint)
    write_release(chats(1, 9), shards=2)
    record.requests.clear()
    published = publish_to(server.endpoint, "1.1.0")
    assert published.removed_files == 1
    assert len([line for line in record.requests if line.startswith("PUT ")]) == 1
    check_served(server.endpoint, "1.1.0", commits=2)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_whose_answer_is_lost_is_made_once(faulty, when):
    server, record = faulty
    record.faults.append(Fault(COMMIT, lambda: None, when))
    publish_to(server.endpoint)
    assert len([line for line in record.writes if "/commit/" in line]) == {"before": 2, "after": 1}[when]
    check_served(server.endpoint)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "request_line", [r"GET .*/refs", r"POST .*/objects/batch", r"PUT /uploads/", COMMIT, r"POST .*/tag/"]
)
def test_a_busy_hub_is_asked_again_after_the_time_that_it_names(faulty, status, request_line):
    server, record = faulty
    busy = Answer(status=status, headers=(("Retry-After", "0"),), body=b"busy")
    record.faults.append(Fault(request_line, lambda: busy, times=2))
    publish_to(server.endpoint)
    check_served(server.endpoint)


def test_of_two_publishers_at_once_one_wins_and_the_other_says_what_happened(faulty, project):
    """Both have read the same head when the first of them commits."""
    server, record = faulty
    frozen = [freeze(DATASET, "1.0.0")]
    write_release(chats(5), shards=2)
    frozen.append(freeze(DATASET, "1.1.0"))
    both_ready = threading.Barrier(2)
    gate = Fault(r"POST .*/validate-yaml", lambda: (both_ready.wait(30), Answer(body=b"{}"))[1], times=2)
    record.faults.append(gate)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(upload_to, server.endpoint, one) for one in frozen]
        failed = [one for run, one in zip(runs, frozen, strict=True) if run.exception()]
    [error] = [run.exception() for run in runs if run.exception()]
    winner = next(one for one in frozen if one not in failed)
    assert f"was changed by another publisher while {DATASET} {failed[0].version} was uploaded" in str(error)
    assert f"'{DATASET} {winner.version}' by ada" in str(error)
    check_served(server.endpoint, winner.version)


def test_a_published_tag_never_moves(faulty, project, monkeypatch):
    server, _ = faulty
    commit = publish_to(server.endpoint).commit
    (project / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    write_release(chats(1, 2, 3, 4))
    with pytest.raises(DataError, match=r"a published tag never moves: .* rows differ since 1\.0\.0: set .*: 1\.1\.0"):
        publish_to(server.endpoint)
    refs = HfApi(endpoint=server.endpoint, token=TOKEN).list_repo_refs(REPO, repo_type="dataset")
    assert [(one.name, one.target_commit) for one in refs.tags] == [("v1.0.0", commit)]


def test_an_equal_release_frozen_elsewhere_is_published_already(faulty, project, monkeypatch):
    server, record = faulty
    commit = publish_to(server.endpoint).commit
    (project / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    write_release(chats(1, 2, 3), shards=3)
    record.requests.clear()
    assert publish_to(server.endpoint).commit == commit
    assert record.writes == []


def test_a_tag_of_another_publisher_at_the_last_moment_is_told(faulty):
    server, record = faulty
    api = HfApi(endpoint=server.endpoint, token=TOKEN)

    def tag_first() -> Answer:
        first = api.list_repo_commits(REPO, repo_type="dataset")[-1].commit_id
        api.create_tag(REPO, tag="v1.0.0", revision=first, repo_type="dataset")
        return Answer(status=409, body=b"exists")

    record.faults.append(Fault(r"POST .*/tag/", tag_first))
    with pytest.raises(DataError, match=r"got the tag v1\.0\.0 from another publisher"):
        publish_to(server.endpoint)


def test_an_older_version_does_not_put_the_branch_back(faulty):
    server, _ = faulty
    old = freeze(DATASET, "1.0.0")
    write_release(chats(7))
    publish_to(server.endpoint, "1.1.0")
    with pytest.raises(DataError, match=r"has v1\.1\.0, and version 1\.0\.0 would put its branch back"):
        upload_to(server.endpoint, old)


def test_a_repository_of_somebody_elses_files_is_left_alone(faulty):
    server, _ = faulty
    api = HfApi(endpoint=server.endpoint, token=TOKEN)
    api.create_repo(REPO, repo_type="dataset")
    add = CommitOperationAdd("notes.txt", b"mine")
    api.create_commit(REPO, [add], commit_message="mine", repo_type="dataset")
    with pytest.raises(DataError, match=r"holds files that no release put there \(notes\.txt\)"):
        publish_to(server.endpoint)


def test_more_than_100_files_are_one_commit(faulty):
    server, record = faulty
    write_release(chats(*range(120)), shards=120)
    published = publish_to(server.endpoint)
    assert published.sent_files > 120
    assert len([line for line in record.writes if "/commit/" in line]) == 1
    check_served(server.endpoint)


def test_damaged_bytes_are_found_before_anybody_sees_them(faulty):
    server, _ = faulty
    frozen = freeze(DATASET, "1.0.0")
    shard = frozen.folder / "data/train-00001.parquet"
    data = shard.read_bytes()
    shard.chmod(0o644)
    shard.write_bytes(data[:-5] + b"X" + data[-4:])
    with pytest.raises(DataError, match=r"train-00001\.parquet is damaged"):
        upload_to(server.endpoint, frozen)
    assert titles(server.endpoint) == ["initial commit"]


def test_a_refused_token_stands_in_no_message(faulty, capfd):
    server, record = faulty
    echo = Answer(status=403, body=f'{{"error": "token {TOKEN} may not write"}}'.encode())
    record.faults.append(Fault(r"POST .*/repos/create", lambda: echo))
    with pytest.raises(DataError, match=r"failed at .*: 403 .*\*\*\* may not write\. Set HF_TOKEN") as raised:
        publish_to(server.endpoint)
    assert TOKEN not in str(raised.value) + "".join(capfd.readouterr())
    assert not any(TOKEN in path.read_text() for path in Path(".curate").rglob("*.json"))


def test_the_journal_is_of_the_last_step(faulty):
    server, record = faulty
    publisher = Publisher(server.endpoint)
    record.faults.append(Fault(COMMIT, publisher.kill, "after"))
    publisher.run()
    [path] = Path(".curate/publish").rglob("1.0.0.json")
    assert '"phase": "commit"' in path.read_text()
    publish_to(server.endpoint)
    assert '"phase": "done"' in path.read_text()

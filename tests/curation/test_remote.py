"""A release on a Hub is asked by http: only what a query reads is fetched."""

import json
import os
import threading
from pathlib import Path

import duckdb
import pytest
from huggingface_hub import HfApi, close_session, constants

from curation.cli import main
from curation.errors import DataError, ParamsError
from curation.hub.messages import Answer
from curation.hub.server import Handler, open_server
from curation.query import Remote, query

ADA = "hf_ada"
ROWS = 6000
NOISE = "(SELECT string_agg(md5((n * 100 + k)::VARCHAR), '' ORDER BY k) FROM range(12) AS numbers(k))"
TEXT = f"'<think>' || {NOISE} || '</think><answer>' || n || '</answer>'"
SELECT = f"""
    SELECT printf('%032d', n) AS sample_id, n % 3 AS verify_score,
        [{{'role': 'user', 'content': md5(n::VARCHAR)}}, {{'role': 'assistant', 'content': {TEXT}}}] AS messages
    FROM range({ROWS}) AS numbers(n)
"""


class Watched(Handler):
    """A handler that keeps the paths and sizes of the files that it sends."""

    sent: list[tuple[str, int]]

    def _send(self, answered: Answer) -> None:
        if answered.part and self.command == "GET":
            self.sent.append((self.path.rpartition("/")[2], answered.part.length))
        super()._send(answered)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A folder as a release is published, of 6,000 rows, and one drop."""
    root = tmp_path_factory.mktemp("release")
    for name, sql in (("data/train-00000", SELECT), ("drops/00000", "SELECT 'failed' AS reason")):
        (root / name).parent.mkdir()
        options = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 2048"
        duckdb.sql(f"COPY ({sql}) TO '{root / name}.parquet' ({options})")
    files = [
        {"path": "data/train-00000.parquet", "config": "default"},
        {"path": "drops/00000.parquet", "config": "drops"},
    ]
    schema = [{"name": "sample_id", "doc": "Sample."}]
    (root / "manifest.json").write_text(json.dumps({"files": files, "schema": schema}))
    return root


@pytest.fixture
def hub(release, tmp_path, monkeypatch):
    """A Hub with ada/chats, its tag v1.0.0, the private ada/secret and, without a manifest, ada/loose."""
    for name, value in {"HF_HUB_OFFLINE": False, "HF_HUB_DISABLE_XET": True}.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", ADA)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    Watched.sent = []
    with open_server(tmp_path / "hub", tokens=[f"ada:{ADA}"], quiet=True) as server:
        server.RequestHandlerClass = Watched
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("CURATE_TEST_HUB", server.endpoint)
        api = HfApi(endpoint=server.endpoint, token=ADA)
        for name, private in (("chats", False), ("secret", True), ("loose", False)):
            repo = {"repo_id": f"ada/{name}", "repo_type": "dataset"}
            api.create_repo(private=private, **repo)
            api.upload_folder(folder_path=release, ignore_patterns="manifest.json" if name == "loose" else None, **repo)
        api.create_tag("ada/chats", tag="v1.0.0", repo_type="dataset")
        yield server
        server.shutdown()
        thread.join()
        close_session()


def asked(sql: str, *names: str, hub: str | None = None) -> list[dict[str, object]]:
    """Rows of a query over releases on the Hub."""
    query(sql, output_format="json", output=Path("rows"), remote=Remote(names, hub or os.environ["CURATE_TEST_HUB"]))
    return [json.loads(line) for line in Path("rows").read_text().splitlines()]


def test_a_figure_of_all_rows_does_not_fetch_their_text(hub, release):
    shard = release / "data/train-00000.parquet"
    rows = asked("SELECT count(*) AS n, sum(verify_score)::INT AS total FROM chats_v1_0_0", "ada/chats@v1.0.0")
    assert rows == [{"n": ROWS, "total": ROWS}]
    fetched = sum(size for path, size in Watched.sent if path == shard.name)
    assert fetched < shard.stat().st_size / 20
    Watched.sent.clear()
    asked("SELECT sum(len(answer(messages))) AS n FROM chats_v1_0_0", "ada/chats@v1.0.0")
    assert sum(size for path, size in Watched.sent if path == shard.name) > shard.stat().st_size / 2


def test_a_row_by_its_id_fetches_its_row_group_only(hub, release):
    wanted = f"SELECT think(messages) IS NOT NULL AS thought, answer(messages) AS said FROM chats_v1_0_0 WHERE sample_id = '{5000:032}'"
    assert asked(wanted, "ada/chats@v1.0.0") == [{"thought": True, "said": "5000"}]
    fetched = sum(size for path, size in Watched.sent if path == "train-00000.parquet")
    assert fetched < (release / "data/train-00000.parquet").stat().st_size / 2


def test_two_releases_and_drops_are_asked_at_once(hub):
    names = ("ada/chats@v1.0.0", "ada/secret")
    sql = "SELECT (SELECT count(*) FROM secret_main) AS n, reason FROM chats_v1_0_0_drops"
    assert asked(sql, *names) == [{"n": ROWS, "reason": "failed"}]


def test_the_tables_of_a_project_are_there_too(hub, tiny_project):
    sql = "SELECT (SELECT count(*) FROM records) AS records, count(*) AS n FROM chats_main"
    assert asked(sql, "ada/chats") == [{"records": 5, "n": ROWS}]


def test_a_hub_in_a_folder_is_served_for_the_query(hub, tmp_path):
    hub.shutdown()
    hub.server_close()
    rows = asked("SELECT count(*) AS n FROM chats_v1_0_0", "ada/chats@v1.0.0", hub=str(tmp_path / "hub"))
    assert rows == [{"n": ROWS}]


def test_the_command_says_how_a_release_is_called(hub, capsys):
    remote = ["--remote", "ada/chats@v1.0.0", "--hub", hub.endpoint]
    assert main(["query", "SELECT max(sample_id)::INT AS last FROM chats_v1_0_0", *remote]) == 0
    assert capsys.readouterr().err == "ada/chats@v1.0.0 is the table chats_v1_0_0\n"
    assert main(["query", "SELECT verify_scor FROM chats_v1_0_0", *remote]) == 1
    assert "no column 'verify_scor'; nearest: verify_score (chats_v1_0_0)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ada/chats@v2.0.0", r"query: ada/chats has no revision 'v2\.0\.0'; there are: v1\.0\.0, main"),
        (
            "ada/chat",
            r"query: http://127.* shows no dataset 'ada/chat'\. Look at its name; if it is private, set HF_TOKEN",
        ),
        ("ada/loose", r"query: ada/loose@main is not a release: it has no manifest\.json"),
    ],
)
def test_what_a_hub_does_not_have_is_one_sentence(hub, name, sentence):
    with pytest.raises(DataError, match=sentence):
        asked("SELECT 1", name)


def test_a_private_release_needs_a_token_that_may_read_it(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    with pytest.raises(DataError) as caught:
        asked("SELECT 1", "ada/secret")
    assert "hf_nobody" not in str(caught.value)
    assert "HF_TOKEN" in str(caught.value)


def test_a_name_without_its_namespace_is_refused(hub):
    with pytest.raises(ParamsError, match="'chats@v1' is not NAMESPACE/NAME@TAG"):
        asked("SELECT 1", "chats@v1")

"""A release holds what was selected, in the published layout, and says what it is."""

import hashlib
import json
import shutil

import mlcroissant
import pyarrow.parquet as pq
import pytest
import yaml
from datasets import load_dataset

from curation import release
from curation.layouts.named import layout_of
from curation.params import load
from curation.stage import run_stage
from curation.tables import connect, read
from schemas.am_1_4m import AM_1_4M
from tests.curation.selected import choose, released


@pytest.fixture
def chosen(tiny_project, ids):
    """The tiny project with two samples of one prompt selected for am-40m, and a ready one."""
    apples, add = ids("prompt", "apples"), ids("prompt", "add")
    samples = [(ids("sample", "right"), apples), (ids("sample", "wrong"), apples), (ids("sample", "ready"), add)]
    choose(tiny_project, "am-40m", samples)
    return tiny_project


def test_rows_have_the_flat_shape_of_the_40m_card(chosen):
    root = released(chosen, "am-40m")
    rows = (
        read(connect(memory_gb=1), root / "data", layout_of(dataset := load().datasets["am-40m"]).table(dataset))
        .to_arrow_table()
        .to_pylist()
    )
    code, *math = sorted(rows, key=lambda row: row["category"])
    assert [row["answer"] for row in math] != []
    assert {row["answer"] for row in math} == {
        "<think>I count.</think>\n<answer>7</answer>",
        "<think>I count.</think>\n<answer>8</answer>",
    }
    assert (math[0]["ground_truth"], math[0]["question_source"], math[0]["answer_source"]) == ("7", "school", "small")
    assert (code["category"], code["verify_score"], code["model_name"]) == ("code", None, "school")
    assert json.loads(code["test_case"])["call_type"] == "assert"


def test_rows_have_the_messages_of_the_1_4m_card(tiny_project):
    root = released(tiny_project, "am-1-4m")
    (row,) = read(connect(memory_gb=1), root / "data", AM_1_4M).to_arrow_table().to_pylist()
    user, assistant = row["messages"]
    assert user["info"]["source"] == "school"
    assert user["info"]["reference_answer"] == "7"
    assert user["info"]["test_case"] is None
    assert assistant["content"] == "<think>I count.</think>\n<answer>7</answer>"
    assert (assistant["info"]["think_content"], assistant["info"]["answer_content"]) == ("I count.", "7")
    assert (row["num_turns"], row["prompt_words"], row["answer_tokens"], row["reasoning_tokens"]) == (2, 13, 9, 3)


def test_the_manifest_agrees_with_the_files(chosen):
    root = released(chosen, "am-40m")
    manifest = json.loads((root / "manifest.json").read_text())
    listed = manifest["files"] + manifest["sidecars"]
    assert {file["path"] for file in listed} == {path.relative_to(root).as_posix() for path in root.rglob("*.parquet")}
    for file in listed:
        data = (root / file["path"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert [(source["name"], source["licence"], source["num_rows"]) for source in manifest["sources"]] == [
        ("school", "MIT", 3)
    ]


def test_a_release_has_a_sidecar_with_a_row_per_row(chosen):
    root = released(chosen, "am-40m")
    (entry,) = json.loads((root / "manifest.json").read_text())["sidecars"]
    assert (entry["path"], entry["config"], entry["split"], entry["rows"]) == (
        "sidecar/default/train-00000.parquet", "default", "train", 3,
    )  # fmt: skip
    ids = pq.read_table(root / "data/train-00000.parquet").column("sample_id").to_pylist()
    hashed = pq.read_table(root / entry["path"])
    assert [one.hex for one in hashed.column("sample_id").to_pylist()] == ids
    assert hashed.column_names == ["sample_id", "hash_text", "hash_labels", "hash_scores", "hash_ids"]


def test_two_releases_of_equal_rows_are_equal(chosen):
    def contents():
        root = released(chosen, "am-40m")
        return {path.name: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    assert contents() == contents()


def test_croissant_names_the_files_of_the_manifest(chosen):
    root = released(chosen, "am-40m")
    manifest = json.loads((root / "manifest.json").read_text())
    told = json.loads((root / "croissant.json").read_text())
    objects = [one for one in told["distribution"] if one["@type"] == "cr:FileObject"]
    assert [(one["contentUrl"], one["sha256"]) for one in objects] == [
        (file["path"], file["sha256"]) for file in manifest["files"]
    ]
    assert (told["identifier"], told["inLanguage"], "version" in told) == (manifest["release_id"], ["en"], False)
    rows = next(one for one in told["recordSet"] if one["@id"] == "default")
    assert [field["name"] for field in rows["field"]] == [
        "default/split",
        *(f"default/{column['name']}" for column in manifest["schema"]),
    ]
    assert rows["key"] == [{"@id": "default/sample_id"}]


def test_mlcroissant_reads_messages_with_their_info(tiny_project):
    read = mlcroissant.Dataset(jsonld=released(tiny_project, "am-1-4m") / "croissant.json")
    (row,) = read.records("default")
    assert row["default/messages"][1]["default/messages/content"] == b"<think>I count.</think>\n<answer>7</answer>"
    # What is nested twice comes beside it, a list over the turns.
    assert row["default/messages/info"]["default/messages/info/reference_answer"] == [b"7", None]
    assert (row["default/split"], row["default/reasoning_tokens"]) == (b"train", 3)


def test_other_rows_make_another_release(chosen, ids):
    def release_id():
        return json.loads((released(chosen, "am-40m") / "manifest.json").read_text())["release_id"]

    before = release_id()
    choose(chosen, "am-40m", [(ids("sample", "right"), ids("prompt", "apples"))])
    assert release_id() != before


def test_on_a_base_the_files_that_are_published_stay_and_new_rows_come_behind(chosen, ids):
    apples, add = ids("prompt", "apples"), ids("prompt", "add")
    values = yaml.safe_load((chosen / "params.yaml").read_text())
    values["release"]["base"] = {"am-40m": "latest"}
    (chosen / "params.yaml").write_text(yaml.safe_dump(values))
    before = released(chosen, "am-40m")
    shutil.copytree(before, chosen / "data/releases/am-40m/1.0.0")
    first = (before / "data/train-00000.parquet").read_bytes()
    choose(
        chosen,
        "am-40m",
        [
            (ids("sample", "failed"), add),
            (ids("sample", "right"), apples),
            (ids("sample", "wrong"), apples),
            (ids("sample", "ready"), add),
        ],
    )
    grown = released(chosen, "am-40m")
    assert (grown / "data/train-00000.parquet").read_bytes() == first
    assert pq.read_table(grown / "data/train-00001.parquet").column("sample_id").to_pylist() == [
        ids("sample", "failed")
    ]
    hashed = pq.read_table(grown / "sidecar/default/train-00000.parquet").column("sample_id").to_pylist()
    kept = sorted(ids("sample", name) for name in ("right", "wrong", "ready"))
    assert [one.hex for one in hashed] == [*kept, ids("sample", "failed")]


def test_datasets_loads_what_was_released(chosen):
    root = released(chosen, "am-40m")
    rows = load_dataset(str(root), split="train")
    assert sorted(rows["answer_source"]) == ["school", "small", "small"]
    assert set(load_dataset(str(root), "drops", split="train")["reason"]) >= {
        "near_duplicate",
        "over_budget",
        "repetition",
    }


def test_the_card_names_licence_size_and_splits(chosen):
    text = (released(chosen, "am-40m") / "README.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert (front["license"], front["size_categories"], front["language"]) == ("mit", ["n<1K"], ["en"])
    assert front["configs"][0]["data_files"] == [{"split": "train", "path": ["data/train-00000.parquet"]}]
    assert "| distill | over_budget | 1 |" in text


def test_the_card_shows_the_statistics_with_the_categories_as_released(chosen):
    text = (released(chosen, "am-40m") / "README.md").read_text()
    assert "| math | 2 | 66.7% | 1 | 50.0% |" in text
    assert "| small | math | 2 | 18 | 100.0% | 9.0 | 9 | 9 | 9 |" in text
    assert "| 000008-000015 | 1 | 2 |" in text
    assert "| reference | test case | 1 | 33.3% | 1 |" in text


def test_a_dataset_that_selects_nothing_is_released_empty(tiny_project):
    choose(tiny_project, "am-40m", [])
    root = released(tiny_project, "am-40m")
    assert pq.read_metadata(root / "data/train-00000.parquet").num_rows == 0
    text = (root / "README.md").read_text()
    assert "dropped every candidate" in text
    assert "## Categories" not in text


def test_a_release_needs_its_selection(tiny_project, capsys):
    assert run_stage("release", release._run, dataset="am-40m") == 1
    assert "no Parquet shard in data/select/am-40m/selections" in capsys.readouterr().err


def test_a_release_needs_the_statistics_of_its_selection(chosen, capsys):
    assert release.main(["am-40m"]) == 1
    assert "data/select/am-40m/statistics.json is missing" in capsys.readouterr().err

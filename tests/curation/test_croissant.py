"""croissant.json says of a release's files, configs and columns what the manifest says, and a reader of Croissant reads it."""

import hashlib
import json
import logging

import mlcroissant
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.croissant import CROISSANT, add_version, croissant, unversioned
from schemas.drops import DROPS

TURN = pa.struct([("role", pa.string()), ("info", pa.struct([("score", pa.float64())]))])
SCHEMA = pa.schema([("messages", pa.list_(TURN)), ("sample_id", pa.string()), ("num_turns", pa.int32())])


def row(number, score):
    turns = [{"role": "user", "info": None}, {"role": "assistant", "info": {"score": score}}]
    return {"messages": turns, "sample_id": f"s{number}", "num_turns": 2}


@pytest.fixture
def release(tmp_path):
    """Three rows in two shards of one split, one of another split, and of another config; no drops."""
    shards = {
        "data/train-00000.parquet": [row(0, 0.5), row(1, None)],
        "data/train-00001.parquet": [row(2, 1.0)],
        "data/validation-00000.parquet": [row(3, 1.0)],
        "level-1/train-00000.parquet": [row(4, 0.0)],
    }
    files = []
    for name, rows in shards.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / name)
        folder, split = name.split("/")[0], name.split("/")[1].split("-")[0]
        files.append(
            {"path": name, "config": {"data": "default"}.get(folder, folder), "split": split, "rows": len(rows)}
        )
    (tmp_path / "drops").mkdir()
    pq.write_table(DROPS.arrow_schema.empty_table(), tmp_path / "drops/00000.parquet")
    files.append({"path": "drops/00000.parquet", "config": "drops", "split": "train", "rows": 0})
    for file in files:
        data = (tmp_path / file["path"]).read_bytes()
        file |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest = {
        "dataset": "chats",
        "release_id": "r1",
        "schema": [{"name": "num_turns", "doc": "Turns, the answer included."}],
        "files": files,
        "sources": [{"name": "school", "licence": "MIT"}],
    }
    return tmp_path, manifest


def described(release):
    root, manifest = release
    return croissant(manifest, what="Chats.", languages=["en"], key=("sample_id",), root=root)


def test_every_file_has_the_size_and_hash_of_the_manifest(release):
    objects = [one for one in described(release)["distribution"] if one["@type"] == "cr:FileObject"]
    assert [(one["contentUrl"], one["contentSize"], one["sha256"]) for one in objects] == [
        (file["path"], f"{file['bytes']} B", file["sha256"]) for file in release[1]["files"]
    ]


def test_a_config_has_a_set_of_files_its_splits_and_its_rows(release):
    told = described(release)
    sets = {one["@id"]: one["includes"] for one in told["distribution"] if one["@type"] == "cr:FileSet"}
    assert sets == {
        "default-files": ["data/*.parquet"],
        "level-1-files": ["level-1/*.parquet"],
        "drops-files": ["drops/*.parquet"],
    }
    records = {one["@id"]: one for one in told["recordSet"]}
    assert list(records) == ["default_splits", "default", "level-1_splits", "level-1", "drops"]
    assert records["default_splits"]["data"] == [
        {"default_splits/name": "train"},
        {"default_splits/name": "validation"},
    ]
    assert records["default"]["key"] == [{"@id": "default/sample_id"}]
    assert [field["@id"] for field in records["drops"]["field"]] == [f"drops/{name}" for name in DROPS.column_names]


def test_nested_columns_are_fields_within_fields(release):
    _, messages, sample_id, num_turns = next(
        one["field"] for one in described(release)["recordSet"] if one["@id"] == "default"
    )
    source = {"fileSet": {"@id": "default-files"}, "extract": {"column": "messages"}}
    assert (messages["repeated"], "dataType" in messages) == (True, False)
    role, info = messages["subField"]
    assert role == {
        "@type": "cr:Field",
        "@id": "default/messages/role",
        "name": "default/messages/role",
        "dataType": "sc:Text",
        "source": {**source, "transform": [{"jsonPath": "role"}]},
    }
    assert "repeated" not in info
    (score,) = info["subField"]
    assert (score["dataType"], score["source"]["transform"]) == (
        "cr:Float64",
        [{"jsonPath": "info"}, {"jsonPath": "score"}],
    )
    assert (sample_id["dataType"], "description" in sample_id) == ("sc:Text", False)
    assert (num_turns["dataType"], num_turns["description"]) == ("cr:Int32", "Turns, the answer included.")


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC-BY-4.0", "https://spdx.org/licenses/CC-BY-4.0.html"),
        ("Somebody's own", {"@type": "sc:CreativeWork", "name": "other", "url": "LICENSE.md"}),
    ],
)
def test_the_licence_is_an_address_or_the_file_that_tells_it(licence, expected, release):
    release[1]["sources"][0]["licence"] = licence
    assert described(release)["license"] == expected


def test_a_version_comes_with_freezing_and_goes_again(release):
    path = release[0] / CROISSANT
    path.write_text(json.dumps(described(release), indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    before = path.read_bytes()
    add_version(path.parent, "1.0.0")
    assert json.loads(path.read_text())["version"] == "1.0.0"
    assert unversioned(path) == before


def test_mlcroissant_finds_no_fault_and_reads_the_rows(release, caplog):
    root, _ = release
    (root / CROISSANT).write_text(json.dumps(described(release)))
    add_version(root, "1.0.0")
    with caplog.at_level(logging.WARNING):
        read = mlcroissant.Dataset(jsonld=root / CROISSANT)
        rows = list(read.records("default"))
    assert not read.metadata.ctx.issues.errors
    # What is recommended and not known: a citation, and a clock.
    warned = sorted(read.metadata.ctx.issues.warnings)
    assert [("citeAs" in one, "datePublished" in one) for one in warned] == [(True, False), (False, True)]
    assert [(one["default/sample_id"], one["default/split"]) for one in rows] == [
        (b"s0", b"train"),
        (b"s1", b"train"),
        (b"s2", b"train"),
        (b"s3", b"validation"),
    ]
    assert [turn["default/messages/role"] for turn in rows[0]["default/messages"]] == [b"user", b"assistant"]

"""Small versions to compare: releases with a manifest, and Parquet files."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import sidecar, tables
from schemas.drops import DROPS

SCHEMA = pa.schema(
    [
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("sample_id", pa.string()),
        ("prompt_id", pa.string()),
        ("category", pa.string()),
        ("verify_score", pa.float64()),
    ]
)


def sample(name, text="Tom has 3 apples", category="math", score=1.0):
    """A released row."""
    ids = {"sample_id": f"{name:0>32}", "prompt_id": f"{name + 'f':0>32}"}
    return {"messages": [{"role": "user", "content": text}], **ids, "category": category, "verify_score": score}


@pytest.fixture
def make_release():
    """A function that writes a release: rows by split, drops, with sidecars or not."""

    def make(root, splits, *, drops=(), sidecars=True, shards=1, schema=SCHEMA, config="default"):
        con, files, hashed = tables.connect(memory_gb=1), [], []
        for split, rows in splits.items():
            paths = []
            for shard in range(shards):
                path = root / ("data" if config == "default" else config) / f"{split}-{shard:05d}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                pq.write_table(pa.Table.from_pylist(rows[shard::shards], schema=schema), path)
                paths.append(path)
                files.append({"path": str(path.relative_to(root)), "config": config, "split": split})
            if sidecars:
                hashes = con.sql(f"FROM {sidecar.read_sql(paths)}")
                sidecar.write(hashes, root / "sidecar" / config, split=split, key=("sample_id",))
                hashed.append({"path": f"sidecar/{config}/{split}-00000.parquet", "config": config, "split": split})
        if drops:
            tables.write(tables.from_rows(con, list(drops), DROPS), root / "drops", DROPS)
            files.append({"path": "drops/00000.parquet", "config": "drops", "split": "train"})
        (root / "manifest.json").write_text(json.dumps({"files": files, "sidecars": hashed}))
        return root

    return make


@pytest.fixture
def make_parquet(tmp_path):
    """A function that writes rows to a Parquet file and returns its path as a text."""

    def make(name, rows, schema=None):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
        return str(path)

    return make


@pytest.fixture
def two_versions(tmp_path, make_release, monkeypatch):
    """Versions 1.0.0 and 1.1.0 of a dataset, in a project: one row of each fate."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    before = [sample("a"), sample("b"), sample("c"), sample("d"), sample("e")]
    after = [
        sample("a"),
        sample("b", text="Tom has 5 red apples"),
        sample("c", score=0.5),
        sample("9", category="code"),
    ]
    drop = {"stage": "deduplicate", "reason": "near_duplicate", "prompt_id": before[4]["prompt_id"], "num_units": 1}
    make_release(tmp_path / "data/releases/chats/1.0.0", {"train": before, "test": []})
    make_release(tmp_path / "data/releases/chats/1.1.0", {"train": after, "test": [before[3]]}, drops=[drop], shards=2)
    return tmp_path / "data/releases/chats"

"""Small releases in a project of their own, in the shape that the stage release writes."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.hashing import digest, digest_json

DATASET = "chats"
COLUMNS = [("sample_id", "string"), ("prompt_id", "string"), ("question", "string"), ("answer", "string")]
Row = dict[str, str]


def chat(number: int, answer: str = "yes") -> Row:
    ids = {"sample_id": digest("sample", str(number)), "prompt_id": digest("prompt", str(number))}
    return {**ids, "question": f"Is {number} a number?", "answer": answer}


def chats(*numbers: int, answer: str = "yes") -> list[Row]:
    return [chat(number, answer) for number in numbers]


def write_release(
    rows: Sequence[Row], *, dataset: str = DATASET, card: str = "A card.", shards: int = 1, **block: Any
) -> Path:
    """data/release/<dataset> in the working directory, and a validation that holds."""
    folder = Path("data/release") / dataset
    shutil.rmtree(folder, ignore_errors=True)
    for shard in range(shards):
        _write(folder / f"data/train-{shard:05}.parquet", rows[shard::shards], COLUMNS)
    _write(
        folder / "drops/00000.parquet", [], [(name, "string") for name in ("sample_id", "prompt_id", "stage", "reason")]
    )
    files = [_file(folder, path) for path in sorted(folder.rglob("*.parquet"))]
    schema = [{"name": name, "type": kind, "nullable": False, "doc": ""} for name, kind in COLUMNS]
    values = {"dataset": {"recipe": "am_40m", "allow_empty": False, **block}}
    manifest = {
        "dataset": dataset,
        "release_id": digest_json([[file["sha256"] for file in files], schema, values]),
        "schema": schema,
        "files": files,
        "sidecars": [],
        "sources": [{"name": "school", "licence": "MIT", "num_rows": len(rows), "revision": None}],
        "params": values,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True))
    (folder / "README.md").write_text(f"---\nlicense: mit\n---\n{card}\n")
    croissant = json.dumps({"@type": "sc:Dataset", "name": dataset}, indent=2, sort_keys=True)
    (folder / "croissant.json").write_text(f"{croissant}\n")
    (folder / "counts.json").write_text("{}")
    valid = Path("data/validate") / f"{dataset}.json"
    valid.parent.mkdir(parents=True, exist_ok=True)
    valid.write_text(json.dumps([{"success": True, "description": "rows are there"}]))
    return folder


def _write(path: Path, rows: Sequence[Row], columns: Sequence[tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([(name, kind) for name, kind in columns])
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)


def _file(folder: Path, path: Path) -> Mapping[str, Any]:
    data, name = path.read_bytes(), path.relative_to(folder).as_posix()
    config = "drops" if name.startswith("drops/") else "default"
    told = {"path": name, "config": config, "split": "train", "rows": pq.read_metadata(path).num_rows}
    return {**told, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

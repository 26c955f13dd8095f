"""The front matter of a release is what huggingface_hub and datasets read of it, and says what the manifest says."""

import json

import pyarrow.parquet as pq
import pytest
from datasets import Features, load_dataset
from huggingface_hub import DatasetCard

from curation.front_matter import size_category
from tests.curation.selected import choose, released


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (10_000, "10K<n<100K"),
        (100_000, "100K<n<1M"),
        (9_999_999, "1M<n<10M"),
        (40_000_000, "10M<n<100M"),
        (10**8, "100M<n<1B"),
        (10**9, "1B<n<10B"),
        (10**10, "10B<n<100B"),
        (10**11, "100B<n<1T"),
        (10**12, "n>1T"),
    ],
)
def test_a_size_is_one_of_the_hubs(rows, expected):
    assert size_category(rows) == expected


def test_readers_find_the_configs_splits_rows_and_columns_of_the_manifest(tiny_project, ids, tmp_path):
    apples, add = ids("prompt", "apples"), ids("prompt", "add")
    chosen = [
        (ids("sample", "right"), apples, "answer", "train"),
        (ids("sample", "wrong"), apples, "answer", "validation"),
        (ids("sample", "ready"), add, "original", "train"),
    ]
    choose(tiny_project, "am-answers", chosen)
    root = released(tiny_project, "am-answers")
    files = json.loads((root / "manifest.json").read_text())["files"]
    assert {(file["config"], file["split"], file["rows"]) for file in files if file["config"] != "drops"} == {
        ("answer", "train", 1),
        ("answer", "validation", 1),
        ("original", "train", 1),
    }
    front = DatasetCard((root / "README.md").read_text()).data
    assert [one["config_name"] for one in front.configs] == ["answer", "original", "drops"]
    assert [one.get("default") for one in front.configs] == [True, None, None]
    for told in front.configs:
        config = told["config_name"]
        shards = [file for file in files if file["config"] == config]
        read = load_dataset(str(root), config, cache_dir=str(tmp_path / "cache"))
        assert {split: rows.num_rows for split, rows in read.items()} == {one["split"]: one["rows"] for one in shards}
        stored = Features.from_arrow_schema(pq.read_schema(root / shards[0]["path"]))
        assert all(rows.features == stored for rows in read.values())


def test_a_release_under_another_licence_explains_it(tiny_project, ids):
    rows = tiny_project / "data/annotate/prompts/00000.parquet"
    table = pq.read_table(rows)
    place = table.schema.get_field_index("licence")
    pq.write_table(table.set_column(place, table.schema.field(place), [["Ours"] * table.num_rows]), rows)
    choose(tiny_project, "am-40m", [(ids("sample", "right"), ids("prompt", "apples"))])
    root = released(tiny_project, "am-40m")
    front = DatasetCard((root / "README.md").read_text()).data
    assert (front.license, front.license_name, front.license_link) == ("other", "ours", "LICENSE.md")
    assert "`school`: Ours" in (root / "LICENSE.md").read_text()

"""The front matter of a dataset card: what the Hub and `datasets` read of a release.

Everything comes from the manifest, the footers of the released files, and the languages of their rows.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from curation.licences import hub_licence
from curation.sidecar import read_sql

# Rows below which a release has a size, by the Hub's names.
SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
    (10_000_000_000, "1B<n<10B"),
    (100_000_000_000, "10B<n<100B"),
    (1_000_000_000_000, "100B<n<1T"),
)
LARGEST = "n>1T"
TASKS = ("text-generation",)
TAGS = ("reasoning", "distillation", "curate")

Manifest = Mapping[str, Any]


def front_matter(manifest: Manifest, con: duckdb.DuckDBPyConnection, root: Path) -> dict[str, Any]:
    """What the Hub reads: licence, languages, size, configs and their features.

    Args:
        manifest: As release wrote it.
        con: Any connection; only the release's own files are read.
        root: Folder of the release.
    """
    rows = sum(file["rows"] for file in manifest["files"] if file["config"] != "drops")
    configs = configs_of(manifest)
    return {
        **hub_licence([source["licence"] for source in manifest["sources"]]),
        "language": languages(manifest, con, root),
        "pretty_name": manifest["dataset"],
        "size_categories": [size_category(rows)],
        "task_categories": list(TASKS),
        "tags": list(TAGS),
        "configs": [_config(manifest, config, default=config == configs[0]) for config in configs],
        "dataset_info": [_dataset_info(manifest, config, root) for config in configs],
    }


def size_category(rows: int) -> str:
    """The Hub's name for a number of rows.

    Example:
        >>> size_category(40_000_000), size_category(10**12)
        ('10M<n<100M', 'n>1T')
    """
    return next((name for most, name in SIZES if rows < most), LARGEST)


def languages(manifest: Manifest, con: duckdb.DuckDBPyConnection, root: Path) -> list[str]:
    """The languages of the released rows, by their codes of ISO 639-1; rows in another one are not told of."""
    shards = [root / file["path"] for file in manifest["files"] if file["config"] != "drops"]
    found = con.execute(f"SELECT DISTINCT language FROM {read_sql(shards)} ORDER BY 1").fetchall()
    return [language for (language,) in found if language != "other"]


def configs_of(manifest: Manifest) -> list[str]:
    """The configs of a release: the rows first, what was dropped last, as the Hub shows the first one."""
    return sorted({file["config"] for file in manifest["files"]}, key=lambda name: (name == "drops", name))


def files_of(manifest: Manifest, config: str) -> dict[str, list[Mapping[str, Any]]]:
    """A config's files by split."""
    splits: dict[str, list[Mapping[str, Any]]] = {}
    for file in manifest["files"]:
        if file["config"] == config:
            splits.setdefault(file["split"], []).append(file)
    return splits


def _config(manifest: Manifest, config: str, *, default: bool) -> dict[str, Any]:
    data_files = [
        {"split": split, "path": [file["path"] for file in files]}
        for split, files in files_of(manifest, config).items()
    ]
    return {"config_name": config, **({"default": True} if default else {}), "data_files": data_files}


def _dataset_info(manifest: Manifest, config: str, root: Path) -> dict[str, Any]:
    """Features and sizes of a config, as `datasets` writes them."""
    from datasets import DatasetInfo, Features, SplitDict, SplitInfo

    splits = files_of(manifest, config)
    first = next(iter(splits.values()))[0]["path"]
    sizes = {split: sum(file["bytes"] for file in files) for split, files in splits.items()}
    info = DatasetInfo(
        features=Features.from_arrow_schema(pq.read_schema(root / first)),
        splits=SplitDict(
            {
                split: SplitInfo(split, num_bytes=sizes[split], num_examples=sum(file["rows"] for file in files))
                for split, files in splits.items()
            }
        ),
        config_name=config,
        download_size=sum(sizes.values()),
        dataset_size=sum(sizes.values()),
    )
    # Private, and the only writer of the format that load_dataset checks.
    return {"config_name": config, **info._to_yaml_dict()}  # noqa: SLF001

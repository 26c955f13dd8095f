"""Whether DVC sees what a stage reads by a path in params: else `dvc repro` would miss its changes."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from curation.errors import DataError


def check_tracked(paths: Sequence[str], stage: str, *, dvc_file: Path = Path("dvc.yaml")) -> None:
    """Refuse local paths that are neither a dep of the stage in dvc.yaml nor inside one.

    Without a dvc.yaml, or without the stage in it, there is nothing that could be stale.

    Args:
        paths: Files or folders that the stage is about to read.
        stage: Name of the stage in dvc.yaml.
        dvc_file: The pipeline; its deps are relative to its folder.

    Raises:
        DataError: A path is not tracked, or dvc.yaml is not YAML.
    """
    if not dvc_file.exists():
        return
    try:
        pipeline = yaml.safe_load(dvc_file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise DataError(f"{stage}: {dvc_file} is not YAML: {' '.join(str(error).split())}") from error
    entry = ((pipeline or {}).get("stages") or {}).get(stage)
    if entry is None:
        return
    deps = [_whole(dvc_file.parent / dep) for dep in _deps(entry)]
    for path in paths:
        if not any(_whole(path).is_relative_to(dep) for dep in deps):
            raise DataError(
                f"{stage}: dvc.yaml does not know that the stage {stage!r} reads {path}, so that dvc repro would miss "
                f"its changes. Add the line '- {path}' to stages.{stage}.deps in dvc.yaml."
            )


def _deps(entry: dict[str, Any]) -> Iterator[str]:
    """The paths of a stage's deps, which stand as text or, with options, as the key of a mapping."""
    for dep in (entry.get("do") or entry).get("deps") or []:
        yield from [dep] if isinstance(dep, str) else dep


def _whole(path: str | Path) -> Path:
    """The absolute path, links left alone as DVC does."""
    return Path(os.path.abspath(path))  # noqa: PTH100 (Path.resolve follows links)

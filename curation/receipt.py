"""receipt.json of a frozen version: where and when it was frozen, which identifies nothing of its content.

git's commit and whether the project differs from it, the digest of dvc.lock without the stage that publishes, the
clock, versions of the tools, the recipe's text as a digest, and which version the diff proposed. A manifest holds
none of it, so two rebuilds with equal rows have one `release_id` and two receipts.
"""

import hashlib
import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from curation.hashing import digest_json
from curation.recipe import read_recipe
from curation.versions import Manifest

RECEIPT = "receipt.json"
TOOLS = ("curate", "duckdb", "dvc", "huggingface_hub", "pyarrow")
# DVC itself writes these while it runs, so they are always a little ahead of the commit.
WRITTEN_BY_DVC = (":(exclude)dvc.lock", ":(exclude,glob)**/.gitignore", ":(exclude,glob)**/*.dvc")
_COMMENT = re.compile(r"--[^\n]*")


def write_receipt(folder: Path, told: dict[str, Any]) -> None:
    """Write what was told of the versions, with the facts of this moment."""
    text = json.dumps({**told, **_circumstances()}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / RECEIPT).write_text(text, encoding="utf-8")


def read_receipt(folder: Path) -> dict[str, Any]:
    """The receipt of a frozen version; empty where it has none."""
    path = folder / RECEIPT
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return told


def recipe_digest(manifest: Manifest) -> str | None:
    """Digest of the recipe's text in force, comments and white space left out; None where a manifest names none."""
    name = manifest["params"].get("dataset", {}).get("recipe")
    if name is None:
        return None
    text = " ".join(_COMMENT.sub(" ", read_recipe(name).sql).split())
    return hashlib.sha256(text.encode()).hexdigest()


def _circumstances() -> dict[str, Any]:
    return {"frozen_at": _clock(), "git": _git(), "dvc_lock": _lock_digest(Path("dvc.lock")), "tools": _tools()}


def _clock() -> str:
    """Now; or the moment that SOURCE_DATE_EPOCH names, by which builds are repeated."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.isoformat(timespec="seconds")


def _git() -> dict[str, Any] | None:
    """The commit checked out, and whether tracked files differ from it; None outside of git."""
    commit = _asked("git", "rev-parse", "HEAD")
    if not commit:
        return None
    changes = _asked("git", "status", "--porcelain", "--untracked-files=no", "--", ".", *WRITTEN_BY_DVC)
    return {"commit": commit, "dirty": bool(changes)}


def _asked(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _lock_digest(path: Path) -> str | None:
    """Digest of what DVC knows of the stages before this one."""
    if not path.exists():
        return None
    stages = yaml.safe_load(path.read_text(encoding="utf-8")).get("stages", {})
    return digest_json({name: stage for name, stage in stages.items() if name != "publish"})


def _tools() -> dict[str, str | None]:
    return {"python": platform.python_version(), **{name: _version(name) for name in TOOLS}}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

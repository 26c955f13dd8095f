"""Checkpoints of training: outside the outputs, since DVC deletes these before a stage runs.

They stand in .curate/checkpoints/<digest>, by all that decides a run: the stage's params, the release, the model it
starts from, the code and the versions of the libraries. A run with other values is another run and finds none of them. What a kill
left half-written is passed over and told.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from curation import hashing, places
from curation.errors import DataError
from curation.progress import say

IDENTITY = "identity.json"
LIBRARIES = ("torch", "transformers", "trl")
"""Another version of these may give other weights from the same values."""
_STATE = "trainer_state.json"
"""Written last into a checkpoint; without it, it is half a one."""


def open_folder(stage: str, values: Mapping[str, Any]) -> Path:
    """The folder of a run's checkpoints, made where it is not there.

    Args:
        stage: Name of the stage.
        values: All that decides the run, as JSON can hold it.

    Raises:
        DataError: The folder is that of another run.
    """
    libraries = {name: version(name) for name in LIBRARIES}
    told = {"stage": stage, **values, "libraries": libraries, "code": code_digest()}
    folder = places.home() / "checkpoints" / f"{stage}-{hashing.digest_json(told)}"
    path = folder / IDENTITY
    text = json.dumps(told, indent=2, sort_keys=True) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise DataError(
            f"{stage}: {path} is of another run: its checkpoints are of another model or other params. Delete {folder}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    # Several processes may write it at once, all the same.
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".part", encoding="utf-8", delete=False) as part:
        part.write(text)
    Path(part.name).replace(path)
    return folder


def code_digest() -> str:
    """Digest of the code that trains: the sources of train/."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return hashing.digest(*(path.read_text(encoding="utf-8") for path in sources))


def latest(folder: Path) -> Path | None:
    """The last whole checkpoint of a run; half-written ones are deleted."""
    found = sorted(folder.glob("checkpoint-*"), key=step_of)
    for path in reversed(found):
        if _whole(path):
            say(f"{folder.name}: going on from {path.name}")
            return path
        say(f"{folder.name}: {path.name} is half-written; passed over")
        shutil.rmtree(path, ignore_errors=True)  # each process of a run finds it
    return None


def step_of(checkpoint: Path | None) -> int:
    """The update after which a checkpoint was saved; 0 where there is none."""
    return int(checkpoint.name.rsplit("-", 1)[1]) if checkpoint else 0


def _whole(checkpoint: Path) -> bool:
    try:
        state = json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    weights = any(checkpoint.glob("*.safetensors")) or any(checkpoint.glob("pytorch_model*"))
    return weights and int(state["global_step"]) == step_of(checkpoint)

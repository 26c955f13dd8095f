"""The card of a trained model: which release, params and code it came from."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from curation import params as params_module
from curation.params import Params
from train.checkpoints import code_digest
from train.releases import Opened

FROZEN = Path("data/releases")


def card(stage: str, params: Params, *, opened: Opened, start: str, figures: Mapping[str, Any]) -> str:
    """Markdown with the front matter that the Hub reads.

    Args:
        stage: Stage that made the model.
        params: All of params; the card shows the stage's block and the seed.
        opened: The release it was trained on.
        start: Identity of the model it started from.
        figures: Metrics of the run.
    """
    versions = frozen_versions(opened)
    front = {"library_name": "transformers", "pipeline_tag": "text-generation", "tags": ["curate", stage]}
    front["datasets"] = [opened.dataset]
    values = params_module.dump(params)[stage]
    lines = [
        "---",
        yaml.safe_dump(front, sort_keys=False).strip(),
        "---",
        f"# Model of the stage {stage}",
        "",
        "| | |",
        "| --- | --- |",
        f"| release | `{opened.dataset}`, config `{opened.config}` |",
        f"| release id | `{opened.release_id}` |",
        f"| frozen as | {', '.join(versions) or 'no version'} |",
        f"| started from | `{start}` |",
        f"| code | curate {version('curate')}, `{code_digest()}` |",
        f"| seed | {params.seed} |",
        *(f"| {name} | {value} |" for name, value in figures.items()),
        "",
        "## Params",
        "",
        "```yaml",
        yaml.safe_dump({stage: values}, sort_keys=False).strip(),
        "```",
        "",
    ]
    return "\n".join(lines)


def frozen_versions(opened: Opened) -> list[str]:
    """Versions under which the very same release is frozen here."""
    manifests = sorted((FROZEN / opened.dataset).glob("*/manifest.json"))
    return [
        path.parent.name
        for path in manifests
        if json.loads(path.read_text(encoding="utf-8")).get("release_id") == opened.release_id
    ]

"""The docs name every stage, parameter and decision, and their links lead somewhere."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml

from curation.params import Benchmark, Columns, Params, Source

ROOT = Path(__file__).parents[1]
STAGES = list(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def field_names(kind: Any) -> set[str]:
    """Names of a params dataclass's fields and of those inside them."""
    names: set[str] = set()
    for field in fields(kind):
        names.add(field.name)
        hint = get_type_hints(kind)[field.name]
        for inner in (hint, *get_args(hint)):
            if is_dataclass(inner):
                names |= field_names(inner)
    return names


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_its_page(stage):
    assert (ROOT / f"docs/stages/{stage}.md").read_text().startswith(f"# {stage}\n")


def test_every_param_is_in_the_docs():
    text = (ROOT / "docs/params.md").read_text()
    missing = field_names(Params) - field_names(Source) - field_names(Benchmark) - set(re.findall(r"`(\w+)`", text))
    assert sorted(missing) == []


@pytest.mark.parametrize("kind", [Source, Columns])
def test_every_key_of_a_source_is_in_the_docs(kind):
    text = (ROOT / "docs/stages/ingest.md").read_text()
    assert sorted(field_names(kind) - set(re.findall(r"`(\w+)`", text))) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target

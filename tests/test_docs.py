"""The docs name every stage, parameter and decision, and their links lead somewhere."""

import re
import textwrap
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml
from pydantic import TypeAdapter

from curation.candidates import PROMPT_COLUMNS, SAMPLE_COLUMNS
from curation.clean import RULES
from curation.engines.protocol import EngineSettings
from curation.params import Benchmark, Columns, Params, ScoreRules, Source, Teacher
from curation.score import _reason
from curation.similarity.pairs import KINDS
from curation.verifiers.dispatch import PASSING
from curation.verifiers.symbolic import Outcome

ROOT = Path(__file__).parents[1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
STAGES = list(PIPELINE)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# Where a stage writes the reasons that it gives, if not in curation/<stage>.py alone, and how.
REASON_FILES = {"ingest": ["ingest.py", "adapters/*.py"], "select": ["recipes/*.sql"]}
ROLES_AND_CONFIGS = {"response", "chosen", "rejected", "original", "answer"}
REASON = re.compile(
    r"""(?:\breason"?(?:: str)?\s*[=:]|if \w+ else|\bTHEN|\bELSE|\bSELECT|\breturn|_drop\(record,|BadRecordError\()"""
    r"""\s*["']([a-z]+(?:_[a-z]+)*)["']"""
)
# Reasons that code puts together: nothing of them stands there as text.
ALL_RULES = ScoreRules(1, 1, 1, 1, require_well_formed=True, require_same_language=True, require_boxed=True)
MADE_REASONS = {
    "clean": {reason for reason, _ in RULES},
    "deduplicate": {f"{kind}_duplicate" for kind in KINDS},
    "score": set(re.findall(r"THEN '(\w+)'", _reason(ALL_RULES))),
}
REASONS = {
    "ingest": "bad_record bad_category bad_reference repeated_id bad_response repeated_response",
    "clean": "empty incomplete too_short too_long url table image_reference language unicode_ratio",
    "deduplicate": "exact_duplicate near_duplicate semantic_duplicate conflicting_reference",
    "decontaminate": "exact_match ngram_overlap semantic_match",
    "annotate": "proof multi_part",
    "distill": "over_budget prompt_dropped repeated_response",
    "score": "malformed language_mixed no_box too_long repetition frequent_ngram perplexity",
    "select": "failed_verification unverified downsampled not_chosen below_threshold easy over_quota perplexity "
    "unsolved_by_a_teacher other_category unsolved no_level always_solved no_summary",
}
WHY = re.compile(r"""(?:Verdict\(\s*None,\s*(?:why=)?|_unverified\()"(\w+)"(?: if \w+ else "(\w+)")?""")
DECIDED = {"equal", "different", "unparsed_answer"}


def quoted(*pages: Path) -> set[str]:
    """Words that stand in backticks."""
    return {word for page in pages for word in re.findall(r"`(\w+)`", page.read_text())}


def module_of(stage: str) -> Path:
    """The file of the module that a stage runs."""
    told = PIPELINE[stage]
    return ROOT / f"{told.get('do', told)['cmd'].split()[2].replace('.', '/')}.py"


def reasons_of(stage: str) -> set[str]:
    """The reason codes that a stage's code can give."""
    files = [path for name in REASON_FILES.get(stage, [f"{stage}.py"]) for path in (ROOT / "curation").glob(name)]
    texts = [path.read_text() for path in files]
    found = {code for text in texts for code in REASON.findall(text) + re.findall(r"'(\w+)'\)? AS reason", text)}
    return (found | MADE_REASONS.get(stage, set())) - ROLES_AND_CONFIGS


def whys() -> set[str]:
    """The codes by which verifiers say why a response is unverified."""
    texts = [path.read_text() for path in (ROOT / "curation/verifiers").glob("*.py")]
    found = {code for text in texts for pair in WHY.findall(text) for code in pair if code}
    return found | (set(get_args(Outcome)) - DECIDED) | PASSING


def examples(page: Path) -> list[dict[str, Any]]:
    """The entries of the YAML lists, each with a name, that a page shows in indented blocks."""
    blocks = re.findall(r"(?:^    .*\n)+", page.read_text(), re.MULTILINE)
    read = [yaml.safe_load(textwrap.dedent(block)) for block in blocks if "- name:" in block]
    return [entry for one in read for entry in (one["teachers"] if isinstance(one, dict) else one)]


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


@pytest.mark.parametrize("stage", REASONS)
def test_every_reason_is_on_the_page_of_its_stage(stage):
    assert reasons_of(stage) == set(REASONS[stage].split()), "REASONS above is not what the code can give"
    pages = [f"stages/{stage}.md", "recipes.md"] if stage == "select" else [f"stages/{stage}.md"]
    assert sorted(reasons_of(stage) - quoted(*(ROOT / "docs" / page for page in pages))) == []


def test_every_column_of_candidates_is_on_the_page_of_recipes():
    assert sorted({*SAMPLE_COLUMNS, *PROMPT_COLUMNS} - quoted(ROOT / "docs/recipes.md")) == []


def test_every_recipe_is_on_the_page_of_recipes():
    assert {path.stem for path in (ROOT / "curation/recipes").glob("*.sql")} <= quoted(ROOT / "docs/recipes.md")


def test_the_other_stages_drop_nothing():
    texts = {stage: module_of(stage).read_text() for stage in STAGES if stage not in REASONS}
    assert [stage for stage, text in texts.items() if "write_drops(" in text] == []


def test_every_why_is_on_the_page_of_a_verifier():
    pages = [*(ROOT / "docs/verifiers").glob("*.md"), ROOT / "docs/stages/verify.md"]
    assert {"no_reference", "bad_reference", "unsupported_tests", "undecidable", "too_long", "no_sandbox"} <= whys()
    assert sorted(whys() - quoted(*pages)) == []


def test_every_setting_of_an_engine_is_in_the_docs():
    assert sorted(field_names(EngineSettings) - quoted(ROOT / "docs/engines.md")) == []


@pytest.mark.parametrize(("page", "kind"), [("engines.md", Teacher), ("stages/ingest.md", Source)])
def test_examples_of_params_are_valid(page, kind):
    found = examples(ROOT / "docs" / page)
    assert len(found) >= 2
    assert [TypeAdapter(kind).validate_python(entry).name for entry in found] == [entry["name"] for entry in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_citation_of_a_report_is_on_the_page_of_references():
    page = (ROOT / "docs/references.md").read_text()
    files = [path for kind in ("py", "sql", "json") for path in (ROOT / "curation").rglob(f"*.{kind}")]
    files += (ROOT / "train").rglob("*.py")
    texts = [
        path.read_text() for path in (*files, *(ROOT / "schemas").rglob("*.py"), *PAGES, *(ROOT / "profiles").iterdir())
    ]
    cited = {one for text in texts for one in re.findall(r"\bR[1-8] \d+\.\d+", text)}
    assert len(cited) > 15
    assert sorted(one for one in cited if one not in page) == []

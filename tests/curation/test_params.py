"""Params are complete, known and in range, or refused in one sentence."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from curation import params
from curation.errors import ParamsError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def raw():
    return copy.deepcopy(yaml.safe_load((ROOT / "profiles/embedded.yaml").read_text()))


@pytest.mark.parametrize("profile", sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml")))
def test_every_profile_is_a_full_set_of_values(profile):
    assert params.load(ROOT / "profiles" / f"{profile}.yaml").datasets


def test_params_in_force_are_the_embedded_profile():
    assert (ROOT / "params.yaml").read_text() == (ROOT / "profiles/embedded.yaml").read_text()


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("clean.drop_url", True, "unknown key clean.drop_url; did you mean drop_urls?"),
        ("clean.words_min", 0, "clean.words_min"),
        ("deduplicate.semantic.similarity_min", 1.5, "deduplicate.semantic.similarity_min"),
        ("annotate.annotator", "oracle", "annotate.annotator"),
        ("teachers.0.engine", "magic", "teachers.smollm2-plain.engine"),
        ("teachers.0.temprature", 1, "teachers.smollm2-plain.temprature; did you mean temperature?"),
        (
            "score.scorer",
            {"engine": "magic", "model": "m", "revision": None},
            "score.scorer.engine: Input should be 'tr",
        ),
        ("score.scorer", {"engine": "vllm", "modle": "m", "revision": None}, "score.scorer.modle; did you mean model?"),
        ("ingest.sources.3.columns.promt", "q", "ingest.sources.code.columns.promt; did you mean prompt?"),
        ("datasets.am-1-4m.recip", "x", "datasets.am-1-4m.recip; did you mean recipe?"),
        ("ingest.sources", [], "ingest.sources: List should have at least 1 item"),
        ("clean.words_min", 5000, "clean.words_min 5000 is above words_max 2000"),
        ("datasets.am-1-4m.ask.roles", ["huge"], "names the role 'huge'; roles has: small, medium, large"),
    ],
)
def test_a_bad_value_is_one_sentence(raw, path, value, sentence):
    here = raw
    *parents, last = path.split(".")
    for name in parents:
        here = here[int(name)] if isinstance(here, list) else here[name]
    here[last] = value
    with pytest.raises(ParamsError, match=sentence.replace("?", r"\?")):
        params.parse(raw, where="params.yaml")


def test_a_missing_key_is_named(raw):
    del raw["score"]["rules"]["repetition_max"]
    with pytest.raises(ParamsError, match=r"lacks score\.rules\.repetition_max"):
        params.parse(raw, where="params.yaml")


@pytest.mark.parametrize("block", ["sources", "teachers"])
def test_a_name_given_twice_is_refused(raw, block):
    names = raw["ingest"]["sources"] if block == "sources" else raw["teachers"]
    names[1]["name"] = names[0]["name"]
    with pytest.raises(ParamsError, match=f"{block} has the name '{names[0]['name']}' twice"):
        params.parse(raw, where="params.yaml")


@pytest.mark.parametrize(
    ("text", "sentence"), [("a: 1\na: 2\n", "'a' stands twice"), ("a: [1", "is not YAML"), ("", "params")]
)
def test_broken_files_are_refused(tmp_path, text, sentence):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParamsError, match=sentence):
        params.load(tmp_path / "params.yaml")


def test_no_file_says_how_to_make_one(tmp_path):
    with pytest.raises(ParamsError, match="curate init"):
        params.load(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("grade", "thresholds", "math"), 1.5, "grade.thresholds.math is 1.5; a score of math lies between 0 and 1"),
        (
            ("grade", "thresholds", "science"),
            5,
            "grade.thresholds.science is 5.0; a score of science lies between 0 and 5",
        ),
        (("grade", "thresholds", "chat"), -1, "grade.thresholds.chat is -1.0"),
        (("teachers", 0, "max_tokens", "math"), None, "smollm2-plain has no max_tokens for math"),
    ],
)
def test_values_that_do_not_fit_each_other_are_told(raw, place, value, sentence):
    block = raw
    for key in place[:-1]:
        block = block[key]
    block[place[-1]] = value
    if value is None:
        del block[place[-1]]
    with pytest.raises(ParamsError, match=re.escape(sentence)):
        params.parse(raw, where="params.yaml")

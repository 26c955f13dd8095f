"""Profiles are listed, compared and copied to params.yaml."""

import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import ParamsError
from curation.profile import _flat, changes, differences, listing, profiles, write

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with two profiles, of which `embedded` is in force."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    Path("profiles").mkdir()
    shutil.copy(ROOT / "profiles" / "embedded.yaml", "profiles/embedded.yaml")
    shutil.copy(ROOT / "profiles" / "embedded.yaml", "params.yaml")
    values = yaml.safe_load(Path("params.yaml").read_text())
    values["clean"]["words_max"] = 50
    values["ingest"]["sources"][0]["name"] = "gym"
    values["deduplicate"]["semantic"] = None
    Path("profiles/small.yaml").write_text("# Small, for tests.\n" + yaml.safe_dump(values))
    return tmp_path


def test_the_listing_marks_the_profile_in_force(project):
    assert [(one.name, one.in_force) for one in profiles()] == [("embedded", True), ("small", False)]
    assert "*  embedded" in listing()
    assert "   small     Small, for tests." in listing()


def test_params_that_equal_no_profile_are_said_to(project):
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("words_min: 2 ", "words_min: 3 "))
    assert listing().endswith("params.yaml equals none of them.")


def test_differences_are_dotted_and_by_name(project):
    told = changes("small").splitlines()
    assert "  clean.words_max: 2000 -> 50" in told
    assert "+ deduplicate.semantic: null" in told
    assert "- deduplicate.semantic.similarity_min: 0.9" in told
    assert "+ ingest.sources.gym.kind: generator" in told
    assert not [line for line in told if "teachers" in line]


def test_writing_is_an_exact_copy_and_the_second_time_nothing_changes(project):
    write("small")
    assert Path("params.yaml").read_bytes() == Path("profiles/small.yaml").read_bytes()
    assert differences("small") == []
    assert changes("small") == "params.yaml has the values of small already."


def test_an_unknown_profile_gets_the_nearest_name(project):
    with pytest.raises(ParamsError, match="no profile 'embeded'; nearest: embedded"):
        changes("embeded")


def test_a_profile_with_an_error_is_not_put_in_force(project):
    before = Path("params.yaml").read_bytes()
    Path("profiles/small.yaml").write_text("seed: 1\n")
    with pytest.raises(ParamsError, match=r"profiles/small\.yaml lacks"):
        write("small")
    assert Path("params.yaml").read_bytes() == before


def test_broken_params_do_not_hinder_a_profile(project):
    Path("params.yaml").write_text("seed: 1\nunknown: 2\n")
    assert "- unknown: 2" in changes("embedded").splitlines()
    write("embedded")
    assert listing().splitlines()[2].startswith("*  embedded")


def test_a_folder_without_profiles_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match="no folder profiles/"):
        listing()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner) | st.lists(inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), VALUES), st.dictionaries(st.sampled_from("abc"), VALUES))
def test_flat_values_are_equal_only_where_the_values_are(one, other):
    assert (_flat(one) == _flat(other)) == (yaml.safe_dump(one) == yaml.safe_dump(other))
    assert _flat(one) == _flat(dict(reversed(one.items())))

"""Licences: the strictest of all sources, and never a guess."""

import pytest

from curation.licences import hub_licence, licence_text


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["MIT"], "mit"),
        (["MIT", "CC-BY-NC-4.0", "Apache-2.0"], "cc-by-nc-4.0"),
        (["CC-BY-NC-4.0", "CC-BY-SA-4.0"], "cc-by-nc-4.0"),
    ],
)
def test_a_release_is_under_its_strictest_licence(licences, expected):
    assert hub_licence(licences) == {"license": expected}


@pytest.mark.parametrize(
    ("licences", "name"),
    [
        (["MIT", "Somebody's own"], "somebody-s-own"),
        (["GPL-3.0", "MIT", "Ours", "GPL-3.0"], "gpl-3.0-and-ours"),
        (["other"], "other"),
        ([], "no-source"),
    ],
)
def test_an_unknown_licence_is_other_with_its_name_and_a_file(licences, name):
    assert hub_licence(licences) == {"license": "other", "license_name": name, "license_link": "LICENSE.md"}


def test_the_file_tells_the_licence_of_each_source():
    text = licence_text([{"name": "school", "licence": "Somebody's own"}, {"name": "web", "licence": "MIT"}])
    assert text.endswith("\n\n- `school`: Somebody's own\n- `web`: MIT\n")
    assert "no row is here" in licence_text([])

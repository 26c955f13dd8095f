"""Licences: the strictest of all sources, and never a guess."""

import pytest

from curation.card import strictest_licence


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["MIT"], "mit"),
        (["MIT", "CC-BY-NC-4.0", "Apache-2.0"], "cc-by-nc-4.0"),
        (["MIT", "Somebody's own"], "other"),
        ([], "other"),
    ],
)
def test_a_release_is_under_its_strictest_licence(licences, expected):
    assert strictest_licence(licences) == expected

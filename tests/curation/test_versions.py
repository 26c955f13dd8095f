"""The version that a change deserves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import ParamsError
from curation.versions import Change, Proposal, Version, changed, check, parse, propose

VERSIONS = st.builds(Version, *[st.integers(0, 99)] * 3)
BUMPS = ("major", "minor", "patch")
COLUMN = {"name": "a", "type": "string", "nullable": False, "doc": ""}
OLD = {"schema": [COLUMN], "params": {"dataset": {"recipe": "r", "values": {}, "allow_empty": False}, "seed": 1}}


@given(VERSIONS, VERSIONS)
def test_versions_are_read_as_written_and_ordered_by_number(one, other):
    assert parse(str(one)) == one
    assert (one < other) == ((one.major, one.minor, one.patch) < (other.major, other.minor, other.patch))


@given(VERSIONS)
def test_a_greater_change_gives_a_greater_version(version):
    major, minor, patch = (version.bumped(bump) for bump in BUMPS)
    assert version < patch < minor < major
    assert (minor.patch, major.minor, major.patch) == (0, 0, 0)


@pytest.mark.parametrize("text", ["1", "1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", ""])
def test_what_is_no_version_is_refused(text):
    with pytest.raises(ParamsError, match="is no version; wanted three numbers"):
        parse(text)


@pytest.mark.parametrize(
    ("new", "rows", "recipe_text", "bump", "because"),
    [
        # Nothing but rows.
        (OLD, True, False, "minor", "rows differ"),
        (OLD, False, False, None, "nothing differs"),
        # Columns and recipe come before rows.
        ({**OLD, "schema": [{**COLUMN, "type": "int32"}]}, True, False, "major", "columns differ (a)"),
        ({**OLD, "schema": []}, False, False, "major", "columns differ (a)"),
        (OLD, False, True, "major", "the recipe differs (recipe's text)"),
        (
            {**OLD, "params": {"dataset": {"recipe": "r", "values": {"n": 1}}}},
            True,
            False,
            "major",
            "the recipe differs (values)",
        ),
        # What decides no row.
        (
            {**OLD, "schema": [{**COLUMN, "doc": "new"}]},
            False,
            False,
            "patch",
            "the rows are equal and the rest differs",
        ),
        (
            {**OLD, "params": {"dataset": {"recipe": "r", "values": {}, "allow_empty": True}}},
            False,
            False,
            "patch",
            "the rows are equal and the rest differs",
        ),
    ],
)
def test_a_change_decides_the_bump(new, rows, recipe_text, bump, because):
    proposal = propose("1.2.3", changed(OLD, new, rows=rows, recipe_text=recipe_text))
    assert (proposal.bump, proposal.because) == (bump, because)


def test_the_first_version_is_1_0_0_and_less_is_refused():
    first = propose(None, Change())
    assert first.version == "1.0.0"
    with pytest.raises(ParamsError, match=r"cannot be version 0\.9\.0: it is the first version.*proposes 1\.0\.0\."):
        check("am-40m", "0.9.0", first)


def test_a_version_may_promise_more_and_not_less():
    proposal = Proposal("1.3.0", "minor", "rows differ", "1.2.3")
    check("am-40m", "2.0.0", proposal)
    with pytest.raises(ParamsError, match=r"Set publish\.datasets\.am-40m: 1\.3\.0, or a higher one"):
        check("am-40m", "1.2.4", proposal)

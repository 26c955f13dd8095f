"""Rows are told in lines that say what is known and leave out what is not."""

from hypothesis import given, settings
from hypothesis import strategies as st

from curation import phrases


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(), max_size=60))
def test_a_list_shows_its_first_lines_and_counts_the_others(rows):
    lines = phrases.listed(rows, str)
    shown = lines[: phrases.LISTED]
    assert shown == [str(row) for row in rows[: phrases.LISTED]]
    assert lines[len(shown) :] == ([f"… and {len(rows) - 20} more; curate query lists all"] if len(rows) > 20 else [])


def test_an_empty_section_is_not_there():
    assert phrases.section("drops", []) == []
    assert phrases.section("drops", ["one"]) == ["", "drops", "  one"]


def test_an_unverified_response_is_never_told_as_wrong():
    assert phrases.verdict({"score": None, "why": "no_sandbox"}) == "unverified: no_sandbox"
    assert phrases.verdict({"score": 0.0, "verifier": "math"}) == "verified, 0 by math"


def test_a_verdicts_detail_is_told_entry_by_entry():
    row = {"version": "1", "detail": '{"answer": "7", "failed": [1, 2], "error": null}'}
    assert phrases.verdict_evidence(row) == ["version: 1", "answer: 7", "failed: [1, 2]"]
    assert phrases.verdict_evidence({"version": "1", "detail": None}) == ["version: 1"]


def test_figures_leave_out_ids_and_nulls():
    assert phrases.figures({"sample_id": "a", "perplexity": None, "repetition": 0}) == "repetition 0"

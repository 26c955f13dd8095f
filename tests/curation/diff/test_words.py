"""Long texts are told word by word, nested values by place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.diff.words import value_diff, word_diff


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("a b c", "a x c", [("=", "a "), ("-", "b "), ("+", "x "), ("=", "c")]),
        ("a", "a b", [("-", "a"), ("+", "a b")]),  # the blank after a word belongs to it
        ("", "a", [("+", "a")]),
        ("1 2 3 4 5 6 7 8 x", "1 2 3 4 5 6 7 8 y", [("=", "… 3 4 5 6 7 8 "), ("-", "x"), ("+", "y")]),
        ("x 1 2 3 4 5 6 7 8", "y 1 2 3 4 5 6 7 8", [("-", "x "), ("+", "y "), ("=", "1 2 3 4 5 6 …")]),
    ],
)
def test_words_that_differ_stand_between_a_few_others(old, new, told):
    assert word_diff(old, new) == told


@given(st.text(alphabet="ab \n", max_size=20), st.text(alphabet="ab \n", max_size=20))
def test_both_texts_can_be_put_together_from_the_segments(old, new):
    told = word_diff(old, new)
    if not any("…" in text for _, text in told):
        assert "".join(text for kind, text in told if kind != "+") == old
        assert "".join(text for kind, text in told if kind != "-") == new


def test_nested_values_are_told_by_place():
    old, new = {"a": [{"b": "x"}, {"b": "y"}], "c": None}, {"a": [{"b": "x"}, {"b": "z"}], "c": 1}
    assert dict(value_diff("v", old, new)) == {
        "v.a[1].b": [("-", "y"), ("+", "z")],
        "v.c": [("-", "null"), ("+", "1")],
    }
    assert [place for place, _ in value_diff("v", [1], [1, 2])] == ["v"]
    assert list(value_diff("v", "nan", "nan")) == []


def test_what_a_terminal_would_obey_is_not_shown():
    assert list(value_diff("v", "a", "\x1b[2J\n")) == [("v", [("-", "a"), ("+", "\ufffd[2J\n")])]

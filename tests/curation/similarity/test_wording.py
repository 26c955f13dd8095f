"""Prompts are cut into the pieces that decide whether two of them say the same."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.hashing import prompt_id
from curation.similarity.wording import content_words, directions, names, objects, sentences, word_list, wording


def cut(text):
    return wording([{"role": "user", "content": text}])


@pytest.mark.parametrize(
    ("text", "piece", "found"),
    [
        # numbers
        ("1,000 and 1000.0 and 2.50", "numbers", ("1000", "1000", "2.5")),
        ("007 of 10, 20", "numbers", ("007", "10", "20")),
        ("x2 and 3kg", "numbers", ("2", "3")),
        # signs: layout is none, what calculates is
        ("Well, no! - *yes* #1: $5?", "symbols", ("-",)),
        ("a <= 5% + b", "symbols", ("<", "=", "%", "+", "")),
        ("-3 - 2, well-known", "symbols", ("--",)),
        ("5! + 2)! + n! and x != 2", "symbols", ("+", ")", "+", "=", "!", "!", "!", "!", "")),
        ("2*3, 2 ** x, x*y, **bold**", "symbols", ("*", "**", "*", "")),
        ("x² = ½", "symbols", ("=", "\u2044", "")),
        # letters: no article, no pronoun
        ("I have a cat; is A B or C x?", "letters", ("A", "B", "C", "x")),
        ("A box. Let A be a set.", "letters", ()),
        ("的 是 y", "letters", ("y",)),
        # quoted and code
        ("Spell 'Red Fox' and “tea”, don't", "quoted", ("red fox", "tea")),
        ("Run `f(x)`:\n```py\nprint( 1 )\n```", "code", ("py print( 1 )",)),
        # choices
        ("Pick: A) red B. blue (C) green", "choices", ("red", "blue", "green")),
        ("Point A) is near C) far", "choices", ()),
        ("Only A) one", "choices", ()),
    ],
)
def test_a_piece_is_found(text, piece, found):
    assert getattr(cut(text), piece) == found


SPACES = st.sampled_from([" ", "  ", "\n", "\t", "\u00a0", "\r\n"])
PIECES = st.sampled_from(
    ["2", "-3", "x", "A)", "B)", "`f`", "a", "café", "!", "*", "```", "'so'", "Bob", "don't", "题"]
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(PIECES, SPACES, SPACES), max_size=10))
def test_texts_of_one_prompt_id_have_equal_pieces(parts):
    one, other = ("".join(part[0] + part[side] for part in parts) for side in (1, 2))
    assert prompt_id([{"role": "user", "content": one}]) == prompt_id([{"role": "user", "content": other}])
    assert replace(cut(one), text="") == replace(cut(other), text="")
    assert content_words(one) == content_words(other)


def test_accents_are_one_however_they_are_written():
    one, other = cut("Le café de Zoë"), cut("Le cafe\u0301 de Zoe\u0308")
    assert one == other
    assert content_words(other.text) == ("le", "café", "de", "zoë")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Find the boxes.", "What is a box?", True),
        ("He stacked them", "She is stacking it", True),
        ("glass", "glas", False),
        ("over the hill", "under the hill", False),
        ("who came", "when came", False),
    ],
)
def test_content_words_leave_out_what_carries_no_meaning(one, other, same):
    assert (content_words(one) == content_words(other)) == same


def test_names_are_capitalized_words_but_for_the_first_of_a_sentence():
    text = "Tom met Ann. The dog bit Bob:\nPaul saw X on Monday"
    assert names(text) == ("Ann", "Bob", "Monday")
    assert names(text, at_start=True) == ("Tom", "Ann", "Bob", "Paul", "Monday")


def test_objects_and_directions_are_the_content_words_behind_prepositions():
    text = "Go from the big house to town by the bus, then into town."
    assert objects(text) == ("big", "bus", "town", "town")
    assert directions(text) == {"big": {"from"}, "town": {"to"}, "bus": {"by"}}
    assert directions("from here to town") == {"town": {"to"}}


def test_sentences_end_at_marks_and_lines_of_both_scripts():
    assert sentences(" One.  Two?\nThree: four 2.5\n\n五。六！七") == [
        "One.",
        "Two?",
        "Three:",
        "four 2.5",
        "五。",
        "六！",
        "七",
    ]


def test_no_word_is_both_decisive_and_without_meaning():
    assert not word_list("decisive_words") & word_list("function_words")
    assert all(
        word == word.lower()
        for name in ("decisive_words", "function_words", "prepositions")
        for word in word_list(name)
    )

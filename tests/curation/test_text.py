"""Splitting and joining responses; words and languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.text import join_response, language, split_response, words

PLAIN_TEXT = st.text().filter(lambda text: "<" not in text and text.strip())


@given(PLAIN_TEXT, PLAIN_TEXT)
def test_a_well_formed_response_survives_join_and_split(reasoning, answer):
    parts = split_response(join_response(reasoning, answer), "think_answer")
    assert (parts.reasoning, parts.answer, parts.well_formed) == (reasoning, answer, True)


@pytest.mark.parametrize(
    "text",
    [
        "no tags at all",
        "<think>never closed",
        "<think>a</think> the answer is bare",
        "<answer>b</answer>",
        "before <think>a</think><answer>b</answer>",
        "<think>a</think><answer>b</answer> after",
        "<think>a<think>b</think><answer>c</answer>",
    ],
)
def test_text_that_breaks_the_format_is_all_answer(text):
    parts = split_response(text, "think_answer")
    assert (parts.reasoning, parts.answer, parts.well_formed) == (None, text, False)


def test_what_stands_after_the_thinking_is_the_answer_of_the_format_think():
    parts = split_response("<think>2 + 2</think>\n4", "think")
    assert (parts.reasoning, parts.answer, parts.well_formed) == ("2 + 2", "\n4", True)
    assert split_response("<think>2 + 2", "think") == split_response("<think>2 + 2", "think_answer")


def test_empty_parts_are_not_well_formed():
    assert not split_response("<think> </think><answer>4</answer>", "think_answer").well_formed
    assert not split_response(" \n", "plain").well_formed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Solve for x.", "en"),
        ("求 x 的值", "zh"),
        ("Найди корень", "other"),
        ("1 + 1 = ?", "en"),
        ("用 Python 写一个函数", "zh"),
    ],
)
def test_language_follows_the_script(text, expected):
    assert language(text) == expected


def test_chinese_characters_count_as_words():
    assert words("Don't 数三个") == ["don't", "数", "三", "个"]

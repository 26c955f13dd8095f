"""Identities are stable, and equal exactly where they should be."""

from hypothesis import given
from hypothesis import strategies as st

from curation import hashing


def test_ids_do_not_change_between_versions_of_the_code():
    messages = [{"role": "user", "content": "What is 7 + 5?"}]
    assert hashing.record_id("gsm8k", "17") == "7a3e5db21af37a023a1384972c56981b"
    assert hashing.prompt_id(messages) == "c659a8df33448f915a2129cc6080cdff"
    assert hashing.sample_id("a", "b", 0) == "45bd49cdd853af63e110585ef9dd0f07"


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_digests_are_equal_only_for_equal_parts(one, other):
    assert (hashing.digest(*one) == hashing.digest(*other)) == (one == other)


@given(st.text())
def test_white_space_does_not_make_another_prompt(text):
    messages = [{"role": "user", "content": text}]
    spaced = [{"role": "user", "content": f" {text}\n"}]
    assert hashing.prompt_id(messages) == hashing.prompt_id(spaced)


def test_the_role_and_the_order_of_turns_make_another_prompt():
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert len({hashing.prompt_id(turns), hashing.prompt_id(turns[::-1]), hashing.prompt_id(turns[:1])}) == 3


def test_composed_and_decomposed_letters_are_one_prompt():
    composed, decomposed = ({"role": "user", "content": text} for text in ("é", "e\u0301"))
    assert hashing.prompt_id([composed]) == hashing.prompt_id([decomposed])

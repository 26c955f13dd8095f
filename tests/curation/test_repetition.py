"""The most repeated run is the naive search's, whatever the words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.repetition import most_repeats


def naive(words: list[str], run_words: int) -> int:
    """Try every run at every place."""
    best = 1
    for length in range(run_words, len(words) + 1):
        for start in range(len(words)):
            run, times = words[start : start + length], 1
            while len(run) == length and words[start + times * length : start + (times + 1) * length] == run:
                times += 1
            best = max(best, times)
    return best


@settings(max_examples=50, deadline=None)
@given(words=st.lists(st.sampled_from("ab"), max_size=24), run_words=st.integers(1, 4))
def test_most_repeats_equals_the_naive_search(words, run_words):
    assert most_repeats(words, run_words=run_words) == naive(words, run_words)


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        ("", 1),
        ("one two three", 1),
        ("one two three " * 5, 5),
        ("x one two three one two three y", 2),
        # A single word said twelve times is a run of three words said four times.
        ("no " * 12, 4),
        # Repeats that do not follow each other are not consecutive.
        ("one two three, or one two three, or", 1),
    ],
)
def test_a_run_counts_its_consecutive_occurrences(text, repeats):
    assert most_repeats(text.replace(",", "").split() if "," not in text else text.split()[:-1], run_words=3) == repeats

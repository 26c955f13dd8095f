"""Bands find what exact Jaccard similarity says is near, the same in every run."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.params import NearDuplicates
from curation.similarity import minhash
from curation.similarity.minhash import Texts

PARAMS = NearDuplicates(ngram_words=3, bands=24, rows_per_band=5, jaccard_min=0.5)
VOCABULARY = [f"w{number}" for number in range(3000)]
TOLERANCE = 0.04
"""Between the share of near pairs found and what theory expects: 0.53 at Jaccard 0.5, 0.87 at 0.6, 0.99 at 0.7."""


def texts_of(words, params=PARAMS, batch=1000):
    texts = Texts(params)
    for start in range(0, len(words), batch):
        texts.add(words[start : start + batch])
    return texts


def naive_jaccard(a, b, ngram_words):
    """By sets of tuples; a short text is one shingle."""
    one, other = (
        {tuple(words[start : start + ngram_words]) for start in range(max(1, len(words) - ngram_words + 1))}
        for words in (a, b)
    )
    return len(one & other) / len(one | other)


def clusters(num_clusters, copies, num_words):
    """Texts of random words, each followed by copies with one to six words exchanged."""
    draw = random.Random(7)
    found = []
    for _ in range(num_clusters):
        first = draw.choices(VOCABULARY, k=num_words)
        found.append(first)
        for _ in range(copies):
            copy = list(first)
            for place in draw.sample(range(num_words), draw.randint(1, 6)):
                copy[place] = draw.choice(VOCABULARY)
            found.append(copy)
    return found


WORDS = st.lists(st.sampled_from("abcd"), max_size=9)


@settings(max_examples=80, deadline=None)
@given(WORDS, WORDS, st.integers(1, 5))
def test_jaccard_is_that_of_plain_sets(a, b, ngram_words):
    params = NearDuplicates(ngram_words, 2, 2, 0.5)
    assert texts_of([a, b], params).jaccard(0, 1) == pytest.approx(naive_jaccard(a, b, ngram_words), abs=1e-12)


def test_candidates_of_planted_clusters_are_found_as_often_as_theory_says_and_few_others():
    words = clusters(num_clusters=60, copies=4, num_words=60)
    pairs = {tuple(pair) for pair in texts_of(words).candidates(np.zeros(len(words), np.uint64)).tolist()}
    near = {
        (first, first + step): naive_jaccard(words[first], words[first + step], 3)
        for first in range(len(words))
        for step in range(1, 5 - first % 5)
    }
    found = {limit: np.mean([pair in pairs for pair, figure in near.items() if figure >= limit]) for limit in (0, 0.7)}
    assert found[0] == pytest.approx(np.mean([1 - (1 - figure**5) ** 24 for figure in near.values()]), abs=TOLERANCE)
    assert found[0.7] >= 0.98
    assert pairs <= set(near), "no pair of two clusters"


def test_candidates_do_not_depend_on_batches_and_follow_the_order():
    words = clusters(num_clusters=8, copies=3, num_words=40)
    blocks = np.zeros(len(words), np.uint64)
    texts = texts_of(words)
    found = texts.candidates(blocks)
    assert np.array_equal(found, texts_of(words, batch=3).candidates(blocks))
    order = np.array(random.Random(1).sample(range(len(words)), len(words)))
    moved = {tuple(sorted((order[a], order[b]))) for a, b in texts.ordered(order).candidates(blocks).tolist()}
    assert moved == {tuple(pair) for pair in found.tolist()}
    assert texts.ordered(order).jaccard(0, 1) == texts.jaccard(*order[:2].tolist())


def test_texts_of_one_block_are_all_paired_and_those_of_others_with_a_neighbour_only():
    same = [["a", "b", "c"]] * 30
    assert len(texts_of(same).candidates(np.zeros(30, np.uint64))) == 30 * 29 / 2
    assert len(texts_of(same).candidates(np.arange(30, dtype=np.uint64))) == 29


def test_a_huge_bucket_gives_no_more_than_a_window_of_pairs_for_each_text(monkeypatch):
    monkeypatch.setattr(minhash, "WINDOW", 5)
    pairs = texts_of([["a", "b", "c"]] * 100).candidates(np.zeros(100, np.uint64))
    assert len(pairs) == 99 + 98 + 97 + 96 + 95
    assert (pairs[:, 0] < pairs[:, 1]).all()


@pytest.mark.parametrize("words", [[], [[]], [[], []], [["a"]]])
def test_texts_without_words_and_no_texts_are_no_trouble(words):
    pairs = texts_of(words).candidates(np.zeros(len(words), np.uint64))
    assert pairs.tolist() == ([[0, 1]] if len(words) == 2 else [])

"""FAISS finds what plain numpy finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.similarity import neighbours
from curation.similarity.neighbours import cosines, nearest, similar_pairs


def unit(rows, *, dim=16, seed=0, groups=0):
    """Random vectors of length 1; with `groups`, each near one of as many centres."""
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(rows, dim))
    if groups:
        vectors = draw.normal(size=(groups, dim))[draw.integers(groups, size=rows)] + 0.15 * vectors
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def naive_pairs(vectors, similarity_min):
    """Pairs surely above the minimum, and those that may reach it."""
    found = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    above = [np.argwhere(np.triu(found >= limit, k=1)) for limit in (similarity_min + 1e-5, similarity_min - 2e-4)]
    return [set(map(tuple, pairs.tolist())) for pairs in above]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(1, 9), st.integers(0, 99))
def test_the_nearest_are_those_of_numpy(num_queries, num_base, k, seed):
    queries, base = unit(num_queries, seed=seed), unit(num_base, seed=seed + 1)
    similarities, rows = nearest(queries, base, k=k)
    found = queries @ base.T
    assert rows.shape == (num_queries, min(k, num_base))
    assert np.allclose(similarities, -np.sort(-found, axis=1)[:, :k], atol=1e-5)
    assert np.allclose(np.take_along_axis(found, rows, axis=1), similarities, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 120), st.integers(1, 8), st.integers(1, 4), st.integers(0, 99))
def test_similar_pairs_of_one_block_are_all_those_of_numpy_however_few_neighbours_are_asked(rows, groups, k, seed):
    vectors = unit(rows, seed=seed, groups=groups)
    surely, perhaps = naive_pairs(vectors, 0.9)
    found = similar_pairs(vectors, np.zeros(rows, np.uint64), k=k, similarity_min=0.9)
    pairs = {tuple(pair) for pair in found.tolist()}
    assert surely <= pairs <= perhaps
    assert found.tolist() == sorted(pairs and map(list, pairs)), "in order, each once"


def test_similar_pairs_of_other_blocks_may_be_crowded_out_but_none_of_the_same_block():
    vectors = np.repeat(unit(1), 40, axis=0)
    blocks = np.arange(40, dtype=np.uint64) // 2
    pairs = {tuple(pair) for pair in similar_pairs(vectors, blocks, k=3, similarity_min=0.9).tolist()}
    assert {(row, row + 1) for row in range(0, 40, 2)} <= pairs
    assert len(pairs) < 40 * 39 / 2


def test_a_block_beyond_the_bound_is_told_and_left_to_its_nearest(monkeypatch, capsys):
    monkeypatch.setattr(neighbours, "EXACT_ROWS", 10)
    pairs = similar_pairs(np.repeat(unit(1), 12, axis=0), np.zeros(12, np.uint64), k=2, similarity_min=0.9)
    assert "12 prompts share all numbers and signs" in capsys.readouterr().err
    assert 0 < len(pairs) < 12 * 11 / 2


def test_cosines_are_those_of_numpy_in_six_digits():
    vectors = unit(50)
    pairs = np.random.default_rng(3).integers(50, size=(200, 2))
    wanted = [float(vectors[a].astype(np.float64) @ vectors[b].astype(np.float64)) for a, b in pairs]
    assert np.allclose(cosines(vectors, pairs), wanted, atol=1e-6)
    assert np.array_equal(cosines(vectors, pairs), cosines(vectors, pairs[:, ::-1]))
    assert cosines(vectors, np.empty((0, 2), np.int64)).tolist() == []


def test_a_search_by_cells_tells_what_it_misses(monkeypatch, capsys):
    monkeypatch.setattr(neighbours, "FLAT_ROWS", 4000)
    vectors = unit(4500, groups=40)
    _, rows = nearest(vectors, vectors, k=2)
    share = float(capsys.readouterr().err.split("finds ")[1].split("%")[0]) / 100
    exact = np.argsort(-(vectors @ vectors.T), axis=1)[:, :2]
    found = np.mean([len(np.intersect1d(a, b)) / 2 for a, b in zip(rows, exact, strict=True)])
    assert share == pytest.approx(found, abs=0.05)
    assert share > 0.8

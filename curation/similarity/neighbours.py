"""Nearest neighbours by cosine: FAISS, exact for few vectors, by cells for many, on GPUs where there are any."""

from typing import Any

import numpy as np

from curation.engines.installed import require
from curation.progress import say

FLAT_ROWS = 50_000
"""Above this many rows the search goes by cells; an exact one of 50,000 takes about a minute on two cores."""
PROBED = 16
"""Cells looked at for each query."""
AUDIT_ROWS = 1_000
"""Queries that are asked of an exact search too, to see what the cells miss."""
EXACT_ROWS = 20_000
"""Largest block that `similar_pairs` compares whole."""


def nearest(queries: np.ndarray, base: np.ndarray, *, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and rows of the `k` nearest vectors of `base` to each query, best first; row -1 where there are fewer.

    Args:
        queries: float32, (num_queries, dim), rows of length 1.
        base: float32, (num_base, dim), rows of length 1.
        k: Neighbours per query.
    """
    require("faiss", install="pip install -e '.[local]'", wanted_by="searching similar prompts")
    index = _index(base)
    similarities, rows = index.search(queries, min(k, len(base)))
    if len(base) > FLAT_ROWS:
        _audit(queries, base, rows)
    return similarities, rows


def _index(base: np.ndarray) -> Any:
    """An index over `base`, moved to the GPUs where FAISS has them."""
    import faiss

    dim = base.shape[1]
    if len(base) <= FLAT_ROWS:
        index: Any = faiss.IndexFlatIP(dim)
    else:
        cells = 4 * int(len(base) ** 0.5)
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, cells, faiss.METRIC_INNER_PRODUCT)
        index.nprobe = min(PROBED, cells)
    gpus = faiss.get_num_gpus()
    say(f"similarity search over {len(base):,} vectors on {f'{gpus} GPUs' if gpus else 'the CPU'}")
    if gpus:
        index = faiss.index_cpu_to_all_gpus(index)
    index.train(base)
    index.add(base)
    return index


def _audit(queries: np.ndarray, base: np.ndarray, rows: np.ndarray) -> None:
    """Tell how many of the true nearest neighbours the cells found, on a sample spread over the queries."""
    sample = np.linspace(0, len(queries) - 1, min(AUDIT_ROWS, len(queries)), dtype=np.int64)
    exact = np.argsort(-(queries[sample] @ base.T), axis=1)[:, : rows.shape[1]]
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(exact, rows[sample], strict=True))
    say(
        f"similarity search by cells finds {hits / exact.size:.1%} of the nearest neighbours ({len(sample):,} queries asked)"
    )


def similar_pairs(vectors: np.ndarray, blocks: np.ndarray, *, k: int, similarity_min: float) -> np.ndarray:
    """Pairs of rows whose cosine may reach `similarity_min`, first < second, in order, each once.

    Looks at the `k` nearest rows of each. A row all of whose neighbours are that similar can have
    more: prompts made by one template crowd out a true duplicate. Such rows are compared with their
    whole block.

    Args:
        vectors: float32, (num_rows, dim), rows of length 1.
        blocks: A hash per row of what duplicates must have in common.
        k: Neighbours per row.
        similarity_min: Least cosine; pairs a rounding error below it may come too.
    """
    similarity_min -= 1e-4
    if len(vectors) < 2:
        return np.empty((0, 2), dtype=np.int64)
    similarities, rows = nearest(vectors, vectors, k=k + 1)
    hit = (similarities >= similarity_min) & (rows >= 0)
    pairs = np.stack([np.nonzero(hit)[0], rows[hit]], axis=1)
    crowded = np.zeros(len(vectors), dtype=bool)
    crowded[hit.all(axis=1)] = True
    found = [pairs, *_similar_in_blocks(vectors, blocks, crowded, similarity_min)]
    joined = np.sort(np.concatenate(found), axis=1)
    return np.unique(joined[joined[:, 0] < joined[:, 1]], axis=0)


def _similar_in_blocks(
    vectors: np.ndarray, blocks: np.ndarray, crowded: np.ndarray, similarity_min: float
) -> list[np.ndarray]:
    """Pairs within each block that holds a crowded row."""
    order = np.argsort(blocks, kind="stable")
    edges = np.nonzero(np.diff(blocks[order]))[0] + 1
    found = []
    for members in np.split(order, edges):
        if len(members) < 2 or not crowded[members].any():
            continue
        if len(members) > EXACT_ROWS:
            say(f"{len(members):,} prompts share all numbers and signs: duplicates beyond the nearest may stay")
            continue
        asked = members[crowded[members]]
        for start in range(0, len(asked), 1024):
            part = asked[start : start + 1024]
            first, second = np.nonzero(vectors[part] @ vectors[members].T >= similarity_min)
            found.append(np.stack([part[first], members[second]], axis=1))
    return found


def cosines(vectors: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Cosine of each pair of rows, rounded to 6 digits, the same whichever search found the pair."""
    found = np.empty(len(pairs))
    for start in range(0, len(pairs), 65_536):
        part = pairs[start : start + 65_536]
        first, second = (vectors[part[:, side]].astype(np.float64) for side in (0, 1))
        found[start : start + len(part)] = (first * second).sum(axis=1)
    return np.round(found, 6)

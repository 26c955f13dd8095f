"""The most consecutive repeats of one run of words inside a text.

The reports drop responses that repeat themselves back to back (R1, arXiv 2503.19633, 2.3
step 10; R7, arXiv 2505.08311, 8.3) and give neither the length of the run nor the count: both are params.
"""

from collections.abc import Sequence

import numpy as np


def most_repeats(words: Sequence[str], *, run_words: int) -> int:
    """Count the consecutive occurrences of the run of words that is repeated most.

    A run has at least `run_words` words; 1 where nothing is repeated. Exact; every length of
    run is tried as long as it could still win, which for a text without repeats is half its
    words: 2 ms for 1,000 words, 0.1 s for 10,000.

    Example:
        >>> most_repeats("so we add so we add so we add and stop".split(), run_words=3)
        3
        >>> most_repeats("no no no".split(), run_words=2)
        1
    """
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    ids = np.array([numbers[word] for word in words], dtype=np.int32)
    best, length = 1, run_words
    while len(ids) // length > best:
        same = ids[length:] == ids[:-length]
        # A run that stands k times in a row shows as (k - 1) * length equal places in a row.
        if np.count_nonzero(same) >= best * length:
            best = max(best, _longest_streak(same) // length + 1)
        length += 1
    return best


def _longest_streak(same: np.ndarray) -> int:
    """Most consecutive trues."""
    breaks = np.flatnonzero(~same)
    edges = np.concatenate(([-1], breaks, [len(same)]))
    return int(np.diff(edges).max()) - 1

"""How often the n-token strings of a response occur in the whole dataset, exactly and out of core.

In: token ids of every response. Out: per response the occurrences of its most frequent string
of `ngram_tokens` tokens. Each string is one 64-bit hash; pairs of row and hash go to scratch
Parquet, and DuckDB counts and joins them, spilling beyond its memory. Two different strings
share a hash with a chance of 2**-64: among 40 billion strings some 40 pairs do, each of which
adds the one's count to the other's.

Reference: R5, DeepDistill (arXiv 2504.17565), 6.6 removes 20-token strings that occur more than 20 times.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation import tables
from curation.tables import Relation

GRAMS = pa.schema([("row", pa.int64()), ("hash", pa.uint64())])
ROWS = pa.schema([("row", pa.int64()), ("sample_id", pa.string()), ("num_tokens", pa.int64())])
_BASE = np.uint64(0x9E3779B97F4A7C15)


def count_ngrams(tokens: Relation, *, ngram_tokens: int, scratch: Path) -> Relation:
    """Find the occurrences of each response's most frequent n-token string.

    Args:
        tokens: One row per sample. Reads `sample_id`, `tokens` (list of token ids).
        ngram_tokens: Length of a string, in tokens.
        scratch: Empty folder for the hashes: about 16 bytes a token before compression.

    Returns:
        `sample_id` and `occurrences` in the whole of `tokens`, the response's own among them;
        0 where the response has fewer tokens than a string.
    """
    folders = scratch / "rows", scratch / "grams"
    for folder in folders:
        folder.mkdir(parents=True)

    def grams() -> Iterator[pa.Table]:
        first = 0
        for batch in tokens.to_arrow_reader(tables.BATCH_ROWS):
            lengths = pc.list_value_length(batch.column("tokens")).cast(pa.int64())
            numbers = pa.array(range(first, first + batch.num_rows), pa.int64())
            rows.append(pa.table([numbers, batch.column("sample_id"), lengths], schema=ROWS))
            row, hashes = hash_ngrams(batch.column("tokens"), ngram_tokens)
            yield pa.table([row + first, hashes], schema=GRAMS)
            first += batch.num_rows

    rows: list[pa.Table] = []
    tables.write_batches(grams(), folders[1], GRAMS, shard_rows=tables.SHARD_ROWS)
    tables.write_batches(iter(rows), folders[0], ROWS, shard_rows=tables.SHARD_ROWS)
    return tokens.query(
        "tokens",
        f"""
        WITH repeated AS (
            SELECT hash, count(*) AS occurrences
            FROM read_parquet('{folders[1]}/*.parquet')
            GROUP BY hash
            HAVING count(*) > 1
        ),
        highest AS (
            SELECT row, max(occurrences) AS occurrences
            FROM read_parquet('{folders[1]}/*.parquet')
            JOIN repeated USING (hash)
            GROUP BY row
        )
        SELECT sample_id, coalesce(highest.occurrences, (num_tokens >= {ngram_tokens})::BIGINT) AS occurrences
        FROM read_parquet('{folders[0]}/*.parquet')
        LEFT JOIN highest USING (row)
        """,
    )


def hash_ngrams(tokens: pa.ListArray, ngram_tokens: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Hash every run of `ngram_tokens` tokens inside a row.

    Args:
        tokens: (num_rows,) lists of token ids, none null.
        ngram_tokens: Length of a run, in tokens.

    Returns:
        Row number (int64) and hash (uint64) of each run, both of the same length.

    Example:
        >>> rows, hashes = hash_ngrams(pa.array([[5, 6, 5, 6], [6, 5]]), 2)
        >>> rows.tolist(), hashes[0] == hashes[2], hashes[1] == hashes[3]
        ([0, 0, 0, 1], True, True)
    """
    lengths = pc.list_value_length(tokens).to_numpy(zero_copy_only=False)
    mixed = _mix(tokens.flatten().to_numpy().astype(np.uint64))
    rows = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    num_runs = max(len(mixed) - ngram_tokens + 1, 0)
    hashes = np.zeros(num_runs, dtype=np.uint64)
    for start in range(ngram_tokens if num_runs else 0):
        hashes = hashes * _BASE + mixed[start : start + num_runs]
    inside = rows[:num_runs] == rows[len(rows) - num_runs :]
    return rows[:num_runs][inside], hashes[inside]


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64: spread small token ids over 64 bits, so that the polynomial above is a good hash."""
    values = (values + _BASE) ^ ((values + _BASE) >> np.uint64(30))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))

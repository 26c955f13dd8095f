"""How often the n-token strings of a response occur in the whole dataset, exactly and out of core.

In: token ids of every response. Out: per response the occurrences of its most frequent string
of `ngram_tokens` tokens. Each string is one 64-bit hash. Pairs of hash and row go to disk, in partitions by
the hash's upper bits, so that equal strings meet in one partition; DuckDB then counts one partition at a time.
Two different strings share a hash with a chance of 2**-64: among 40 billion strings some 40 pairs do, each of
which adds the one's count to the other's.

Reference: R5, DeepDistill (arXiv 2504.17565), 6.6 removes 20-token strings that occur more than 20 times.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation import tables
from curation.progress import progress
from curation.tables import Relation

GRAMS = pa.schema([("hash", pa.uint64()), ("row", pa.int64())])
ROWS = pa.schema([("row", pa.int64()), ("sample_id", pa.string()), ("num_tokens", pa.int64())])
PARTITION_STRINGS = 2**24
"""Strings that a partition should hold: counting them takes about 1 GB."""
PARTITIONS_MAX = 512
"""Each is an open file while hashes are written."""
BATCH_ROWS = 4_000
"""Responses hashed at once: 4,000 of 32,768 tokens take about 6 GB, of 1,000 tokens 0.2 GB."""
_BASE = np.uint64(0x9E3779B97F4A7C15)


def count_ngrams(tokens: Relation, *, ngram_tokens: int, scratch: Path) -> Relation:
    """Find the occurrences of each response's most frequent n-token string.

    Args:
        tokens: One row per sample. Reads `sample_id`, `tokens` (list of token ids).
        ngram_tokens: Length of a string, in tokens.
        scratch: Empty folder for the hashes: about 9 bytes a token.

    Returns:
        `sample_id` and `occurrences` in the whole of `tokens`, the response's own among them;
        0 where the response has fewer tokens than a string.
    """
    num_tokens = tokens.aggregate("coalesce(sum(len(tokens)), 0)").fetchall()[0][0]
    num_partitions = min(1 + num_tokens // PARTITION_STRINGS, PARTITIONS_MAX)
    _write_grams(tokens, scratch, ngram_tokens=ngram_tokens, num_partitions=num_partitions)
    rows = tokens.query("tokens", f"FROM read_parquet('{scratch}/rows/*.parquet')")
    lengths = rows.order("row").project("num_tokens").fetchnumpy()["num_tokens"]
    occurrences = (lengths >= ngram_tokens).astype(np.int64)
    with progress("token strings", num_partitions, "partitions") as shown:
        for partition in sorted((scratch / "grams").glob("*.parquet")):
            found = tokens.query("tokens", _REPEATED.format(partition=partition)).fetchnumpy()
            occurrences[found["row"]] = np.maximum(occurrences[found["row"]], found["occurrences"])
            partition.unlink()
            shown.update(1)
    counted = pa.table({"row": np.arange(len(occurrences)), "occurrences": occurrences})
    return rows.query("rows", "SELECT sample_id, occurrences FROM rows JOIN counted USING (row)")


_REPEATED = """
WITH repeated AS (
    SELECT hash, count(*) AS occurrences FROM read_parquet('{partition}') GROUP BY hash HAVING count(*) > 1
)
SELECT row, max(occurrences) AS occurrences FROM read_parquet('{partition}') JOIN repeated USING (hash) GROUP BY row
"""


def _write_grams(tokens: Relation, scratch: Path, *, ngram_tokens: int, num_partitions: int) -> None:
    """Number the rows and write the hashes of their strings, a file per partition."""
    for name in ("rows", "grams"):
        (scratch / name).mkdir(parents=True)
    with ExitStack() as files:
        # Hashes do not compress; rows of one batch come in order and do.
        writers = [
            files.enter_context(pq.ParquetWriter(
                scratch / f"grams/{number:03d}.parquet", GRAMS, compression="zstd", use_dictionary=["row"]
            ))
            for number in range(num_partitions)
        ]  # fmt: skip

        def numbered() -> Iterator[pa.Table]:
            first = 0
            for batch in tokens.to_arrow_reader(BATCH_ROWS):
                lengths = pc.list_value_length(batch.column("tokens")).cast(pa.int64())
                numbers = pa.array(range(first, first + batch.num_rows), pa.int64())
                yield pa.table([numbers, batch.column("sample_id"), lengths], schema=ROWS)
                row, hashes = hash_ngrams(batch.column("tokens"), ngram_tokens)
                _write_partitions(writers, row + first, hashes)
                first += batch.num_rows

        tables.write_batches(numbered(), scratch / "rows", ROWS, shard_rows=tables.SHARD_ROWS)


def _write_partitions(writers: list[pq.ParquetWriter], rows: NDArray[np.int64], hashes: NDArray[np.uint64]) -> None:
    """Give each partition the hashes whose upper 16 bits are its own."""
    partition = ((hashes >> np.uint64(48)) * np.uint64(len(writers)) >> np.uint64(16)).astype(np.uint16)
    order = np.argsort(partition, kind="stable")
    rows, hashes = rows[order], hashes[order]
    bounds = np.searchsorted(partition[order], np.arange(len(writers) + 1))
    for writer, start, stop in zip(writers, bounds, bounds[1:], strict=False):
        writer.write_table(pa.table([hashes[start:stop], rows[start:stop]], schema=GRAMS))


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
    hashes = _polynomials(mixed, ngram_tokens)[:num_runs]
    inside = rows[:num_runs] == rows[len(rows) - num_runs :]
    return rows[:num_runs][inside], hashes[inside]


def _polynomials(values: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """The polynomial in `_BASE` of each run of `length` values, the first with the highest power: by halves."""
    if length == 1:
        return values
    half = length // 2
    upper, lower = _polynomials(values, length - half), _polynomials(values, half)
    shift = np.uint64(pow(int(_BASE), half, 2**64))
    num_runs = max(len(values) - length + 1, 0)
    return upper[:num_runs] * shift + lower[length - half :][:num_runs]


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64: spread small token ids over 64 bits, so that the polynomial above is a good hash."""
    values = (values + _BASE) ^ ((values + _BASE) >> np.uint64(30))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))

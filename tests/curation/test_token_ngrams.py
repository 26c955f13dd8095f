"""Occurrences of token strings, against a count in plain Python."""

from collections import Counter

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import token_ngrams
from curation.token_ngrams import count_ngrams, hash_ngrams

TOKENS = st.lists(st.lists(st.integers(0, 2), max_size=8), min_size=1, max_size=8)


def naive(rows: list[list[int]], ngram_tokens: int) -> list[int]:
    """Count all strings in a Counter."""
    runs = [[tuple(row[i : i + ngram_tokens]) for i in range(len(row) - ngram_tokens + 1)] for row in rows]
    counts = Counter(run for row in runs for run in row)
    return [max((counts[run] for run in row), default=0) for row in runs]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=TOKENS, ngram_tokens=st.integers(1, 4), per_partition=st.sampled_from([3, 10, 2**24]))
def test_counts_equal_a_plain_count(con, tmp_path_factory, monkeypatch, rows, ngram_tokens, per_partition):
    monkeypatch.setattr(token_ngrams, "PARTITION_STRINGS", per_partition)
    monkeypatch.setattr(token_ngrams, "BATCH_ROWS", 3)
    names = [f"{index:02d}" for index in range(len(rows))]
    table = pa.table({"sample_id": names, "tokens": pa.array(rows, pa.list_(pa.int32()))})
    scratch = tmp_path_factory.mktemp("grams")
    counted = dict(count_ngrams(con.from_arrow(table), ngram_tokens=ngram_tokens, scratch=scratch).fetchall())
    assert [counted[name] for name in names] == naive(rows, ngram_tokens)


@settings(max_examples=50, deadline=None)
@given(rows=TOKENS, ngram_tokens=st.integers(1, 4))
def test_equal_strings_have_equal_hashes_and_others_do_not(rows, ngram_tokens):
    numbers, hashes = hash_ngrams(pa.array(rows, pa.list_(pa.int32())), ngram_tokens)
    runs = [
        (n, tuple(row[i : i + ngram_tokens])) for n, row in enumerate(rows) for i in range(len(row) - ngram_tokens + 1)
    ]
    assert numbers.tolist() == [number for number, _ in runs]
    assert len(set(hashes.tolist())) == len({run for _, run in runs})

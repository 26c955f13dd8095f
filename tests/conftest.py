"""Fixtures that all tests share: a DuckDB connection, and no network for model libraries."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import duckdb
import pytest

from curation import tables


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    return tables.connect(memory_gb=2)

"""Contracts are printed, and the page of them is not stale."""

from pathlib import Path

import pytest

from curation.errors import DataError
from curation.schema import TABLES, page, schema

ROOT = Path(__file__).parents[2]


def test_the_page_of_schemas_is_not_stale():
    stale = "docs/schemas.md is stale: curate schema --format markdown > docs/schemas.md"
    assert (ROOT / "docs" / "schemas.md").read_text(encoding="utf-8") == page() + "\n", stale


def test_every_contract_of_the_package_is_listed():
    modules = {path.stem for path in (ROOT / "schemas").glob("*.py")} - {"__init__", "ours", "table"}
    assert {table.name for table in TABLES} == modules
    assert all(table.name in schema() for table in TABLES)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_described_column_by_column(table):
    told = schema(table.name)
    assert told.startswith(f"{table.name}: {table.grain}\nkey: ")
    assert [line for line in told.splitlines() if line.startswith(tuple(table.column_names))]
    assert all(f"\n{column.name}  {column.type}" in told for column in table.columns)


def test_a_view_shows_the_contract_of_its_rows():
    assert schema("records") == schema("prompts")
    assert schema("am-40m") == schema("am_40m")


def test_an_unknown_table_gets_the_nearest_names():
    with pytest.raises(DataError, match="no table 'verdict'; nearest: verdicts"):
        schema("verdict")

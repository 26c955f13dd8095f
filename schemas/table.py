"""What a table's contract consists of: columns with types and meanings, a grain and a key.

Every module of this package declares one `Table`. Readers and writers in `curation.tables`
check files against it; `curate schema` and docs/schemas.md print it. This package imports
nothing else of the project.
"""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    type: pa.DataType
    """Arrow type, exactly as stored."""
    doc: str
    """Meaning, unit and range, in one or two sentences."""
    nullable: bool = False
    """Whether null is a legal value; `doc` then says what null means."""


@dataclass(frozen=True)
class Table:
    """A table's contract."""

    name: str
    """Plural noun for the row, as the SQL view is called."""
    grain: str
    """What one row is."""
    key: tuple[str, ...]
    """Columns that are unique together; also the order in which rows are stored."""
    columns: tuple[Column, ...]

    @property
    def arrow_schema(self) -> pa.Schema:
        """The pyarrow schema, nullability included, in the stored order of columns."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns in the stored order."""
        return tuple(column.name for column in self.columns)

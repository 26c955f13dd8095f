"""Where things live: outputs of stages under `data/`, and what is no output: memo, catalog, converted models, logs.

The latter stands under `.curate/` in the project, or under the folder named by the
environment variable CURATE_HOME, and may be deleted at the price of doing work again.
"""

import os
from pathlib import Path

DATA = Path("data")
MANIFEST = "manifest.json"
"""Of a release: what it holds."""


def home() -> Path:
    """The folder of everything that is not an output of a stage."""
    return Path(os.environ.get("CURATE_HOME", ".curate")).absolute()


def memo() -> Path:
    """Folder of the memos of costly work, one folder a kind."""
    return home() / "memo"


def models() -> Path:
    """Folder of models converted from Python packages."""
    return home() / "models"


def data_docs() -> Path:
    """Folder of the site that tells what validation found."""
    return home() / "data_docs"


def catalog() -> Path:
    """The DuckDB file with a view per table."""
    return home() / "catalog.duckdb"

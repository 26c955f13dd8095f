"""Other programs that compare two Parquet files row by row, in an environment of their own.

Each compares whole rows by a key and counts what was added, removed and changed: lake-sift on DuckDB, datacompy on polars,
Oxen in Rust. Versions are those of the day that the figures in README.md were measured.
"""

import subprocess
import sys
from pathlib import Path

PACKAGES = ("lake-sift==0.6.0", "datacompy[polars]==1.1.0", "oxenai==0.65.1")
DATACOMPY = """
import polars
from datacompy import PolarsCompare
old, new = (polars.read_parquet(path) for path in {paths!r})
found = PolarsCompare(old, new, join_columns="{key}")
print(found.count_matching_rows(), len(found.df1_unq_rows), len(found.df2_unq_rows))
"""
OXEN = """
import oxen
print(oxen.diff({old!r}, {new!r}, keys=["{key}"]))
"""


def install(folder: Path, paths: list[str], key: str) -> dict[str, list[str]]:
    """Commands by name, of what can be installed.

    Args:
        folder: Of the environment; made there, or used again.
        paths: The two files that are compared.
        key: Column that tells their rows apart.
    """
    python = folder.resolve() / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    commands = {
        # 1 says that the files differ.
        "lake-sift": [
            "sh",
            "-c",
            '"$@" || test $? -eq 1',
            "sh",
            str(python.with_name("lake-sift")),
            *paths,
            "--key",
            key,
        ],
        "datacompy": [str(python), "-c", DATACOMPY.format(paths=paths, key=key)],
        "oxenai": [str(python), "-c", OXEN.format(old=paths[0], new=paths[1], key=key)],
    }
    installed = {}
    for package, (name, command) in zip(PACKAGES, commands.items(), strict=True):
        pip = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", package], check=False, capture_output=True, text=True
        )
        if pip.returncode:
            print(f"{package} does not install: {pip.stderr.strip().splitlines()[-1]}")
        else:
            installed[name] = command
    return installed

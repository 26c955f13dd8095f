"""grade and every recipe's select over synthetic tables, against plain aggregates of the columns that each reads.

    python benchmarks/select_at_scale.py --prompts 170000 --folder .bench/quick

makes the tables (12 responses a prompt; 40 million by default, 4 GB of disk), then runs each stage in a process of its own as
`dvc repro` does, writing and statistics included, and prints seconds and the peak of memory, beside the seconds of two
plain DuckDB programs over the same columns: `scan` takes the least and greatest value of each, `grouped` the same
per prompt. Figures go to benchmarks/results/select_at_scale.json.
"""

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import yaml
from synthetic import TEACHERS, write_tables
from timing import ROOT, timed

from curation.candidates import PROMPT_COLUMNS, SAMPLE_COLUMNS, named_columns
from curation.layouts.named import layout_of
from curation.params import Params, load
from curation.recipe import read_recipe

RESULTS = ROOT / "benchmarks/results/select_at_scale.json"
GRADE_READS = {"verdicts": {"sample_id", "prompt_id", "teacher", "category", "score"}}
STAGE_OF = {
    "verdicts": "verify", "responses": "distill", "scores": "score", "grades": "grade",
    "prompts": "annotate", "annotations": "annotate",
}  # fmt: skip
# What select reads for any recipe: scope, splits and statistics.
ALWAYS = {
    "prompts": {"prompt_id", "category", "source", "language", "reference", "tests", "constraints"},
    "annotations": {"prompt_id", "group_id", "label", "difficulty"},
    "grades": {"prompt_id", "teacher", "category", "num_verified", "num_passed", "pass_rate", "cv_population"},
}
OF_SAMPLES = {
    "responses": {"teacher"},
    "verdicts": {"sample_id", "prompt_id", "teacher"},
    "scores": {"sample_id", "teacher", "perplexity", "reasoning_tokens", "answer_tokens"},
}


def main() -> None:
    """Make the tables, run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, default=ROOT / ".bench/select_at_scale", help="a project is made there, or used again"
    )
    parser.add_argument("--prompts", type=int, default=3_340_000)
    parser.add_argument("--memory-gb", type=float, default=9, help="resources.memory_gb of the runs")
    parser.add_argument("--only", nargs="*", help="grade, or names of datasets")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(args.folder)
    write_params(args.memory_gb)
    if not Path("data/verify").exists():
        write_tables(Path("data"), num_prompts=args.prompts, memory_gb=args.memory_gb)
    params = load()
    rows = []
    for name in args.only or ["grade", *params.datasets]:
        command = ["curation.grade"] if name == "grade" else ["curation.select", name]
        reads = GRADE_READS if name == "grade" else columns_read(name, params)
        scan, _ = timed([sys.executable, "-c", scan_program(reads, grouped=False)])
        grouped, _ = timed([sys.executable, "-c", scan_program(reads, grouped=True)])
        seconds, peak_gb = timed([sys.executable, "-m", *command])
        row = {"stage": name, "seconds": seconds, "scan_seconds": scan, "times_scan": seconds / scan}
        row |= {"grouped_seconds": grouped, "times_grouped": seconds / grouped, "peak_gb": peak_gb}
        rows.append({key: round(value, 1) if isinstance(value, float) else value for key, value in row.items()})
        print(json.dumps(rows[-1]), flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps({"prompts": args.prompts, "memory_gb": args.memory_gb, "runs": rows}, indent=2) + "\n"
    )


def write_params(memory_gb: float) -> None:
    """The embedded profile with the synthetic teachers in its roles."""
    values: dict[str, Any] = yaml.safe_load((ROOT / "profiles/embedded.yaml").read_text())
    values["resources"]["memory_gb"] = memory_gb
    values["roles"] = dict(zip(("small", "medium", "large"), ([name] for name in TEACHERS), strict=True))
    del values["datasets"]["sums"]  # of the training's own source, which has no such teachers
    for block in values["datasets"].values():
        block["allow_empty"] = True
    Path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


def columns_read(dataset: str, params: Params) -> dict[str, set[str]]:
    """Columns of the tables that a dataset's select reads."""
    block = params.datasets[dataset]
    of_samples = layout_of(block).unit == "sample"
    found = {table: set(columns) for table, columns in (ALWAYS | (OF_SAMPLES if of_samples else {})).items()}
    for _, sql in named_columns(
        SAMPLE_COLUMNS if of_samples else PROMPT_COLUMNS, read_recipe(block.recipe).sql
    ).values():
        for table, column in re.findall(r"(\w+)\.(\w+)", sql):
            if table in STAGE_OF:
                found[table] |= {column} | ({"sample_id"} if table == "responses" else set())
    return found


def scan_program(reads: dict[str, set[str]], *, grouped: bool) -> str:
    """A program that aggregates every value of some columns once, table by table: as a whole, or per prompt."""
    statements = []
    for table, columns in reads.items():
        source, names = f"'data/{STAGE_OF[table]}/{table}/*.parquet'", sorted(columns)
        if grouped:
            ends = ", ".join(f"min({name}) AS {name}_min, max({name}) AS {name}_max" for name in names)
            source = f"(SELECT {ends} FROM {source} GROUP BY prompt_id)"
            names = [f"{name}_{end}" for name in names for end in ("min", "max")]
        statements.append(f"SELECT {', '.join(f'min({name}), max({name})' for name in names)} FROM {source}")
    return "\n".join(
        ["import duckdb", "con = duckdb.connect()", "con.execute('SET enable_progress_bar = false')"]
        + [f"con.execute({statement!r}).fetchall()" for statement in statements]
    )


if __name__ == "__main__":
    main()

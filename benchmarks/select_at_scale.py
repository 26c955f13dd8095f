"""grade and every recipe's select over synthetic tables, against one plain scan of the columns that each reads.

    python benchmarks/select_at_scale.py --prompts 170000 --folder .bench/quick

makes the tables (12 responses a prompt; 40 million by default, 4 GB of disk), then runs each stage in a process of its own as
`dvc repro` does, writing included, and prints seconds, the scan's seconds, their ratio and the peak of memory. Figures go to
benchmarks/results/select_at_scale.json.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from synthetic import TEACHERS, write_tables

from curation.candidates import PROMPT_COLUMNS, SAMPLE_COLUMNS, named_columns
from curation.layouts.named import layout_of
from curation.params import Params, load
from curation.recipe import read_recipe

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results/select_at_scale.json"
GRADE_READS = {"verdicts": {"sample_id", "prompt_id", "teacher", "category", "score"}}
STAGE_OF = {
    "verdicts": "verify", "responses": "distill", "scores": "score", "score_drops": "score", "grades": "grade",
    "prompts": "annotate", "annotations": "annotate",
}  # fmt: skip


def main() -> None:
    """Make the tables, run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, default=ROOT / ".bench/select_at_scale", help="a project is made there, or used again"
    )
    parser.add_argument("--prompts", type=int, default=3_340_000)
    parser.add_argument("--memory-gb", type=float, default=6, help="resources.memory_gb of the runs")
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
        scan, _ = timed([sys.executable, "-c", scan_program(reads)])
        seconds, peak_gb = timed([sys.executable, "-m", *command])
        rows.append({"stage": name, "seconds": round(seconds, 1), "scan_seconds": round(scan, 1)})
        rows[-1] |= {"ratio": round(seconds / scan, 1), "peak_gb": round(peak_gb, 1)}
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
    for block in values["datasets"].values():
        block["allow_empty"] = True
    Path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


def columns_read(dataset: str, params: Params) -> dict[str, set[str]]:
    """Columns of the tables that a dataset's recipe makes its candidates of."""
    block = params.datasets[dataset]
    columns = SAMPLE_COLUMNS if layout_of(block).unit == "sample" else PROMPT_COLUMNS
    found: dict[str, set[str]] = {}
    for table, sql in named_columns(columns, read_recipe(block.recipe).sql).values():
        owners = re.findall(r"(\w+)\.(\w+)", sql) if table != "rates" else []
        owners += [
            ("grades", name) for name in ("prompt_id", "teacher", "num_verified", "num_passed") if table == "rates"
        ]
        for owner, column in owners:
            if owner in STAGE_OF:
                found.setdefault(owner, {"prompt_id" if owner in ("prompts", "annotations", "grades") else "sample_id"})
                found[owner].add(column)
    return found


def scan_program(reads: dict[str, set[str]]) -> str:
    """A program that reads every value of some columns once, table by table."""
    folders = {table: f"data/{STAGE_OF[table]}/{'drops' if table == 'score_drops' else table}" for table in reads}
    lines = [
        f'con.execute("SELECT {", ".join(f"min({c}), max({c})" for c in sorted(columns))} '
        f"FROM '{folders[table]}/*.parquet'\").fetchall()"
        for table, columns in reads.items()
    ]
    return "\n".join(
        ["import duckdb", "con = duckdb.connect()", "con.execute('SET enable_progress_bar = false')", *lines]
    )


def timed(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak memory in GB of a program."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    start = time.monotonic()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    assert process.stderr is not None
    told = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(told)
    return time.monotonic() - start, usage.ru_maxrss / 1e6


if __name__ == "__main__":
    main()

"""`curate diff` of two versions of full chat rows, against one DuckDB scan and hash of both, and against its rivals.

    python benchmarks/diff_at_scale.py --rows 100000 --folder .bench/diff

makes two releases (1.9 KB of text a row; of the second 1 % of the rows are changed, removed or added, scattered; 1.4 million
rows by default, 5 GB of disk), then runs each way in a process of its own and prints seconds, the ratio to the scan and the
peak of memory: the keys, changed groups and counts from sidecars and from rows, the whole command with its samples, what
writing a sidecar takes, and what `rivals.py` installs. Figures go to benchmarks/results/diff_at_scale.json.
"""

import argparse
import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

from chat_releases import size, write_version
from rivals import install
from timing import ROOT, tried

RESULTS = ROOT / "benchmarks/results/diff_at_scale.json"
FOLDERS = ("data/releases/chats/1.0.0", "data/releases/chats/1.1.0")
SCAN = """
import duckdb
con = duckdb.connect()
con.execute("SET enable_progress_bar = false")
for path in {paths}:
    con.execute(f"SELECT bit_xor(hash(messages)), bit_xor(hash(COLUMNS(* EXCLUDE messages))) FROM '{{path}}'").fetchall()
"""
FIND = """
from curation.diff.compare import opened
with opened("{old}", "{new}", ["sample_id"]) as both:
    print(both.con.execute("SELECT diff_type, count(*) FROM changes GROUP BY ALL ORDER BY ALL").fetchall())
"""
WRITE = """
from pathlib import Path

from curation import sidecar, tables
con = tables.connect(memory_gb=2)
rows = con.sql("FROM " + sidecar.read_sql(["{path}"]))
sidecar.write(rows, Path("scratch"), split="train", key=("sample_id",))
"""


def main() -> None:
    """Make the versions, run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench/diff_at_scale", help="made there, or used again")
    parser.add_argument("--rows", type=int, default=1_400_000)
    parser.add_argument("--repeats", type=int, default=3, help="of each of ours the fastest run counts")
    parser.add_argument("--only", nargs="*", help="begin of the names of what of ours is run, beside the scan")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(args.folder)
    for folder, change in zip(FOLDERS, ("", "mixed"), strict=True):
        if not Path(folder, "manifest.json").exists():
            # In a process of its own: what this one has held counts as the peak of those that it starts.
            writer = multiprocessing.get_context("spawn").Process(
                target=write_version, args=(Path(folder), args.rows, change)
            )
            writer.start()
            writer.join()
    parts = {name: size(Path(FOLDERS[0], name)) for name in ("data", "sidecar")}
    told: dict[str, Any] = {"rows": args.rows, "sidecar_share": round(parts["sidecar"] / sum(parts.values()), 3)}
    print(json.dumps(told))
    runs: list[dict[str, Any]] = []
    for name, (command, repeats) in ways(args.repeats, rivals=args.only is None).items():
        if runs and args.only is not None and not name.startswith(tuple(args.only)):
            continue
        runs.append({"what": name, **measured(command, repeats)})
        if "seconds" in runs[-1]:
            runs[-1]["ratio"] = round(runs[-1]["seconds"] / runs[0]["seconds"], 3)
        print(json.dumps(runs[-1]), flush=True)
    RESULTS.write_text(json.dumps({**told, "runs": runs}, indent=2) + "\n")


def ways(repeats: int, *, rivals: bool) -> dict[str, tuple[list[str], int]]:
    """Command and repeats by what they do; the scan first."""
    paths = [f"{folder}/data/train-00000.parquet" for folder in FOLDERS]
    python = [sys.executable, "-c"]
    old, new = (f"chats@{Path(folder).name}" for folder in FOLDERS)
    curate = [sys.executable, "-m", "curation.cli", "diff", old, new]
    return {
        "scan and hash": ([*python, SCAN.format(paths=paths)], repeats),
        "import": ([*python, "import duckdb, curation.diff.compare"], repeats),
        "write a sidecar": ([*python, WRITE.format(path=paths[0])], 1),
        "find from sidecars": ([*python, FIND.format(old=old, new=new)], repeats),
        "find from rows": ([*python, FIND.format(old=paths[0], new=paths[1])], repeats),
        "curate diff": (curate, repeats),
        "curate diff, all rows": ([*curate, "--format", "parquet", "--output", "changes.parquet"], 1),
        **{
            name: (command, 1)
            for name, command in (install(Path("rivals"), paths, "sample_id") if rivals else {}).items()
        },
    }


def measured(command: list[str], repeats: int) -> dict[str, Any]:
    """The least wall seconds of some runs and the most peak memory in GB; or why it fails."""
    runs = [tried(command) for _ in range(repeats)]
    failed = next((run for run in runs if isinstance(run, str)), None)
    if failed is not None:
        return {"failed": failed}
    seconds, peaks = zip(*runs, strict=True)
    return {"seconds": round(min(seconds), 3), "peak_gb": round(max(peaks), 2)}


if __name__ == "__main__":
    main()

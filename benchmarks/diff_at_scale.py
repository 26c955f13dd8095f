"""`curate diff` of two versions of full chat rows, against one DuckDB scan and hash of both.

    python benchmarks/diff_at_scale.py --rows 100000 --folder .bench/diff

makes two releases (1.9 KB of text a row; of the second 1 % of the rows are changed, removed or added, scattered; 1.4 million
rows by default, 5 GB of disk), then runs each way in a process of its own and prints seconds, the ratio to the scan and the
peak of memory: the keys, changed groups and counts from sidecars and from rows, the whole command with its samples, and what
writing the sidecars takes. Figures go to benchmarks/results/diff_at_scale.json.
"""

import argparse
import json
import multiprocessing
import os
import sys
from pathlib import Path

import duckdb
from timing import ROOT, timed

from curation import sidecar

RESULTS = ROOT / "benchmarks/results/diff_at_scale.json"
VERSIONS = ("1.0.0", "1.1.0")
DATA = "data/releases/chats/{}/data/train-00000.parquet"
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
sidecar.write(rows, Path("{folder}"), split="train", key=("sample_id",))
"""


def main() -> None:
    """Make the versions, run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench/diff_at_scale", help="made there, or used again")
    parser.add_argument("--rows", type=int, default=1_400_000)
    parser.add_argument("--repeats", type=int, default=3, help="of each the fastest run counts")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(args.folder)
    for version in VERSIONS:
        if not Path(DATA.format(version)).exists():
            # In a process of its own: what this one has held counts as the peak of those that it starts.
            writer = multiprocessing.get_context("spawn").Process(target=write_version, args=(version, args.rows))
            writer.start()
            writer.join()
    paths = [DATA.format(version) for version in VERSIONS]
    python = [sys.executable, "-c"]
    old, new = (f"chats@{version}" for version in VERSIONS)
    ways = {
        "scan and hash": [*python, SCAN.format(paths=paths)],
        "write a sidecar": [*python, WRITE.format(path=paths[0], folder="scratch")],
        "find from sidecars": [*python, FIND.format(old=old, new=new)],
        "find from rows": [*python, FIND.format(old=paths[0], new=paths[1])],
        "curate diff": [sys.executable, "-m", "curation.cli", "diff", old, new],
        "curate diff, all rows": [
            *[sys.executable, "-m", "curation.cli", "diff", old, new, "--format", "parquet"],
            *["--output", "changes.parquet"],
        ],
    }
    sizes = [path.stat().st_size for path in (Path(paths[0]), sidecar_of(VERSIONS[0]))]
    start, _ = fastest([*python, "import duckdb, curation.diff.compare"], args.repeats)
    print(json.dumps({"start-up seconds": round(start, 2), "sidecar's share of bytes": round(sizes[1] / sizes[0], 3)}))
    rows = []
    for name, command in ways.items():
        seconds, peak_gb = fastest(command, args.repeats)
        rows.append({"what": name, "seconds": round(seconds, 2), "peak_gb": round(peak_gb, 2)})
        rows[-1]["ratio"] = round(seconds / rows[0]["seconds"], 2)
        print(json.dumps(rows[-1]), flush=True)
    told = {"rows": args.rows, "start_up_seconds": round(start, 2), "sidecar_share": round(sizes[1] / sizes[0], 3)}
    RESULTS.write_text(json.dumps({**told, "runs": rows}, indent=2) + "\n")


def sidecar_of(version: str) -> Path:
    """Where a version's sidecar is."""
    return Path(DATA.format(version)).parents[1] / "sidecar/default/train-00000.parquet"


def write_version(version: str, num_rows: int) -> None:
    """Write one version: of the second, texts, scores and rows differ at 1 % of the places."""
    path = Path(DATA.format(version))
    path.parent.mkdir(parents=True, exist_ok=True)
    second = version == VERSIONS[1]
    con = duckdb.connect()
    con.execute("SET memory_limit = '4GB'")
    con.execute("SET enable_progress_bar = false")
    con.execute(
        "CREATE TABLE words AS SELECT list(md5(i::VARCHAR)[:(hash(i) % 9)::INT + 2]) AS w FROM range(5000) AS r(i)"
    )
    con.execute(
        f"""
        COPY (
            SELECT md5(i::VARCHAR) AS sample_id, md5('p' || i) AS prompt_id,
                [
                    {{'role': 'user', 'content': {_text("i, 0", 40)}}},
                    {{'role': 'assistant', 'content': {_text("i, 1", 230)} || CASE WHEN {second} AND hash(i, 7) % 1000 < 3
                        THEN ' wait' ELSE '' END}}
                ] AS messages,
                ['math', 'code', 'chat'][i % 3 + 1] AS category, 'Math' AS label, 'easy' AS difficulty,
                (hash(i) % 1000) / 1000.0 + CASE WHEN {second} AND hash(i, 8) % 1000 < 5 THEN 1 ELSE 0 END AS verify_score,
                2::INT AS num_turns, 25::INT AS prompt_words, 300::INT AS answer_tokens, 200::INT AS reasoning_tokens
            FROM range({num_rows} + CASE WHEN {second} THEN {num_rows} // 1000 ELSE 0 END) AS r(i), words
            WHERE NOT ({second} AND hash(i, 9) % 1000 < 1)
            ORDER BY sample_id
        ) TO '{path}' (COMPRESSION zstd, ROW_GROUP_SIZE 20000)
        """
    )
    rows = con.sql(f"FROM {sidecar.read_sql([path])}")
    sidecar.write(rows, sidecar_of(version).parent, split="train", key=("sample_id",))
    entry = {"config": "default", "split": "train"}
    manifest = {
        "files": [{**entry, "path": "data/train-00000.parquet"}],
        "sidecars": [{**entry, "path": "sidecar/default/train-00000.parquet"}],
    }
    path.parents[1].joinpath("manifest.json").write_text(json.dumps(manifest))


def _text(seed: str, num_words: int) -> str:
    return f"array_to_string(list_transform(range({num_words}), lambda k: w[(hash({seed}, k) % 5000)::INT + 1]), ' ')"


def fastest(command: list[str], repeats: int) -> tuple[float, float]:
    """The least wall seconds of some runs, and the most peak memory in GB."""
    runs = [timed(command) for _ in range(repeats)]
    return min(seconds for seconds, _ in runs), max(peak for _, peak in runs)


if __name__ == "__main__":
    main()

"""The rule on frequent 20-token strings over synthetic responses: seconds, peak of memory and of disk, at two sizes.

    python benchmarks/token_strings_at_scale.py --rows 25000 --rows 100000

makes responses of 1,000 random tokens, into some of which it plants known strings, counts in a process of its own as the
stage score does, and checks the counts of the planted ones. Default: 250 thousand and 1 million responses, 4 GB of tokens.
Figures go to benchmarks/results/token_strings_at_scale.json.
"""

import argparse
import json
import multiprocessing
import resource
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation import tables
from curation.token_ngrams import count_ngrams

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results/token_strings_at_scale.json"
TOKENS, NGRAM, VOCABULARY, PLANTED = 1_000, 20, 150_000, 100
SCHEMA = pa.schema([("sample_id", pa.string()), ("tokens", pa.list_(pa.int32()))])
BATCH = 10_000


def main() -> None:
    """Make the responses, count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench/token_strings")
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--memory-gb", type=float, default=4, help="limit of DuckDB")
    args = parser.parse_args()
    runs = []
    for num_rows in args.rows or [250_000, 1_000_000]:
        shutil.rmtree(args.folder, ignore_errors=True)
        args.folder.mkdir(parents=True)
        planted = write_responses(args.folder / "tokens.parquet", num_rows)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            run = pool.apply(count, (args.folder, num_rows, planted, args.memory_gb))
        runs.append(run)
        print(json.dumps(run), flush=True)
    shutil.rmtree(args.folder)
    RESULTS.write_text(json.dumps({"tokens_per_response": TOKENS, "runs": runs}, indent=2) + "\n")


def write_responses(path: Path, num_rows: int) -> list[int]:
    """Random tokens, a planted string in every fiftieth response; returns how often each stands."""
    rng = np.random.default_rng(17)
    strings = rng.integers(0, VOCABULARY, (PLANTED, NGRAM), dtype=np.int32)
    counts = [0] * PLANTED
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for first in range(0, num_rows, BATCH):
            numbers = range(first, min(first + BATCH, num_rows))
            tokens = rng.integers(0, VOCABULARY, (len(numbers), TOKENS), dtype=np.int32)
            for number in (number for number in numbers if number % 50 == 0):
                which = (number // 50) % PLANTED
                tokens[number - first, :NGRAM] = strings[which]
                counts[which] += 1
            lists = pa.FixedSizeListArray.from_arrays(pa.array(tokens.ravel()), TOKENS).cast(pa.list_(pa.int32()))
            writer.write_table(pa.table([[f"{number:032x}" for number in numbers], lists], schema=SCHEMA))
    return counts


def count(folder: Path, num_rows: int, planted: list[int], memory_gb: float) -> dict[str, float]:
    """Count the strings of the responses; checks every response's figure."""
    scratch, peak_disk, done = folder / "scratch", [0], threading.Event()
    scratch.mkdir()

    def watch() -> None:
        while not done.wait(0.5):
            there = [path for path in folder.rglob("*") if path.is_file() and path.name != "tokens.parquet"]
            peak_disk[0] = max(peak_disk[0], sum(path.stat().st_size for path in there if path.exists()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    con = tables.connect(memory_gb=memory_gb)
    con.execute(f"SET temp_directory = '{folder}/spill'")
    start = time.monotonic()
    tokens = con.read_parquet(str(folder / "tokens.parquet"))
    counted = count_ngrams(tokens, ngram_tokens=NGRAM, scratch=scratch).fetchnumpy()
    seconds = time.monotonic() - start
    done.set()
    watcher.join()
    numbers = np.array([int(sample_id, 16) for sample_id in counted["sample_id"]])
    wanted = np.where(numbers % 50 == 0, np.array(planted)[numbers // 50 % PLANTED], 1)
    assert len(numbers) == num_rows, f"{len(numbers)} responses counted, {num_rows} wanted"
    assert (counted["occurrences"] == wanted).all(), "a count differs from what was planted"
    return {
        "responses": num_rows,
        "seconds": round(seconds, 1),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1),
        "peak_disk_gb": round(peak_disk[0] / 1e9, 1),
    }


if __name__ == "__main__":
    main()

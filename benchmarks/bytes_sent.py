"""What a new version sends to a Hub that has the one before, as a share of its bytes.

    python benchmarks/bytes_sent.py --rows 20000

writes a release of chat rows and, for every kind of change, the version after it, sorted by key and on the base of the first
(`release.base`); hf-xet, the Hub's own client, uploads the first and then the second into a store in a folder, and what the store
grows by counts. The sidecar, whose hashes no compression shortens, is told apart. Figures go to benchmarks/results/bytes_sent.json.
"""

import argparse
import json
import tempfile
from pathlib import Path

import hf_xet  # type: ignore[import-untyped]
from chat_releases import CHANGES, size, write_version
from timing import ROOT

RESULTS = ROOT / "benchmarks/results/bytes_sent.json"


def main() -> None:
    """Write, upload and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    args = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        first = root / "first"
        write_version(first, args.rows)
        base = sorted((first / "data").glob("*.parquet"))
        for change in CHANGES:
            for layout, shards in (("by key", []), ("on base", base)):
                second = root / f"{change}-{layout}"
                write_version(second, args.rows, change, base=shards)
                row = {"change": change, "layout": layout, **shares(first, second, root / f"store-{change}-{layout}")}
                print(json.dumps(row), flush=True)
                found.append(row)
        told = {"rows": args.rows, "bytes": size(first), "runs": found}
    RESULTS.write_text(json.dumps(told, indent=2) + "\n")


def shares(first: Path, second: Path, store: Path) -> dict[str, float]:
    """Bytes that the second version adds to a store with the first, as a share of the second's: all, rows, sidecar."""
    upload(first, store)
    added = {}
    for part in ("data", "sidecar"):
        before = size(store)
        upload(second / part, store)
        added[part] = size(store) - before
    whole = size(second)
    return {
        "sent": round(sum(added.values()) / whole, 3),
        "rows": round(added["data"] / whole, 3),
        "sidecar": round(added["sidecar"] / whole, 3),
    }


def upload(folder: Path, store: Path) -> None:
    """Upload the Parquet files of a folder as hf-xet does."""
    store.mkdir(exist_ok=True)
    with hf_xet.XetSession().new_upload_commit(endpoint=f"local://{store}") as commit:
        for path in sorted(folder.rglob("*.parquet")):
            commit.start_upload_file(str(path))


if __name__ == "__main__":
    main()

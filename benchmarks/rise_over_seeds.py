"""pass@1 on held-out prompts before SFT, after SFT and after RL, over several seeds.

    python benchmarks/rise_over_seeds.py --seeds 1 2 3

trains the default model on data/release/sums of this project (`make repro` writes it) once per seed, by the stages base, sft, rl
and evaluate as `dvc repro` runs them, in a folder of its own; the seed draws weights, batches and rollouts, the prompts are the
same. Figures go to benchmarks/results/rise_over_seeds.json, with the paired difference from SFT to RL, its 95 % interval by a
bootstrap over prompts, and p of McNemar's test.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml
from timing import ROOT, timed

RESULTS = ROOT / "benchmarks/results/rise_over_seeds.json"
STAGES = ("base", "sft", "rl", "evaluate")


def main() -> None:
    """Train, evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--release", type=Path, default=ROOT / "data/release/sums")
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench/rise_over_seeds")
    args = parser.parse_args()
    if not args.release.exists():
        raise SystemExit(f"{args.release} is not there. Run: make repro")
    release = args.release.resolve()
    found = []
    for seed in args.seeds:
        found.append({"seed": seed, **run(args.folder / str(seed), release, seed)})
        print(json.dumps(found[-1]), flush=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")


def run(folder: Path, release: Path, seed: int) -> dict[str, Any]:
    """Train and evaluate with one seed; returns the figures and the seconds of each stage."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data/release").mkdir(parents=True)
    shutil.copytree(release, folder / "data/release/sums")
    values: dict[str, Any] = yaml.safe_load((ROOT / "profiles/embedded.yaml").read_text())
    values["seed"] = seed
    values["evaluate"]["rounds"] = 1
    (folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    os.chdir(folder)
    seconds = {stage: round(timed([sys.executable, "-m", f"train.{stage}"])[0], 1) for stage in STAGES}
    metrics = json.loads(Path("data/evaluate/metrics.json").read_text())
    models = {name: of_benchmarks["sums"]["round_1"] for name, of_benchmarks in metrics["models"].items()}
    rise = metrics["comparisons"]["sft-rl"]["sums"]["round_1"]
    told = {name: [cell["pass_at_1"], cell["low"], cell["high"]] for name, cell in models.items()}
    return {**told, "rise": [rise["difference"], rise["low"], rise["high"]], "p": rise["p_value"], "seconds": seconds}


if __name__ == "__main__":
    main()

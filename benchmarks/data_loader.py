"""The data loader of sft against the same tensors fed from memory: what of a step's time it adds.

    python benchmarks/data_loader.py --prompts 1600 --epochs 4

trains the fresh model of profiles/embedded.yaml on the source `sums`: a model of half a million parameters, whose steps are so
short that a loader costs the largest share. Both ways take turns, an epoch each, on one thread. Counted are seconds of the
processor, which programs beside it change least: those until a batch is there apart from those of its update, since two epochs of
the same updates differ by some percent themselves. Figures go to benchmarks/results/data_loader.json.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from timing import ROOT

from curation import params as params_module
from curation import tables
from curation.sources import sums
from schemas.table import Column, Table
from train import base, examples, sft, tokenizer

RESULTS = ROOT / "benchmarks/results/data_loader.json"
TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
SAMPLES = Table(
    "samples",
    "one row per sample",
    ("sample_id",),
    (
        Column("sample_id", pa.string(), "Id."),
        Column("category", pa.string(), "Category."),
        Column("messages", TURNS, "Turns of the prompt."),
        Column("response", pa.string(), "Full text."),
    ),
)


def main() -> None:
    """Make the examples, train both ways and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=1600)
    parser.add_argument("--epochs", type=int, default=4, help="of each way")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(args.prompts, Path(folder))
        step = stepper(trainer)
        loader = trainer.get_train_dataloader()
        from_memory = list(loader)
        run(from_memory, step)
        epochs = [(run(loader, step), run(from_memory, step)) for _ in range(args.epochs)]
    steps = args.epochs * len(from_memory)
    got, fed = (sum(epoch[way][0] for epoch in epochs) / steps for way in (0, 1))
    update = sum(seconds for epoch in epochs for _, seconds in epoch) / (2 * steps)
    milliseconds = {
        name: round(1000 * value, 3) for name, value in [("loader", got), ("memory", fed), ("update", update)]
    }
    told = {"prompts": args.prompts, "steps": steps, "milliseconds_per_step": milliseconds}
    told["added_share"] = round((got - fed) / (fed + update), 4)
    print(json.dumps(told))
    RESULTS.write_text(json.dumps(told, indent=2) + "\n")


def make_trainer(num_prompts: int, folder: Path) -> Any:
    """The trainer of sft, as the stage makes it, over worked sums."""
    params = params_module.load(ROOT / "profiles/embedded.yaml")
    assert params.base and params.base.fresh and params.sft
    rows: list[dict[str, object]] = [
        {
            "sample_id": record["id"],
            "category": "math",
            "messages": [{"role": "user", "content": record["prompt"]}],
            "response": record["responses"][0]["text"],
        }
        for record in sums.records(num_prompts=num_prompts, seed=params.seed)
    ]
    samples = tables.from_rows(tables.connect(memory_gb=2), rows, SAMPLES)
    fresh, block = params.base.fresh, params.sft
    made = tokenizer.train(samples, vocabulary=fresh.vocabulary, max_tokens=fresh.max_tokens)
    built = examples.build(samples, made, system=None, max_tokens=block.max_tokens, upsample={})
    model = base.fresh_model(fresh, made, seed=params.seed)
    return sft.make_trainer("sft", block, params, built=built, model=model, tokenizer=made, folder=folder)


def stepper(trainer: Any) -> Callable[[Any], None]:
    """One update of the trainer's model: loss, gradients, optimizer."""
    trainer.create_optimizer()

    def step(batch: Any) -> None:
        trainer.model.train()
        trainer.compute_loss(trainer.model, batch).backward()
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()

    return step


def run(batches: Iterable[Any], step: Callable[[Any], None]) -> tuple[float, float]:
    """Seconds of the processor in an epoch until batches were there, and those of their updates."""
    waited = updated = 0.0
    last = time.process_time()
    for batch in batches:
        there = time.process_time()
        step(batch)
        waited, updated, last = waited + there - last, updated + (done := time.process_time()) - there, done
    return waited, updated


if __name__ == "__main__":
    main()

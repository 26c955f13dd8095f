"""preference: a release of pairs + a model -> the model that prefers the better response (DPO, LD-DPO).

In: `data/release/<preference.dataset>`, split train; the model of the stage `preference.start`, which is the reference,
too. Out: model/, metrics.json, log.csv, counts.json. The unit is the pair: trained on, or dropped.

LD-DPO weights the tokens beyond the shorter response of a pair by `alpha`, so that length alone earns less; 1 is DPO.
R6's Eq. 3 as printed weights the policy's likelihood only; TRL, which trains here, weights the reference's alike, so that
a policy that equals its reference has no loss but log 2.

Reference: R6 (arXiv 2505.02142) 7.3 pairs, 7.4 losses, 7.5 values.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation.params import Params
from curation.stage import Run
from curation.training_params import Preference
from train import checkpoints, fitting, models
from train.launch import run_training
from train.pairs import Pairs, build
from train.releases import open_release, pairs

LOG = ("step", "epoch", "loss", "learning_rate", "grad_norm", "rewards/accuracies", "rewards/margins")


def main(argv: Sequence[str] | None = None) -> int:
    """Train on pairs of responses. Example: python -m train.preference."""
    return run_training("preference", _run, unit="pair")


def _run(run: Run) -> None:
    block, params = run.params.preference, run.params
    assert block is not None
    base, path = models.base_of(params), models.resolve(block.start, params)
    opened = open_release(block.dataset, block.config)
    tokenizer = models.load_tokenizer(path, base)
    built = build(pairs(opened, "train", run.con), tokenizer, system=block.system, max_tokens=block.max_tokens)
    start = models.identity(block.start, params)
    folder = checkpoints.open_folder("preference", fitting.identity(block, params, [opened], start))
    model = models.load_model(path, base, block.fit)
    reference = None if block.fit.lora else models.load_model(path, base, block.fit)
    trainer = make_trainer(
        block, params, built=built, model=model, reference=reference, tokenizer=tokenizer, folder=folder
    )
    fitting.fit_model(trainer, checkpoints.latest(folder))
    rows = fitting.log_rows(trainer, LOG)
    figures = {
        "steps": trainer.state.global_step,
        "pairs": built.rows.num_rows,
        "loss_first": round(float(rows[0]["loss"]), 6),
        "loss_last": round(float(rows[-1]["loss"]), 6),
        "accuracy_last": round(float(rows[-1]["rewards/accuracies"]), 6),
    }
    fitting.write_output(run, trainer, figures, LOG, opened=opened, start=start)
    num_dropped = sum(built.dropped.values())
    run.account(unit="pair", rows_in=built.num_pairs, rows_kept=built.num_pairs - num_dropped, dropped=built.dropped)


def make_trainer(
    block: Preference, params: Params, *, built: Pairs, model: Any, reference: Any, tokenizer: Any, folder: Path
) -> Any:
    """TRL's trainer over ids.

    Args:
        block: The block preference.
        params: Reads the seed.
        built: The pairs.
        model: With its weights.
        reference: The same weights, frozen; None for adapters, which are switched off instead.
        tokenizer: Of the model.
        folder: Where checkpoints go.
    """
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    class PairTrainer(DPOTrainer):  # type: ignore[misc]
        """Takes pairs as the ids that they are."""

        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    values = fitting.arguments(block.fit, folder=folder, seed=params.seed, where="preference.fit")
    config = DPOConfig(
        **values,
        max_length=None,
        loss_type=["sigmoid"],
        beta=block.beta,
        ld_alpha=None if block.alpha == 1 else block.alpha,
    )
    return PairTrainer(
        model=model,
        ref_model=reference,
        args=config,
        train_dataset=Dataset(built.rows),
        processing_class=tokenizer,
        peft_config=models.lora_config(block.fit.lora),
        callbacks=fitting.callbacks("preference"),
    )


if __name__ == "__main__":
    sys.exit(main())

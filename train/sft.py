r"""sft: a release of samples + a model -> the model fine-tuned on them.

In: `data/release/<sft.dataset>`, split train; the model of the stage `sft.start`. Out: model/ (weights, tokenizer,
card), metrics.json, log.csv, counts.json. The unit is the sample: trained on, or dropped as too long or empty.

A chat's last turn is the target, the end of the turn part of it (`train.examples`). Examples stand alone in their
sequence, or are packed where the attention keeps them apart. The rate rises over the first share of the steps and falls
to zero along a cosine. Where `stop_at` says so, training ends when the model answers a share of the validation split.

Reference: R1 2.5; R4 5.4; R5 6.10, R7 8.5 and R8 9.3 (packing, 5 % warm-up, decay to zero, the final response as target).
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation.errors import ParamsError
from curation.params import Params
from curation.stage import Run
from curation.training_params import Sft, StopAt
from train import checkpoints, examples, fitting, models, probe
from train.launch import run_training
from train.releases import Opened, open_release, prompts, samples

PROBED = "validation_pass_at_1"
"""What a probe of the validation split is called in the log and the figures."""


def main(argv: Sequence[str] | None = None) -> int:
    """Fine-tune the base model on a release. Example: python -m train.sft."""
    return run_training("sft", _run, unit="sample")


def _run(run: Run) -> None:
    assert run.params.sft is not None
    fine_tune(run, run.params.sft)


def fine_tune(run: Run, block: Sft) -> None:
    """Train on one block of params and write the stage's output; the stage anneal does the same.

    Args:
        run: The stage's run.
        block: Its block.

    Raises:
        ParamsError: The block packs where attention would mix examples.
        DataError: The release, the model or its template do not do.
    """
    stage, params = run.stage, run.params
    _check_packing(stage, block)
    base, path = models.base_of(params), models.resolve(block.start, params)
    opened = open_release(block.dataset, block.config)
    tokenizer = models.load_tokenizer(path, base)
    built = examples.build(
        samples(opened, "train", run.con),
        tokenizer,
        system=block.system,
        max_tokens=block.max_tokens,
        upsample=block.upsample,
    )
    start = models.identity(block.start, params)
    decides = {"verify": dataclasses.asdict(params.verify) if block.stop_at else None}
    folder = checkpoints.open_folder(stage, fitting.identity(block, params, [opened], start) | decides)
    model = models.load_model(path, base, block.fit)
    trainer = make_trainer(stage, block, params, built=built, model=model, tokenizer=tokenizer, folder=folder)
    watch = _Watch(run, block, opened, tokenizer) if block.stop_at else None
    if watch:
        trainer.add_callback(watch.callback())
    fitting.fit_model(trainer, checkpoints.latest(folder), over=watch.is_over if watch else lambda _: False)
    _write(run, built, trainer, opened=opened, start=start, watch=watch)


def make_trainer(
    stage: str, block: Sft, params: Params, *, built: examples.Examples, model: Any, tokenizer: Any, folder: Path
) -> Any:
    """TRL's trainer over ids and labels; it neither cuts nor masks.

    Args:
        stage: sft or anneal.
        block: Its block.
        params: Reads the seed.
        built: The examples.
        model: With its weights.
        tokenizer: Of the model.
        folder: Where checkpoints go.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    dataset = Dataset(built.rows.select(["input_ids", "labels"]))
    values = fitting.arguments(block.fit, folder=folder, seed=params.seed, where=f"{stage}.fit")
    config = SFTConfig(
        **values,
        max_length=block.max_tokens,
        packing=block.packing,
        packing_strategy="bfd",
        padding_free=block.packing,
        dataset_kwargs=None if block.packing else {"skip_prepare_dataset": True},
    )
    return SFTTrainer(
        model=model,
        args=config,
        train_dataset=dataset,
        processing_class=tokenizer,
        peft_config=models.lora_config(block.fit.lora),
        callbacks=fitting.callbacks(stage),
    )


def _check_packing(stage: str, block: Sft) -> None:
    """Packed neighbours see each other unless attention is told where each begins: 0.03 to 0.15 of loss (TRL #3910).

    FlashAttention is told by its interface. Others only as far as transformers makes a mask of the position ids, which it
    does for some models, in some releases, with the cache off.
    """
    if block.packing and block.fit.attention != "flash_attention_2":
        raise ParamsError(
            f"params: {stage}.packing is true, and nothing promises that fit.attention {block.fit.attention} keeps packed "
            f"examples apart. Set attention: flash_attention_2 (needs a GPU and the package flash-attn), or packing: false."
        )


class _Watch:
    """Asks the validation split every so often, and ends training when enough is right."""

    def __init__(self, run: Run, block: Sft, opened: Opened, tokenizer: Any) -> None:
        assert block.stop_at is not None
        self.stop_at: StopAt = block.stop_at
        self.tokenizer = tokenizer
        rows = prompts(opened, "validation", run.con).limit(self.stop_at.prompts).to_arrow_table().to_pylist()
        self.probe = probe.Probe(
            tasks=rows,
            system=block.system,
            max_new_tokens=block.max_tokens,
            params=run.params,
        )

    def is_over(self, state: Any) -> bool:
        """Whether the last probe of a run found enough."""
        reached = self.reached(state)
        return reached is not None and reached >= self.stop_at.accuracy

    def reached(self, state: Any) -> float | None:
        """What the last probe found, as the log of the run tells; None before the first."""
        found = [entry[PROBED] for entry in state.log_history if PROBED in entry]
        return float(found[-1]) if found else None

    def callback(self) -> Any:
        """What the trainer calls after each update."""
        from transformers import TrainerCallback

        watch = self

        class Asks(TrainerCallback):  # type: ignore[misc]
            """Probes the model and stops it."""

            def on_step_end(self, _args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
                if state.global_step % watch.stop_at.every_steps == 0:
                    found = probe.accuracy(model, watch.tokenizer, watch.probe)
                    state.log_history.append({"step": state.global_step, PROBED: found})
                    fitting.told(f"step {state.global_step}: {found:.3f} of the validation prompts are right")
                    if watch.is_over(state):
                        control.should_training_stop = True

        return Asks()


def _write(
    run: Run, built: examples.Examples, trainer: Any, *, opened: Opened, start: str, watch: _Watch | None
) -> None:
    losses = [float(row["loss"]) for row in fitting.log_rows(trainer)]
    tail = losses[-10:]
    figures: dict[str, Any] = {
        "steps": trainer.state.global_step,
        "examples": built.rows.num_rows,
        "repeats": built.num_repeats,
        "target_tokens": built.num_targets,
        "loss_first": round(losses[0], 6),
        "loss_last_10": round(sum(tail) / len(tail), 6),
    }
    if watch and (reached := watch.reached(trainer.state)) is not None:
        figures[PROBED] = round(reached, 6)
    fitting.write_output(run, trainer, figures, opened=opened, start=start)
    num_dropped = sum(built.dropped.values())
    run.account(
        unit="sample", rows_in=built.num_samples, rows_kept=built.num_samples - num_dropped, dropped=built.dropped
    )


if __name__ == "__main__":
    sys.exit(main())

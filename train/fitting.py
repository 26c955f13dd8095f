"""What the trainers of all stages share: arguments, the log, the progress, and how a run begins again after a kill.

TRL trains; its trainers take the same arguments from transformers. Here the block `fit` of params becomes those
arguments: batches, a cosine to zero after a warm-up, precision, checkpoints, and settings under which the same seed gives
the same weights.
"""

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.errors import ParamsError
from curation.params import Params
from curation.progress import say
from curation.stage import Run
from curation.training_params import Fit
from train import models
from train.model_card import card
from train.releases import Opened

LOGGED = ("step", "epoch", "loss", "learning_rate", "grad_norm", "mean_token_accuracy")
"""Columns of log.csv that every stage has."""
_WAIT_SECONDS = 4 * 3600
"""How long processes wait for each other: while the first packs examples or saves, say."""


def arguments(fit: Fit, *, folder: Path, seed: int, where: str) -> dict[str, Any]:
    """Values for TrainingArguments and what TRL derives from it.

    Args:
        fit: How weights are updated.
        folder: Where checkpoints go.
        seed: Of data order and dropout.
        where: Place of the block in params, for errors.

    Raises:
        ParamsError: The batch is no multiple of what the devices hold at once; adapters would be sharded.
    """
    import torch

    if fit.lora and os.environ.get("ACCELERATE_USE_FSDP", os.environ.get("ACCELERATE_USE_DEEPSPEED")) == "true":
        raise ParamsError(
            f"params: {where}.lora cannot be merged into a model that FSDP or DeepSpeed shards. Launch it with "
            f"train/accelerate/ddp.yaml, or set lora: null."
        )
    on_cpu = not torch.cuda.is_available()
    at_once = fit.micro_batch * num_processes()
    if fit.batch % at_once:
        raise ParamsError(
            f"params: {where}.batch is {fit.batch}, no multiple of micro_batch {fit.micro_batch} x {num_processes()} "
            f"processes. Set it to {max(1, fit.batch // at_once) * at_once}, or another micro_batch."
        )
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": fit.micro_batch,
        "gradient_accumulation_steps": fit.batch // at_once,
        "num_train_epochs": fit.epochs,
        "max_steps": fit.max_steps or -1,
        "learning_rate": fit.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": fit.warmup_share,  # below 1 it is a share
        "weight_decay": fit.weight_decay,
        "max_grad_norm": fit.max_grad_norm,
        "bf16": fit.dtype == "bfloat16",
        "gradient_checkpointing": fit.gradient_checkpointing,
        "use_cpu": on_cpu,
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "steps",
        "save_steps": fit.save_steps,
        "save_total_limit": 2,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "report_to": [],
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "dataloader_pin_memory": not on_cpu,
        "ddp_timeout": _WAIT_SECONDS,
    }


def num_processes() -> int:
    """Processes that train together, as `accelerate launch` says."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def process_rank() -> int:
    """Number of this process among those that train together, from 0."""
    return int(os.environ.get("RANK", "0"))


def is_first() -> bool:
    """Whether this process is the one that writes outputs."""
    return process_rank() == 0


def told(line: str) -> None:
    """Say a line once, whatever the number of processes."""
    if is_first():
        say(line)


def callbacks(stage: str, *, shown: str = "loss") -> list[Any]:
    """What a trainer tells while it runs: a line with one figure every twentieth of the way."""
    from transformers import TrainerCallback

    class Told(TrainerCallback):  # type: ignore[misc]
        """Says step and figure."""

        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            every = max(1, state.max_steps // 20)
            if logs and shown in logs and state.global_step % every == 0:
                told(f"{stage}: step {state.global_step:,} of {state.max_steps:,}, {shown} {float(logs[shown]):.4f}")

    return [Told()]


def fit_model(trainer: Any, last: Path | None, *, over: Callable[[Any], bool] = lambda _: False) -> None:
    """Train, from the last whole checkpoint where there is one; from one that is the end already, train nothing.

    Args:
        trainer: TRL's.
        last: Its last whole checkpoint.
        over: Whether a trainer's state is where training was stopped before its last step.
    """
    from transformers import PrinterCallback, TrainerState

    trainer.remove_callback(PrinterCallback)
    state = TrainerState.load_from_json(str(last / "trainer_state.json")) if last else None
    if last and state and (state.global_step >= state.max_steps or over(state)):
        trainer._load_from_checkpoint(str(last))  # noqa: SLF001 - train() would make one update more
        trainer.state = state
    else:
        trainer.train(resume_from_checkpoint=str(last) if last else None)


def identity(block: Any, params: Params, opened: Sequence[Opened], start: str) -> dict[str, Any]:
    """What decides every training run, for `train.checkpoints.open_folder`; a stage adds what else decides its own."""
    return {
        "params": dataclasses.asdict(block),
        "seed": params.seed,
        "releases": [[one.release_id, one.config] for one in opened],
        "start": start,
        "processes": num_processes(),
    }


def log_rows(trainer: Any, columns: Sequence[str] = LOGGED) -> list[dict[str, Any]]:
    """One row per update, of a run from its first, resumed or not."""
    return [{name: entry.get(name) for name in columns} for entry in trainer.state.log_history if "loss" in entry]


def save_model(trainer: Any, tokenizer: Any, folder: Path) -> None:
    """Save the trained model with its tokenizer, whole or not at all; adapters are merged.

    All processes call it, as sharded weights are gathered from each. The first writes; the others make an empty folder.
    """
    weights = _gathered(trainer)
    if not is_first():
        folder.mkdir(parents=True, exist_ok=True)
        return
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    model = models.merged(trainer.accelerator.unwrap_model(trainer.model))
    model.config.use_cache = True
    model.save_pretrained(part, state_dict=weights)
    tokenizer.save_pretrained(part)
    config = part / "config.json"
    values = json.loads(config.read_text(encoding="utf-8"))
    values.pop("_name_or_path", None)  # where the model started from is told by the card
    config.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def _gathered(trainer: Any) -> dict[str, Any] | None:
    """All weights of a model that FSDP or DeepSpeed has sharded, in the dtype it was loaded in; None of any other."""
    if not (trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled):
        return None
    found = trainer.accelerator.get_state_dict(trainer.model_wrapped if trainer.is_deepspeed_enabled else trainer.model)
    dtype = trainer.accelerator.unwrap_model(trainer.model).config.dtype
    return {name: weight.to(dtype) for name, weight in (found or {}).items()}


def write_output(
    run: Run, trainer: Any, figures: Mapping[str, Any], columns: Sequence[str] = LOGGED, *, opened: Opened, start: str
) -> None:
    """Write what a run of one trainer leaves: metrics.json, log.csv, the model with its card."""
    run.write_json("metrics.json", figures)
    rows = [[plain(row[name]) for name in columns] for row in log_rows(trainer, columns)]
    run.write_csv("log.csv", columns, rows)
    folder = run.part / models.MODEL
    save_model(trainer, trainer.processing_class, folder)
    told_by_card = card(run.stage, run.params, opened=opened, start=start, figures=figures)
    (folder / "README.md").write_text(told_by_card, encoding="utf-8")


def copy_model(saved: Path, folder: Path, text: str) -> None:
    """Copy a saved model into a stage's output and put its card beside it; the first process alone does."""
    if is_first():
        shutil.copytree(saved, folder)
        (folder / "README.md").write_text(text, encoding="utf-8")


def plain(value: Any) -> Any:
    """A figure as log.csv holds it: six digits."""
    return float(f"{value:.6g}") if isinstance(value, float) else value

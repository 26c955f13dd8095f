"""One stage of GRPO: TRL's trainer as params want it, its log, and where it ends.

Strictly on policy: one update per generation, so no completion was written by older weights (R3 4.3, R7 8.6). The loss is
GRPO's, each completion's mean over its tokens; what was cut is masked. `entropy` is TRL's bonus, the mean entropy of the
completions' tokens; `kl` TRL's estimate of the divergence from the stage's first policy, for which 0 loads no reference.

A stage that begins again goes on from its last checkpoint. Where that one is the end already, nothing more is trained.
"""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.training_params import Plateau, RlStage
from train import checkpoints, curriculum, fitting, models, rollouts
from train.examples import chat
from train.groups import ASKED_FLAT, ASKED_REWARD, REPLACED, Groups, make_trainer
from train.probing import Policy

LOGGED = {
    "reward": ASKED_REWARD,
    "flat": ASKED_FLAT,
    "replaced": REPLACED,
    "reward_trained": "reward",
    "flat_trained": "frac_reward_zero_std",
    "loss": "loss",
    "kl": "kl",
    "entropy": "entropy",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "tokens": "completions/mean_length",
    "truncated": "completions/clipped_ratio",
}
"""Column of log.csv -> its name in the trainer's log."""
LOG = ("stage", "step", *LOGGED)
_ENDS = 10
"""Updates at the start and the end of a stage whose mean reward its figures tell."""
_DONE = "done.json"
Rows = Sequence[Mapping[str, Any]]


def train_stage(
    policy: Policy, stage: RlStage, *, index: int, rows: Rows, path: Path | str
) -> tuple[dict[str, Any], Path]:
    """Train one stage, or read what it left.

    Args:
        policy: The run.
        stage: Its params.
        index: From 1.
        rows: Prompts to draw from.
        path: The model that it starts with.

    Returns:
        Its figures and rows of log.csv, and the folder of its model.
    """
    folder = policy.folder / f"{index:02d}-{stage.name}"
    done, final = folder / _DONE, folder / "final"
    if done.exists():
        fitting.told(f"rl: the stage {stage.name} is done already")
        return json.loads(done.read_text(encoding="utf-8")), final
    folder.mkdir(exist_ok=True)
    last = checkpoints.latest(folder)
    rollouts.drop_after(policy.folder, index, checkpoints.step_of(last))
    fitting.told(f"rl: the stage {stage.name} draws from {len(rows):,} prompts")
    trainer = _trainer(policy, stage, index=index, rows=rows, path=path, folder=folder)
    fitting.fit_model(trainer, last, over=lambda state: _is_over(state, stage.plateau))
    outcome = _outcome(stage, trainer.state, len(rows))
    fitting.save_model(trainer, trainer.processing_class, final)
    if fitting.is_first():
        part = done.with_suffix(".part")
        part.write_text(json.dumps(outcome), encoding="utf-8")
        part.rename(done)
    trainer.accelerator.wait_for_everyone()
    return outcome, final


def _trainer(policy: Policy, stage: RlStage, *, index: int, rows: Rows, path: Path | str, folder: Path) -> Any:
    from datasets import Dataset
    from trl import GRPOConfig

    block, params = policy.block, policy.params
    base, generation = models.base_of(params), block.generation
    prompts = [{**row, "prompt": chat(row["messages"], block.system)} for row in rows]
    values = fitting.arguments(block.fit, folder=folder, seed=params.seed + index, where="rl.fit")
    values |= {"learning_rate": stage.learning_rate, "lr_scheduler_type": "constant_with_warmup"}
    order = order_of(len(prompts), stage.max_steps * (block.fit.batch // block.samples), values["seed"])
    config = GRPOConfig(
        **values | {"max_steps": stage.max_steps, "num_train_epochs": 1},
        shuffle_dataset=False,
        num_generations=block.samples,
        steps_per_generation=values["gradient_accumulation_steps"],
        num_iterations=1,
        max_completion_length=stage.max_new_tokens,
        temperature=generation.temperature,
        top_p=generation.top_p,
        beta=stage.kl,
        entropy_coef=stage.entropy,
        loss_type="grpo",
        scale_rewards="group",
        mask_truncated_completions=True,
        use_vllm=generation.engine != "transformers",
        vllm_mode="server" if generation.engine == "vllm_server" else "colocate",
        vllm_server_base_url=generation.server,
        # Below 1, vLLM's probabilities are of the kept tokens alone, and the ratio is biased by their mass (TRL #6789).
        vllm_importance_sampling_correction=generation.top_p == 1,
    )
    groups = Groups(
        prompts=prompts,
        params=params,
        samples=block.samples,
        resample_max=block.resample_max,
        run=policy.run,
        folder=policy.folder,
        stage_name=stage.name,
        stage_index=index,
    )
    return make_trainer(
        groups,
        model=models.load_model(path, base, block.fit),
        args=config,
        train_dataset=Dataset.from_list(prompts).select(order),
        processing_class=models.load_tokenizer(path, base),
        peft_config=models.lora_config(block.fit.lora),
        callbacks=[*fitting.callbacks(f"rl {stage.name}", shown=ASKED_REWARD), *_plateau(stage.plateau)],
    )


def order_of(num_prompts: int, num_places: int, seed: int) -> list[int]:
    """Which prompt stands in each place of a stage: rounds through all of them, each in an order of its own.

    It is laid down before the first update: TRL's sampler goes on drawing from a generator that no checkpoint holds, so a
    run that begins again in its second round would go another way.
    """
    rng, rounds = random.Random(seed), -(-num_places // num_prompts)  # noqa: S311 - a draw
    return [place for _ in range(rounds) for place in rng.sample(range(num_prompts), num_prompts)][:num_places]


def _plateau(plateau: Plateau | None) -> list[Any]:
    """Ends a stage on its plateau; it goes by the log, which a run that begins again still has."""
    from transformers import TrainerCallback

    class Ends(TrainerCallback):  # type: ignore[misc]
        """Stops training."""

        def on_log(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_training_stop = control.should_training_stop or _is_over(state, plateau)

    return [Ends()] if plateau else []


def _is_over(state: Any, plateau: Plateau | None) -> bool:
    return plateau is not None and curriculum.on_plateau(_rewards(state), plateau)


def _rewards(state: Any) -> list[float]:
    """Mean reward of each update, before groups were replaced; one of which nothing was verified has none."""
    return [entry[ASKED_REWARD] for entry in state.log_history if entry.get(ASKED_REWARD) is not None]


def _outcome(stage: RlStage, state: Any, num_prompts: int) -> dict[str, Any]:
    """Figures of a stage, and its rows of log.csv."""
    rewards, entries = _rewards(state), [entry for entry in state.log_history if "loss" in entry]
    return {
        "name": stage.name,
        "prompts": num_prompts,
        "steps": state.global_step,
        "reward_first_10": _mean(rewards[:_ENDS]),
        "reward_last_10": _mean(rewards[-_ENDS:]),
        "flat_share": _mean([entry[ASKED_FLAT] for entry in entries]),
        "flat_trained_share": _mean([entry["frac_reward_zero_std"] for entry in entries]),
        "ended_by": "plateau" if state.global_step < stage.max_steps else "max_steps",
        "log": [
            [stage.name, entry["step"], *(fitting.plain(entry.get(name)) for name in LOGGED.values())]
            for entry in entries
        ],
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 6) if values else None

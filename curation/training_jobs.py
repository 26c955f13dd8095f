"""The training stages of params.yaml as runs of a trainer: what `curation.training_plan` reckons with.

In: the blocks sft to rl, and data/select/<dataset>/statistics.json where select has run. Out: a job per stage, and per stage of
rl. What is not known is null.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from curation.errors import ParamsError
from curation.params import Params
from curation.places import DATA
from curation.training_params import Fit, Rl, RlStage


@dataclass(frozen=True)
class Held:
    """What a dataset's train split holds, as select counted it; null where it has not run."""

    rows: int | None
    """Samples, or pairs."""
    tokens: int | None
    """Of all responses, without prompts."""


@dataclass(frozen=True)
class Job:
    """One run of a trainer, whatever the method."""

    stage: str
    fit: Fit
    max_tokens: int
    """Longest sequence that is trained on."""
    max_steps: int | None
    held: Held
    packing: bool = False
    sides: int = 1
    """Sequences of one unit of the batch: 2 in preference."""
    group: int = 1
    """Units that stay in one process: a prompt's completions in rl."""
    frozen: bool = False
    """Whether a reference model makes a forward pass."""
    scored: bool = False
    """Whether the policy makes a forward pass of its own before the update."""
    generations: int = 0
    """How often a token is generated, at most, for each that is trained on."""


def jobs(params: Params) -> Iterator[Job]:
    """The runs of all training stages, in the order of dvc.yaml."""
    for name in ("sft", "anneal"):
        block = getattr(params, name)
        if block:
            known = held(block.dataset, block.config, params, upsample=block.upsample)
            yield Job(name, block.fit, block.max_tokens, block.fit.max_steps, known, packing=block.packing)
    if params.preference:
        dataset, config, fit = params.preference.dataset, params.preference.config, params.preference.fit
        pairs = held(dataset, config, params, upsample={})
        # select counts each side of a pair as a row.
        pairs = Held(None if pairs.rows is None else pairs.rows // 2, pairs.tokens)
        yield Job("preference", fit, params.preference.max_tokens, fit.max_steps, pairs, sides=2, frozen=True)
    if params.rl:
        yield from (_rl_job(params.rl, stage) for stage in params.rl.stages)


def _rl_job(block: Rl, stage: RlStage) -> Job:
    return Job(
        f"rl: {stage.name}",
        block.fit,
        stage.max_new_tokens,
        stage.max_steps,
        Held(None, None),
        group=block.samples,
        frozen=stage.kl > 0,
        # TRL weighs tokens by the ratio of its own probabilities to vLLM's (train/grpo.py).
        scored=block.generation.engine != "transformers" and block.generation.top_p == 1,
        generations=1 + block.resample_max,
    )


def held(dataset: str, config: str, params: Params, *, upsample: Mapping[str, int]) -> Held:
    """Rows and tokens of a dataset's train split, from the statistics that select wrote.

    Args:
        dataset: Its name.
        config: Of the release.
        params: Reads the share of the train split: what is counted is the dataset with all its splits.
        upsample: Category -> how often its rows count; once where it is not named.
    """
    path = DATA / "select" / dataset / "statistics.json"
    if not path.exists():
        return Held(None, None)
    counted = [
        row
        for row in json.loads(path.read_text(encoding="utf-8")).get("responses", [])
        if (row["config"], row["role"], row["teacher"]) == (config, "all", "all") and row["category"] != "all"
    ]
    if not counted:
        return Held(None, None)
    block = params.datasets.get(dataset)
    share = block.splits.get("train", 0.0) if block else 1.0
    rows, tokens = (
        round(share * sum(row[name] * upsample.get(row["category"], 1) for row in counted))
        for name in ("rows", "tokens")
    )
    return Held(rows, tokens)


def gpus_of(job: Job, gpus: int) -> int:
    """The most GPUs, up to a number, among which a batch can be divided.

    Raises:
        ParamsError: It cannot be divided at all.
    """
    fit = job.fit
    for number in range(gpus, 0, -1):
        if fit.batch % (number * fit.micro_batch) == 0 and fit.batch // number % job.group == 0:
            return number
    raise ParamsError(
        f"params: the batch of {job.stage} is {fit.batch}, no multiple of micro_batch {fit.micro_batch}"
        f"{f' and of samples {job.group}' if job.group > 1 else ''}. Set it to one."
    )


def steps_of(job: Job) -> int | None:
    """Updates of a run; null where the dataset has to be counted first."""
    if job.max_steps is not None:
        return job.max_steps
    if job.packing:
        known = job.held.tokens
        return None if known is None else math.ceil(known * job.fit.epochs / (job.fit.batch * job.max_tokens))
    return None if job.held.rows is None else math.ceil(job.held.rows * job.fit.epochs / job.fit.batch)

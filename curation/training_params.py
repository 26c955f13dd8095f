"""The blocks of params.yaml that the stages of train/ read.

They stand here since imports point from train to curation. Where a report states a value, profiles/am-40m.yaml
and docs/train.md name report and section; the rest is ours.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid")
Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0)]
Start = Literal["base", "sft", "anneal", "preference", "rl"]
"""The stage whose model is meant."""


@dataclass(frozen=True, config=_STRICT)
class Fresh:
    """A Llama-architecture model with random weights, and a tokenizer trained on the release that sft reads."""

    vocabulary: Positive
    """Most tokens of the tokenizer, the special ones among them; digits stand alone."""
    layers: Positive
    width: Positive
    """Hidden size; four times as many in the feed-forward layers."""
    heads: Positive
    max_tokens: Positive
    """Longest sequence."""
    init_range: Rate
    """Standard deviation of the first weights."""


@dataclass(frozen=True, config=_STRICT)
class Base:
    """The model from which training starts: one that is there, or a fresh one."""

    model: str | None
    """package:NAME, a folder or a Hub id; null makes the one that `fresh` describes."""
    revision: str | None
    chat_template: str | None
    """A file with a chat template, for a base model that has none."""
    fresh: Fresh | None


@dataclass(frozen=True, config=_STRICT)
class Lora:
    """Adapters in place of all weights."""

    rank: Positive
    alpha: Positive
    dropout: Share
    targets: list[str] | Literal["all-linear"]


@dataclass(frozen=True, config=_STRICT)
class Fit:
    """How weights are updated; the same for every stage."""

    learning_rate: Rate
    warmup_share: Share
    """Share of the steps over which the rate rises; it then falls to 0 along a cosine."""
    batch: Positive
    """Sequences of one update, over all devices; pairs in preference, completions in rl."""
    micro_batch: Positive
    """Sequences that a device holds at once."""
    epochs: Rate
    max_steps: Positive | None
    """Fewer updates than the epochs have; null takes them all."""
    weight_decay: Annotated[float, Field(ge=0)]
    max_grad_norm: Rate
    dtype: Literal["float32", "bfloat16"]
    attention: Literal["sdpa", "eager", "flash_attention_2"]
    gradient_checkpointing: bool
    lora: Lora | None
    save_steps: Positive
    """Updates between checkpoints."""


@dataclass(frozen=True, config=_STRICT)
class StopAt:
    """Ends SFT on what the model can do, so that RL finds prompts that it solves sometimes."""

    accuracy: Share
    """Greedy pass@1 on the validation split."""
    every_steps: Positive
    prompts: Positive
    """Prompts of the validation split that are asked each time."""


@dataclass(frozen=True, config=_STRICT)
class Sft:
    """Supervised fine-tuning on a release of samples; the stage anneal has the same block."""

    start: Start
    dataset: str
    config: str
    """Of the release: default, or one of its configs, as the constructions of am-answers."""
    system: str | None
    """System prompt before every example."""
    max_tokens: Positive
    """Longer examples are dropped and counted."""
    packing: bool
    """Fill sequences with several examples; refused where attention would mix them."""
    upsample: dict[str, Positive]
    """Category -> how often its examples are repeated; once where it is not named."""
    stop_at: StopAt | None
    fit: Fit


@dataclass(frozen=True, config=_STRICT)
class Preference:
    """DPO or LD-DPO on a release of pairs."""

    start: Start
    dataset: str
    config: str
    system: str | None
    max_tokens: Positive
    """Pairs with a longer side are dropped and counted."""
    beta: Rate
    alpha: Share
    """Weight of tokens beyond the shorter response of a pair (LD-DPO); 1 is DPO."""
    fit: Fit


@dataclass(frozen=True, config=_STRICT)
class Window:
    """Bounds of a pass rate; those of R7 are 0 and 1, both excluded."""

    above: float
    below: float


@dataclass(frozen=True, config=_STRICT)
class Plateau:
    """Ends a stage when the mean reward stops rising."""

    steps: Positive
    """Updates over which a mean is taken; it is held against the mean of as many before."""
    gain_min: float
    """Least rise between the two."""


@dataclass(frozen=True, config=_STRICT)
class RlStage:
    """One stage of GRPO."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    config: str
    """Of the release, as a level of am-difficulty-rl."""
    categories: list[str] | None
    """Null takes all."""
    rows_max: Positive | None
    """Most prompts, by a draw that stays; null takes all."""
    window: Window | None
    """Prompts whose pass rate, in the last stage that asked them, lies within; null takes all. Needs probe_samples in the first."""
    drop_solved: bool
    """Leave out prompts of which every rollout of the stage before passed (R7 8.6)."""
    max_new_tokens: Positive
    """Longer completions are cut; what is cut is masked."""
    learning_rate: Rate
    max_steps: Positive
    plateau: Plateau | None
    kl: Annotated[float, Field(ge=0)]
    """Weight of the divergence from the stage's first policy; 0 keeps no reference model (R7), 0.001 in R3."""
    entropy: Annotated[float, Field(ge=0)]
    """Weight of an entropy bonus: 0.001 in R3's first stage."""


@dataclass(frozen=True, config=_STRICT)
class Generation:
    """Who writes completions while a policy is trained."""

    engine: Literal["transformers", "vllm_colocate", "vllm_server"]
    server: str | None
    """vllm_server: its address."""
    temperature: Rate
    top_p: Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, config=_STRICT)
class Rl:
    """Staged GRPO on the prompts of a release, with curation's verifiers as rewards."""

    start: Start
    dataset: str
    system: str | None
    samples: Annotated[int, Field(gt=1)]
    """Completions of a prompt."""
    probe_samples: Annotated[int, Field(ge=0)]
    """Rollouts of each prompt by the first policy, before any update, from which windows are taken."""
    resample_max: Annotated[int, Field(ge=0)]
    """How often a group whose rewards do not differ is replaced by another prompt's, at most."""
    reward: Literal["score", "passed"]
    """A verdict's score as a share of the full one, or 1 where it passes and 0 where not (R7 8.4)."""
    stages: list[RlStage]
    generation: Generation
    fit: Fit
    """Its learning_rate, epochs and max_steps give way to those of the stages."""


@dataclass(frozen=True, config=_STRICT)
class Questions:
    """One benchmark: the test split of a release, a file, or a file of a Hub dataset."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    path: str | None
    """A JSONL or Parquet file, or hf://datasets/NAME@REVISION/FILE; null takes the test split of evaluate.dataset."""
    columns: dict[str, str]
    """Of a file: ours (id, prompt, reference, tests, constraints) -> its own."""
    category: str | None
    """Of a file: picks the verifier."""
    suffix: str
    """Put behind every prompt; empty where the benchmark's own is used."""
    rows_max: Positive | None
    samples: Positive
    """Samples per question and round."""


@dataclass(frozen=True, config=_STRICT)
class Evaluate:
    """Which models answer which benchmarks, and how."""

    models: list[Start]
    dataset: str
    """A release whose test split may be a benchmark."""
    compare: list[tuple[Start, Start]]
    """Pairs held against each other on the same prompts."""
    benchmarks: list[Questions]
    system: str | None
    rounds: Annotated[int, Field(ge=1, le=8)]
    """Rounds of multi-round thinking (R2); 1 asks once."""
    words: list[str]
    """Counted in what models write: R2 3.4 counts but, wait, maybe and therefore."""
    temperature: Annotated[float, Field(ge=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    max_new_tokens: Positive
    bootstrap: Positive
    """Resamples behind an interval."""
    engine: Literal["transformers", "vllm"]
    engine_options: dict[str, Any]
    batch_requests: Positive

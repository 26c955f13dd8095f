"""The probe: what the first policy solves, before any update; windows of the first stage go by it.

Requests go through curation's engines, each with a seed of its own, in chunks that are stored as they come: a killed run
asks again what was in hand.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation import hashing
from curation.engines.open import open_engine
from curation.engines.protocol import Request, Sampling, engine_settings
from curation.params import Params
from curation.progress import say
from curation.training_params import Rl
from train import fitting, models, rollouts
from train.curriculum import Drawn
from train.examples import chat
from train.rewards import judge

CHUNK = 1024
"""Requests of one shard."""
NAME = "probe"


@dataclass(frozen=True)
class Policy:
    """A run of RL: what it goes by, and where it keeps what it has."""

    block: Rl
    params: Params
    folder: Path
    """Checkpoints and rollouts of the run."""
    run: str
    """Digest of the run."""


def probe(policy: Policy, path: Path | str, scopes: Sequence[Drawn]) -> None:
    """Ask the first policy every prompt in a stage's scope, and store what it wrote as rollouts of stage 0.

    Args:
        policy: Reads rl.probe_samples, generation and system.
        path: The model.
        scopes: Prompts of all stages.
    """
    if policy.block.probe_samples and fitting.is_first():
        _probe(policy, path, scopes)
    if fitting.num_processes() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def _probe(policy: Policy, path: Path | str, scopes: Sequence[Drawn]) -> None:
    block = policy.block
    found = {row["prompt_id"]: row for scope in scopes for row in scope.kept.to_arrow_table().to_pylist()}
    asked = [(found[prompt_id], index) for prompt_id in sorted(found) for index in range(block.probe_samples)]
    chunks = [asked[start : start + CHUNK] for start in range(0, len(asked), CHUNK)]
    missing = [number for number in range(len(chunks)) if not rollouts.shard_path(policy.folder, 0, number).exists()]
    if not missing:
        return
    say(f"rl: probing {len(found):,} prompts, {block.probe_samples} times each")
    engine = open_engine(
        engine_settings(
            engine="transformers" if block.generation.engine == "transformers" else "vllm",
            model=str(path),
            revision=None if isinstance(path, Path) else models.base_of(policy.params).revision,
            endpoint=None,
            options={"batch_size": 256} if block.generation.engine == "transformers" else {},
        )
    )
    sampling = Sampling(block.generation.temperature, block.generation.top_p)
    max_tokens = block.stages[0].max_new_tokens
    for number in missing:
        completions = engine.generate(list(_requests(policy, chunks[number], max_tokens)), sampling)
        texts = [completion.text for completion in completions]
        judged = judge([row for row, _ in chunks[number]], texts, policy.params, reward=block.reward)
        rows = [
            rollouts.row(
                row,
                judged[place],
                rollouts.Update(policy.run, NAME, stage_index=0, step=0),
                sample_index=index,
                num_tokens=completions[place].num_tokens,
                truncated=completions[place].finish_reason == "length",
                advantage=None,
            )
            for place, (row, index) in enumerate(chunks[number])
        ]
        rollouts.write_shard(rollouts.shard_path(policy.folder, 0, number), rows)
    engine.close()


def _requests(policy: Policy, asked: Sequence[tuple[dict[str, Any], int]], max_tokens: int) -> Iterator[Request]:
    for row, index in asked:
        messages = ((turn["role"], turn["content"]) for turn in chat(row["messages"], policy.block.system))
        digest = hashing.digest(str(policy.params.seed), NAME, row["prompt_id"], str(index))
        yield Request(tuple(messages), int(digest[:15], 16), max_tokens)

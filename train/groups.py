"""GRPO's groups: completions of one prompt, verified, recorded, and replaced where they teach nothing.

TRL's trainer samples, normalizes and updates. What it lacks stands here: a group whose rewards do not differ moves no
weight, so its place goes to another prompt, a few times at most; every completion is recorded with its prompt, update,
verdict and advantage, those of replaced groups too. Which prompt comes in is a draw of the update's number, so that a run
that begins again draws the same.

Replacing takes out what is solved, and what is hopeless: the mean reward of what is left says little of the policy. So the
log tells the reward as it was before any group was replaced, and a plateau goes by that one.
"""

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from curation import hashing
from curation.params import Params
from train import rollouts
from train.rewards import Judged, judge

ASKED_REWARD, ASKED_FLAT, REPLACED = "asked/reward", "asked/flat", "asked/replaced"
"""Names in the trainer's log: mean reward and share of flat groups before any was replaced; groups replaced."""


@dataclass
class Sampled:
    """Completions of a batch, one per place."""

    inputs: list[dict[str, Any]]
    """Rows of the dataset, a prompt's `samples` times in a row."""
    generated: list[Any]
    """prompt_ids, completion_ids, completions, logprobs: lists by place; logprobs may be None."""
    judged: list[Judged]
    cut: list[bool]
    """Whether no end came; such a completion moves no weight."""

    def joined(self, other: "Sampled") -> "Sampled":
        """These completions and then the others."""
        columns = zip(self.generated, other.generated, strict=True)
        return Sampled(
            self.inputs + other.inputs,
            [None if column is None or more is None else column + more for column, more in columns],
            self.judged + other.judged,
            self.cut + other.cut,
        )

    def taken(self, groups: Sequence[int], samples: int) -> "Sampled":
        """The completions of some groups, in that order."""
        places = [group * samples + at for group in groups for at in range(samples)]
        return Sampled(
            [self.inputs[place] for place in places],
            [None if column is None else [column[place] for place in places] for column in self.generated],
            [self.judged[place] for place in places],
            [self.cut[place] for place in places],
        )


@dataclass(frozen=True)
class Groups:
    """What a stage's trainer needs beside TRL's arguments."""

    prompts: Sequence[Mapping[str, Any]]
    """The stage's dataset: `train.releases.prompts` with the column `prompt`, a chat."""
    params: Params
    samples: int
    resample_max: int
    run: str
    """Digest of the run."""
    folder: Path
    stage_name: str
    stage_index: int

    def flat(self, sampled: Sampled) -> list[int]:
        """Numbers of the groups that move nothing: all verified rewards are the same, or every completion was cut."""
        found = []
        for group in range(len(sampled.inputs) // self.samples):
            places = range(group * self.samples, (group + 1) * self.samples)
            rewards = {sampled.judged[place].reward for place in places} - {None}
            if len(rewards) < 2 or all(sampled.cut[place] for place in places):
                found.append(group)
        return found

    def free(self, used: set[str]) -> list[Mapping[str, Any]]:
        """Prompts that the update has not asked yet."""
        return [prompt for prompt in self.prompts if prompt["prompt_id"] not in used]

    def others(
        self, free: Sequence[Mapping[str, Any]], number: int, *, step: int, attempt: int, process: int
    ) -> list[dict[str, Any]]:
        """As many of the free prompts: a draw that the update decides."""
        seed = hashing.digest(self.run, self.stage_name, str(step), str(attempt), str(process))
        return [dict(one) for one in random.Random(seed).sample(free, number)]  # noqa: S311 - a draw

    def exchanged(self, sampled: Sampled, fresh: Sampled) -> tuple[Sampled, Sampled]:
        """A batch whose flat groups make way for fresh ones, those that are not flat first; and what is left of both."""
        flat, still_flat = self.flat(sampled), self.flat(fresh)
        both, size = sampled.joined(fresh), len(sampled.inputs) // self.samples
        number = len(fresh.inputs) // self.samples
        come = sorted(range(number), key=lambda group: group in still_flat)[: len(flat)]
        instead = dict(zip(flat, (size + group for group in come), strict=False))
        stays = [instead.get(group, group) for group in range(size)]
        goes = [group for group in range(size + number) if group not in stays]
        return both.taken(stays, self.samples), both.taken(goes, self.samples)

    def record(
        self, sampled: Sampled, advantages: Sequence[float | None], *, step: int, index: dict[str, int], first: int = 0
    ) -> list[dict[str, Any]]:
        """Rows of `train.rollouts.SHARD`; `index` counts the completions of each prompt in this step, from `first`."""
        rows, update = [], rollouts.Update(self.run, self.stage_name, self.stage_index, step)
        for place, prompt in enumerate(sampled.inputs):
            ids, number = sampled.generated[1][place], index.get(prompt["prompt_id"], first)
            index[prompt["prompt_id"]] = number + 1
            rows.append(
                rollouts.row(
                    prompt,
                    sampled.judged[place],
                    update,
                    sample_index=number,
                    num_tokens=len(ids),
                    truncated=sampled.cut[place],
                    advantage=advantages[place],
                )
            )
        return rows


def given_reward(reward: list[float | None], **_: Any) -> list[float | None]:
    """The reward that sampling found already; TRL asks a function."""
    return reward


def make_trainer(groups: Groups, **settings: Any) -> Any:
    """TRL's GRPOTrainer whose batches come from `groups`.

    Args:
        groups: See there.
        settings: Arguments of GRPOTrainer, without reward functions.
    """
    from accelerate.utils import gather_object
    from trl import GRPOTrainer

    assert groups.params.rl is not None
    reward = groups.params.rl.reward
    # It prints the row of an unverified completion each time; here they are counted.
    logging.getLogger("trl.trainer.grpo_trainer").setLevel(logging.ERROR)

    class GroupTrainer(GRPOTrainer):  # type: ignore[misc]
        """Replaces groups without spread and records every completion."""

        _ready: Any = None

        def _generate(self, prompts: list[Any]) -> Any:
            if self._ready is None:
                return super()._generate(prompts)
            ready, self._ready = self._ready, None
            return ready

        def _sample(self, inputs: Sequence[Mapping[str, Any]]) -> Sampled:
            prompt_ids, ids, _, completions, logprobs, *_ = super()._generate([one["prompt"] for one in inputs])
            found = judge(inputs, [said[0]["content"] for said in completions], groups.params, reward=reward)
            ends = {*self.eos_token_ids, self.processing_class.pad_token_id}
            cut = [not one or one[-1] not in ends for one in ids]
            return Sampled([dict(one) for one in inputs], [prompt_ids, ids, completions, logprobs], found, cut)

        def _replaced(
            self, sampled: Sampled, step: int, attempt: int, used: set[str]
        ) -> tuple[Sampled, Sampled] | None:
            """The batch with other prompts' groups in place of flat ones, and what made way; None where nothing can.

            All processes write as many groups, as they write together.
            """
            flat, free = groups.flat(sampled), groups.free(used)
            told = gather_object([(len(flat), len(free))])
            number = min(max(one for one, _ in told), *(one for _, one in told))
            if number == 0:
                return None
            others = groups.others(free, number, step=step, attempt=attempt, process=self.accelerator.process_index)
            used |= {one["prompt_id"] for one in others}
            fresh = self._sample([one for one in others for _ in range(groups.samples)])
            return groups.exchanged(sampled, fresh)

        def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
            step, process = self.state.global_step + 1, self.accelerator.process_index
            counted = {"index": {}, "first": process * len(inputs) * (groups.resample_max + 1)}
            rows: list[dict[str, Any]] = []
            sampled = self._sample(inputs)
            self._tell(sampled)
            used = {one["prompt_id"] for one in inputs}
            for attempt in range(groups.resample_max):
                exchanged = self._replaced(sampled, step, attempt, used)
                if exchanged is None:
                    break
                sampled, made_way = exchanged
                rows += groups.record(made_way, [None] * len(made_way.inputs), step=step, **counted)
            self._log_metric(REPLACED, len(rows) // groups.samples)
            prompt_ids, ids, completions, logprobs = sampled.generated
            self._ready = (prompt_ids, ids, None, completions, logprobs, {}, None, [])
            told = [{**one, "reward": found.reward} for one, found in zip(sampled.inputs, sampled.judged, strict=True)]
            output = super()._generate_and_score_completions(told)
            rows += groups.record(sampled, output["advantages"].tolist(), step=step, **counted)
            rollouts.write_shard(rollouts.shard_path(groups.folder, groups.stage_index, step, process), rows)
            return dict(output)

        def _tell(self, sampled: Sampled) -> None:
            rewards = [one.reward for one in sampled.judged if one.reward is not None]
            if rewards:
                self._log_metric(ASKED_REWARD, fmean(rewards))
            self._log_metric(ASKED_FLAT, len(groups.flat(sampled)) * groups.samples / len(sampled.inputs))

    return GroupTrainer(reward_funcs=[given_reward], **settings)

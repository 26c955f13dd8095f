"""Rewards: the verdicts of curation's verifiers, bit for bit.

A completion becomes a task of `curation.verifiers`, its verdict's raw score the reward, in shares of the category's
full score. What cannot be verified has no reward: it is left out of its group's mean and moves nothing, and is counted.

Reference: R7, AM-Thinking-v1 (arXiv 2505.08311) 8.4: rule-based rewards from the verifiers that select the data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from curation.params import Category, Params
from curation.text import Parts, split_response
from curation.verifiers.dispatch import verifier_of, verify_tasks, version_of
from curation.verifiers.verdict import Task, Verdict

FULL_SCORE: Mapping[str, float] = {"science": 5.0}
"""Scale of a raw score; 1 where not named (R5 6.4)."""


@dataclass(frozen=True)
class Judged:
    """A completion and what was found of it."""

    parts: Parts
    verdict: Verdict
    verifier: str
    version: str
    passed: bool | None
    """Whether the score exceeds grade's threshold; None where unverified."""
    reward: float | None


def judge(
    rows: Sequence[Mapping[str, Any]], texts: Sequence[str], params: Params, *, reward: Literal["score", "passed"]
) -> list[Judged]:
    """Verify completions.

    Args:
        rows: The prompt of each, as `train.releases.prompts` gives it.
        texts: Completions, without special tokens.
        params: Reads verify, grade.thresholds and resources.processes.
        reward: The score as a share of the full one, or 1 where it passes and 0 where not (R7 8.4).

    Raises:
        InstallError: Code without a sandbox, where params require one.
    """
    parts = [split_response(text, "think_answer") for text in texts]
    verdicts: dict[int, Verdict] = {}
    for category in sorted({row["category"] for row in rows}):
        places = [place for place, row in enumerate(rows) if row["category"] == category]
        tasks = [_task(rows[place], parts[place]) for place in places]
        if verifier_of(category, params.verify) == "none":
            found = [Verdict(None, "no_reward_model")] * len(tasks)
        else:
            found = verify_tasks(category, tasks, params.verify, processes=params.resources.processes)
        verdicts |= dict(zip(places, found, strict=True))
    return [_judged(row["category"], parts[place], verdicts[place], params, reward) for place, row in enumerate(rows)]


def _judged(
    category: Category, parts: Parts, verdict: Verdict, params: Params, reward: Literal["score", "passed"]
) -> Judged:
    verifier = verifier_of(category, params.verify)
    if verdict.score is None:
        return Judged(parts, verdict, verifier, version_of(verifier), None, None)
    passed = verdict.score > params.grade.thresholds[category]
    share = verdict.score / FULL_SCORE.get(category, 1.0)
    return Judged(
        parts, verdict, verifier, version_of(verifier), passed, float(passed) if reward == "passed" else share
    )


def _task(row: Mapping[str, Any], parts: Parts) -> Task:
    turns = tuple((turn["role"], turn["content"]) for turn in row["messages"])
    return Task(turns, parts.answer, row["reference"], row["tests"], row["constraints"])

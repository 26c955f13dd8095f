"""Which verifier judges which category, for curation and for rewards alike.

`verify_tasks` is all that a caller needs: a reward in training is the verdict of curation, bit
for bit. Memos ask `task_key` what a verdict depends on.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count

from curation.hashing import digest
from curation.params import Category, Verify
from curation.verifiers import code, instructions, math, reward, sandbox, science
from curation.verifiers.verdict import Task, Verdict

VERIFIERS: Mapping[Category, str] = {
    "math": "math",
    "code": "code",
    "science": "science",
    "instruction": "instructions",
    "multi_turn": "reward",
    "chat": "reward",
}
NONE = "none"
"""Verifier of what nothing verifies: chat and multi_turn where no reward model is named."""

INPUTS: Mapping[str, tuple[str, ...]] = {
    "math": ("reference",),
    "code": ("tests",),
    "science": ("reference", "messages"),
    "instructions": ("constraints",),
    "reward": ("messages",),
    NONE: (),
}
"""Fields of a task, beside the answer, on which a verdict depends."""

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "math": ("math_extraction", "timeout_seconds"),
    "code": ("max_tests", "code_wall_seconds", "code_memory_mb"),
    "science": ("math_extraction", "timeout_seconds"),
    "instructions": (),
    "reward": ("reward_model", "reward_labels", "reward_scale_max"),
    NONE: (),
}
"""Params on which a verdict depends."""

PASSING = frozenset({"no_sandbox", "sandbox_error", "worker_died", "no_reward_model"})
"""Reasons that say nothing of the response but of the machine or the moment: a memo must not keep them.

A timeout is kept. Its deadline is among the settings, and a check that met it once would cost
the whole deadline in every run; a longer deadline asks again.
"""


def verifier_of(category: Category, params: Verify) -> str:
    """Name of the verifier that judges a category under these params."""
    name = VERIFIERS[category]
    return NONE if name == "reward" and params.reward_model is None else name


def version_of(verifier: str) -> str:
    """Version of a verifier and of the library that decides."""
    versions = {
        "math": math.VERSION,
        "code": code.VERSION,
        "science": science.VERSION,
        "instructions": instructions.VERSION,
        NONE: "1",
    }
    return reward.version() if verifier == "reward" else versions[verifier]


def task_key(verifier: str, task: Task, params: Verify) -> str:
    """Digest of all that decides a verdict: answer, inputs, settings, versions, model."""
    values = [getattr(task, name) for name in ("answer", *INPUTS[verifier])]
    return digest(
        _prefix(verifier, json.dumps([getattr(params, name) for name in SETTINGS[verifier]])), json.dumps(values)
    )


@functools.cache
def _prefix(verifier: str, settings: str) -> str:
    model = reward.identity(json.loads(settings)[0]) if verifier == "reward" else ""
    return digest("verdict", verifier, version_of(verifier), settings, model)


def check_sandbox(params: Verify) -> None:
    """Stop where code has to be verified and this machine has no sandbox.

    Raises:
        InstallError: There is none, and params require one.
    """
    if params.require_sandbox:
        sandbox.require()


def verify_tasks(category: Category, tasks: Sequence[Task], params: Verify, *, processes: int = 0) -> list[Verdict]:
    """Verdicts of tasks of one category, in their order.

    Args:
        category: Picks the verifier.
        tasks: Responses with what is needed to verify them.
        params: The block verify of params.yaml.
        processes: Workers for math and code; 0 takes one per core.

    Raises:
        InstallError: Code without a sandbox, where params require one; a reward model that cannot be loaded.
    """
    limits = {"timeout_seconds": params.timeout_seconds, "processes": processes}
    match VERIFIERS[category]:
        case "math":
            return math.verify_math(tasks, extraction=params.math_extraction, **limits)
        case "science":
            return science.verify_science(tasks, extraction=params.math_extraction, **limits)
        case "instructions":
            return instructions.verify_instructions(tasks)
        case "code":
            return _verify_code(tasks, params, processes)
        case _:
            model, labels, scale_max = params.reward_model, params.reward_labels, params.reward_scale_max
            return reward.verify_reward(tasks, model=model, labels=labels, scale_max=scale_max)


def _verify_code(tasks: Sequence[Task], params: Verify, processes: int) -> list[Verdict]:
    """Code in the sandbox, several programs at once: each has a process of its own, so threads will do."""
    check_sandbox(params)
    if not sandbox.available():
        return [Verdict(None, "no_sandbox")] * len(tasks)
    limits = sandbox.Limits(
        wall_seconds=params.code_wall_seconds,
        cpu_seconds=params.code_wall_seconds,
        memory_mb=params.code_memory_mb,
        total_seconds=params.code_wall_seconds * params.max_tests,
    )
    with ThreadPoolExecutor(processes or cpu_count() or 1) as pool:
        return list(pool.map(lambda task: code.verify_code(task, limits, max_tests=params.max_tests), tasks))

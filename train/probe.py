"""What a model in training can do: greedy pass@1 on a few prompts, by curation's verifiers.

Greedy writing draws nothing, so a probe changes no later step; a run that begins again asks and decides the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.params import Category, Verify
from curation.text import split_response
from curation.verifiers.dispatch import verify_tasks
from curation.verifiers.verdict import Task


@dataclass(frozen=True)
class Probe:
    """Prompts that are asked again and again."""

    tasks: Sequence[Mapping[str, Any]]
    """Rows of `train.releases.prompts`."""
    system: str | None
    max_new_tokens: int
    verify: Verify
    thresholds: Mapping[Category, float]
    processes: int


def accuracy(model: Any, tokenizer: Any, probe: Probe, *, batch: int = 128) -> float:
    """Share of the prompts that the model answers rightly; one that cannot be verified counts for neither.

    Args:
        model: In training; it is put back into that mode.
        tokenizer: With a chat template.
        probe: What is asked.
        batch: Prompts written to at once.
    """
    texts: list[str] = []
    was_training = model.training
    model.eval()
    for start in range(0, len(probe.tasks), batch):
        texts += _write(model, tokenizer, probe, probe.tasks[start : start + batch])
    model.train(was_training)
    passed = [outcome for outcome in outcomes(texts, probe) if outcome is not None]
    return sum(passed) / len(passed) if passed else 0.0


def outcomes(texts: Sequence[str], probe: Probe) -> list[bool | None]:
    """Whether each text, one per prompt, passes; None where nothing verifies it."""
    found: list[bool | None] = [None] * len(texts)
    categories: list[Category] = sorted({row["category"] for row in probe.tasks})
    for category in categories:
        places = [place for place, row in enumerate(probe.tasks) if row["category"] == category]
        tasks = [_task(probe.tasks[place], texts[place]) for place in places]
        verdicts = verify_tasks(category, tasks, probe.verify, processes=probe.processes)
        for place, verdict in zip(places, verdicts, strict=True):
            found[place] = None if verdict.score is None else verdict.score > probe.thresholds[category]
    return found


def _task(row: Mapping[str, Any], text: str) -> Task:
    turns = tuple((turn["role"], turn["content"]) for turn in row["messages"])
    answer = split_response(text, "think_answer").answer
    return Task(turns, answer, row["reference"], row["tests"], row["constraints"])


def _write(model: Any, tokenizer: Any, probe: Probe, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Greedy answers to a batch of prompts, padded on the left."""
    import torch

    first = [{"role": "system", "content": probe.system}] if probe.system else []
    chats = [[*first, *(dict(turn) for turn in row["messages"])] for row in rows]
    tokenizer.padding_side = "left"
    inputs = tokenizer.apply_chat_template(
        chats, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
    ).to(model.device)
    with torch.no_grad():
        written = model.generate(
            **{name: inputs[name] for name in ("input_ids", "attention_mask")},
            max_new_tokens=probe.max_new_tokens,
            do_sample=False,
            use_cache=True,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    new = written[:, inputs["input_ids"].shape[1] :]
    return [str(text) for text in tokenizer.batch_decode(new, skip_special_tokens=True)]

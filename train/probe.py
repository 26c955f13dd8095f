"""What a model in training can do: greedy pass@1 on a few prompts, by curation's verifiers.

Greedy writing draws nothing, so a probe changes no later step; a run that begins again asks and decides the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.params import Params
from train.examples import chat
from train.rewards import judge


@dataclass(frozen=True)
class Probe:
    """Prompts that are asked again and again."""

    tasks: Sequence[Mapping[str, Any]]
    """Rows of `train.releases.prompts`."""
    system: str | None
    max_new_tokens: int
    params: Params
    """Reads what `train.rewards.judge` does."""


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
    judged = judge(probe.tasks, texts, probe.params, reward="passed")
    passed = [one.passed for one in judged if one.passed is not None]
    return sum(passed) / len(passed) if passed else 0.0


def _write(model: Any, tokenizer: Any, probe: Probe, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Greedy answers to a batch of prompts, padded on the left."""
    import torch

    chats = [chat(row["messages"], probe.system) for row in rows]
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

"""Chat and multi-turn: what a reward model thinks of a response; 0 to 1.

Any sequence-classification model of transformers will do, by folder, `package:NAME` or Hub id;
code that comes with a model is not run. It reads the prompt's turns and the answer through its
chat template, or as a pair of texts where it has none. Of its outputs become a score:

    one output       its sigmoid, as models trained on comparisons mean it
    several          the mean of those that params name, over the highest value of one, so
                     (helpfulness + correctness + coherence) / 12 in R5 6.4 (DeepDistill,
                     arXiv 2504.17565); what falls outside 0 to 1 is clipped, and `detail` says so

On a CPU responses are read one at a time, so that a score depends on no other response; on a
GPU in batches and bfloat16, where rounding reaches the third place.

Unverified: `no_reward_model`; `too_long`, over the model's context; `template_refused`, turns
that the template does not take; `not_finite`.
"""

import functools
import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from curation.engines.installed import library_version, require
from curation.engines.packaged import model_identity, quiet_transformers, resolve_model
from curation.errors import InstallError, ParamsError
from curation.progress import say
from curation.verifiers.verdict import Task, Verdict

GPU_BATCH_RESPONSES = 16


def version() -> str:
    """Version of this verifier and of the library that runs the model."""
    require("transformers", install="pip install -e '.[local]'", wanted_by="verify.reward_model")
    return f"1, transformers {library_version('transformers')}"


def identity(model: str) -> str:
    """One word for a model's contents; a Hub model counts as its branch main, whatever that points to."""
    return model_identity(model, None)


def verify_reward(
    tasks: Sequence[Task], *, model: str | None, labels: Sequence[int], scale_max: float
) -> list[Verdict]:
    """Verdicts of responses that only a model can judge, in the order of the tasks.

    Args:
        tasks: Reads `messages` and `answer`.
        model: Sequence-classification model; None leaves all unverified.
        labels: Outputs that are averaged, where the model has several.
        scale_max: Highest value of one output.

    Raises:
        InstallError: transformers is not installed, or the model cannot be found.
        ParamsError: The model has no output of a number in `labels`.
    """
    if model is None:
        return [Verdict(None, "no_reward_model")] * len(tasks)
    loaded = _load(model)
    _check_labels(loaded, labels)
    verdicts: dict[int, Verdict] = {}
    encoded: dict[int, Any] = {}
    for index, task in enumerate(tasks):
        inputs = _encode(loaded.tokenizer, task)
        if isinstance(inputs, Verdict):
            verdicts[index] = inputs
        elif loaded.max_length is not None and len(inputs["input_ids"]) > loaded.max_length:
            verdicts[index] = Verdict(None, "too_long", json.dumps({"num_tokens": len(inputs["input_ids"])}))
        else:
            encoded[index] = inputs
    order = sorted(encoded, key=lambda index: len(encoded[index]["input_ids"]))
    for start in range(0, len(order), loaded.batch_responses):
        batch = order[start : start + loaded.batch_responses]
        for index, outputs in zip(batch, _outputs(loaded, [encoded[index] for index in batch]), strict=True):
            verdicts[index] = score_outputs(outputs, labels, scale_max)
    return [verdicts[index] for index in range(len(tasks))]


def score_outputs(outputs: Sequence[float], labels: Sequence[int], scale_max: float) -> Verdict:
    """The verdict that a model's outputs for one response give.

    Example:
        >>> score_outputs([3.96, 3.97, 3.86, 0.99, 1.49], [0, 1, 2], 4).score
        0.9825
    """
    detail: dict[str, Any] = {"outputs": [round(output, 6) for output in outputs]}
    if not all(map(math.isfinite, outputs)):
        return Verdict(None, "not_finite", json.dumps({"outputs": [str(output) for output in outputs]}))
    if len(outputs) == 1:
        raw = 1 / (1 + math.exp(-max(outputs[0], -700)))
    else:
        raw = sum(outputs[label] for label in labels) / len(labels) / scale_max
    score = min(max(raw, 0.0), 1.0)
    if score != raw:
        detail["clipped"] = True
    return Verdict(round(score, 6), None, json.dumps(detail))


class _Loaded(NamedTuple):
    """A reward model in memory."""

    name: str
    model: Any
    tokenizer: Any
    max_length: int | None
    batch_responses: int


@functools.lru_cache(maxsize=1)
def _load(name: str) -> _Loaded:
    """The model on the GPU where there is one, else on the CPU."""
    version()
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    quiet_transformers()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    where = resolve_model(name)
    try:
        model = AutoModelForSequenceClassification.from_pretrained(where, dtype=dtype)
        tokenizer = AutoTokenizer.from_pretrained(where)
    except OSError as error:
        raise InstallError(
            f"verify.reward_model: {name!r} cannot be loaded ({str(error).splitlines()[0]}). "
            "Name a folder, a package:NAME or a Hub id of a sequence-classification model."
        ) from error
    # Decoders read the output at the last token that is not padding: without one, one at a time.
    padded = tokenizer.pad_token_id is not None and model.config.pad_token_id == tokenizer.pad_token_id
    batch_responses = GPU_BATCH_RESPONSES if device == "cuda" and padded else 1
    max_length = getattr(model.config, "max_position_embeddings", None)
    say(f"reward model {name} runs on {device}")
    return _Loaded(name, model.to(device).eval(), tokenizer, max_length, batch_responses)


def _check_labels(loaded: _Loaded, labels: Sequence[int]) -> None:
    outputs = int(loaded.model.config.num_labels)
    if outputs > 1 and not (labels and set(labels) <= set(range(outputs))):
        raise ParamsError(
            f"params: verify.reward_labels is {list(labels)}, but {loaded.name} has the outputs 0 to {outputs - 1}."
        )


def _encode(tokenizer: Any, task: Task) -> Any:
    """Tokens of the conversation with the answer as its last turn, or the verdict that there are none."""
    from jinja2 import TemplateError

    if tokenizer.chat_template is None:
        return tokenizer("\n".join(content for _, content in task.messages), task.answer)
    messages = [{"role": role, "content": content} for role, content in (*task.messages, ("assistant", task.answer))]
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False)
    except TemplateError as error:
        return Verdict(None, "template_refused", json.dumps({"error": str(error)}))
    return tokenizer(text, add_special_tokens=False)


def _outputs(loaded: _Loaded, batch: list[Any]) -> list[list[float]]:
    """The model's outputs of each row of a batch."""
    import torch

    inputs = loaded.tokenizer.pad(batch, padding=len(batch) > 1, return_tensors="pt")
    with torch.inference_mode():
        logits = loaded.model(**inputs.to(loaded.model.device)).logits
    rows: list[list[float]] = logits.float().tolist()
    return rows

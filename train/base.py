"""base: the model that training starts from: a fresh one is made here, any other is named.

In: params; for a fresh model the release that sft reads. Out: model/ where it is fresh; base.json, which tells what it is.
A fresh model has the architecture of Llama, random weights from the seed, and a tokenizer trained on the release's
train split: small enough to be trained on a CPU, and no download.
"""

import sys
from collections.abc import Sequence
from typing import Any

from curation.errors import ParamsError
from curation.fresh_model import fresh_config
from curation.stage import Run, run_stage
from curation.training_params import Fresh
from train import models, tokenizer
from train.releases import open_release, samples


def main(argv: Sequence[str] | None = None) -> int:
    """Make a fresh model, or name the one to start from. Example: python -m train.base."""
    return run_stage("base", _run)


def _run(run: Run) -> None:
    if run.params.base is None:
        run.write_json("base.json", {})
        return
    base = models.base_of(run.params)
    if base.fresh is None:
        run.write_json("base.json", {"model": base.model, "identity": models.identity("base", run.params)})
        return
    if run.params.sft is None:
        raise ParamsError("params: sft is null; a fresh model's tokenizer is trained on its release.")
    opened = open_release(run.params.sft.dataset, run.params.sft.config)
    rows = samples(opened, "train", run.con)
    made = tokenizer.train(rows, vocabulary=base.fresh.vocabulary, max_tokens=base.fresh.max_tokens)
    model = fresh_model(base.fresh, made, seed=run.params.seed)
    folder = run.part / models.MODEL
    model.save_pretrained(folder)
    made.save_pretrained(folder)
    told = {"model": None, "release_id": opened.release_id, "tokens": len(made)}
    run.write_json("base.json", {**told, "parameters": sum(weights.numel() for weights in model.parameters())})


def fresh_model(fresh: Fresh, made: Any, *, seed: int) -> Any:
    """A Llama with random weights.

    Args:
        fresh: Its shape.
        made: Its tokenizer.
        seed: Of the weights.
    """
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(seed)
    special = {"bos_token_id": None, "eos_token_id": made.eos_token_id, "pad_token_id": made.pad_token_id}
    return LlamaForCausalLM(fresh_config(fresh, vocabulary=len(made), **special))


if __name__ == "__main__":
    sys.exit(main())

"""Models and tokenizers that training loads, and what identifies them.

A model is named by the stage that made it (data/<stage>/model), or for `base` by params: a package's, a folder's or
a Hub's, or the fresh one in data/base/model. Everything here that needs torch imports it inside.
"""

from pathlib import Path
from typing import Any

from curation.engines.installed import require
from curation.engines.packaged import model_identity, quiet_transformers, resolve_model
from curation.errors import DataError, ParamsError
from curation.params import Params
from curation.places import DATA
from curation.training_params import Base, Fit, Lora, Start

MODEL = "model"
"""Folder of a stage's model in its output."""


def base_of(params: Params) -> Base:
    """The block base.

    Raises:
        ParamsError: It is null, or names both a model and a fresh one, or neither.
    """
    base = params.base
    if base is None:
        raise ParamsError("params: base is null; give it a block, as profiles/embedded.yaml has.")
    if (base.model is None) == (base.fresh is None):
        raise ParamsError("params: base wants either a model or fresh, the other null.")
    return base


def resolve(start: Start, params: Params) -> Path | str:
    """Where the model of a stage is: its folder, or the Hub id of the base.

    Raises:
        InstallError: The base is a package's and that is not installed.
        DataError: The stage wrote no model yet.
    """
    base = base_of(params)
    if start == "base" and base.model is not None:
        return resolve_model(base.model)
    folder = DATA / start / MODEL
    if not (folder / "config.json").exists():
        raise DataError(f"{folder} holds no model. Run the stage that writes it: dvc repro {start}")
    return folder


def identity(start: Start, params: Params) -> str:
    """One word for a model's contents, the same on every machine."""
    base = base_of(params)
    if start == "base" and base.model is not None:
        return model_identity(base.model, base.revision)
    return model_identity(str(resolve(start, params)), None)


def load_tokenizer(path: Path | str, base: Base) -> Any:
    """A tokenizer with a chat template: the model's own, or that of `base.chat_template`.

    Raises:
        DataError: It has none, and params name none; it has no token that ends a turn.
    """
    require("transformers", install="pip install -e '.[train]'", wanted_by="training")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path, revision=None if isinstance(path, Path) else base.revision)
    if base.chat_template is not None:
        template = Path(base.chat_template)
        if not template.exists():
            raise ParamsError(f"params: base.chat_template names {template}, which is missing.")
        tokenizer.chat_template = template.read_text(encoding="utf-8")
    if not tokenizer.chat_template:
        raise DataError(
            f"model {path}: its tokenizer has no chat template. Name a file with one in base.chat_template."
        )
    if tokenizer.eos_token_id is None:
        raise DataError(f"model {path}: its tokenizer has no eos_token, so nothing ends a turn.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(path: Path | str, base: Base, fit: Fit) -> Any:
    """A causal language model in the dtype and attention of `fit`, on the CPU; the trainer moves it.

    Raises:
        InstallError: FlashAttention is asked for and not installed.
        DataError: There are no weights for it.
    """
    require("trl", install="pip install -e '.[train]'", wanted_by="training")
    if fit.attention == "flash_attention_2":
        require("flash_attn", install="pip install flash-attn", wanted_by="fit.attention flash_attention_2")
    import torch
    from transformers import AutoModelForCausalLM

    quiet_transformers()
    try:
        return AutoModelForCausalLM.from_pretrained(
            path,
            revision=None if isinstance(path, Path) else base.revision,
            dtype=getattr(torch, fit.dtype),
            attn_implementation=fit.attention,
        )
    except (OSError, ValueError) as error:
        raise DataError(f"model {path} cannot be loaded: {' '.join(str(error).split())}") from error


def lora_config(lora: Lora | None) -> Any:
    """Adapters as peft describes them; None trains all weights."""
    if lora is None:
        return None
    require("peft", install="pip install -e '.[train]'", wanted_by="fit.lora")
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
        task_type="CAUSAL_LM",
    )


def merged(model: Any) -> Any:
    """The model itself; of adapters, the model with them in its weights."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model

"""The shape of a language model from its config alone: what `curate plan --training` reckons with.

Parameters are counted on the model as transformers builds it on torch's meta device, which holds no weights. Dense
decoders with the layers of Llama are covered (Llama, Qwen2, Mistral and others); mixtures of experts are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.engines.installed import require
from curation.engines.packaged import resolve_model
from curation.errors import DataError, ParamsError
from curation.fresh_model import fresh_config
from curation.training_params import Base

INSTALL = "pip install -e '.[train]'"


@dataclass(frozen=True)
class Shape:
    """What memory and operations depend on."""

    num_parameters: int
    num_embedding: int
    """Parameters of input and output embeddings; tied ones count once."""
    num_layers: int
    hidden: int
    intermediate: int
    """Width of the feed-forward layers."""
    queries: int
    """Width of all queries of a layer: heads times their size."""
    keys: int
    """Width of all keys of a layer, which is that of its values."""
    vocabulary: int
    linears: tuple[tuple[str, int, int], ...]
    """Name, inputs and outputs of each linear layer but the output embedding: where adapters may go."""

    @property
    def num_of_layer(self) -> int:
        """Parameters of one layer."""
        return (self.num_parameters - self.num_embedding) // self.num_layers

    def num_adapter(self, rank: int, targets: Sequence[str] | str) -> int:
        """Parameters of adapters of a rank on the layers that `targets` names as peft does."""
        taken = (
            (inputs + outputs)
            for name, inputs, outputs in self.linears
            if targets == "all-linear" or any(f".{name}".endswith(f".{one}") for one in targets)
        )
        return rank * sum(taken)


def shape_of(base: Base | None) -> Shape:
    """The shape of the model that training starts from.

    Args:
        base: The block base. A Hub model's config comes from the cache or the Hub, anything else's from this machine.

    Raises:
        ParamsError: The block is null, or names both a model and a fresh one, or neither.
        InstallError: torch or transformers is missing.
        DataError: The config cannot be had, or describes no model of this kind.
    """
    if base is None or (base.model is None) == (base.fresh is None):
        raise ParamsError(
            "params: base wants either a model or fresh, the other null; curate plan reckons with its shape."
        )
    for module in ("torch", "transformers"):
        require(module, install=INSTALL, wanted_by="curate plan --training")
    return measured(fresh_config(base.fresh) if base.fresh else _config(str(base.model), base.revision))


def measured(config: Any) -> Shape:
    """The shape that a config of transformers describes.

    Raises:
        DataError: It lacks what a decoder with the layers of Llama has.
    """
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        ends = {id(end.weight): end.weight for end in (model.get_input_embeddings(), model.get_output_embeddings())}
        return Shape(
            num_parameters=sum(weights.numel() for weights in model.parameters()),
            num_embedding=sum(weights.numel() for weights in ends.values()),
            num_layers=config.num_hidden_layers,
            hidden=config.hidden_size,
            intermediate=config.intermediate_size,
            queries=config.num_attention_heads * head_size,
            keys=(getattr(config, "num_key_value_heads", None) or config.num_attention_heads) * head_size,
            vocabulary=config.vocab_size,
            linears=tuple(
                (name, module.in_features, module.out_features)
                for name, module in model.named_modules()
                if isinstance(module, torch.nn.Linear) and module is not model.get_output_embeddings()
            ),
        )
    except (AttributeError, ValueError) as error:
        raise DataError(
            f"plan: base.model has the architecture {getattr(config, 'model_type', None)!r}; wanted a decoder with the "
            f"layers of Llama. {' '.join(str(error).split())[:200]}"
        ) from error


def _config(model: str, revision: str | None) -> Any:
    from transformers import AutoConfig

    path = resolve_model(model)
    try:
        return AutoConfig.from_pretrained(path, revision=revision)
    except (OSError, ValueError) as error:
        cause = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        if isinstance(path, Path):
            raise DataError(
                f"plan: {path / 'config.json'} of base.model {model} is no config of a model: {cause}."
            ) from error
        named = "" if revision in (None, "main") else f" --revision {revision}"
        raise DataError(
            f"plan: wanted the config.json of base.model {model}, which is no folder here, is not in the cache, and could not "
            f"be had from the Hub: {cause}. Where there is a network, run: hf download {model} config.json{named}"
        ) from error

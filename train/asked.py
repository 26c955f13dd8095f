"""The models that evaluate asks: where a stage left its model, whether it can be asked, the engine that runs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.engines.open import open_engine
from curation.engines.packaged import loading, quiet_transformers
from curation.engines.protocol import Engine, engine_settings
from curation.errors import DataError, ParamsError
from curation.params import Params
from curation.training_params import Base, Evaluate, Rl, Start
from train import models


@dataclass(frozen=True)
class Asked:
    """A model that is evaluated."""

    name: str
    """Stage whose model it is."""
    identity: str
    """What its weights are, the same on every machine."""
    engine: Engine
    """Not loaded before it is first asked."""


def open_model(name: Start, params: Params) -> Asked:
    """Find the model of a stage and the engine that runs it.

    Args:
        name: The stage.
        params: Reads evaluate and base.

    Raises:
        DataError: The stage has left no model, or its tokenizer has no chat template.
        InstallError: The engine's library is not installed, or the model cannot be loaded.
    """
    assert params.evaluate is not None
    model, base = models.resolve(name, params), models.base_of(params)
    revision = None if isinstance(model, Path) else base.revision
    settings = engine_settings(
        engine=params.evaluate.engine,
        model=str(model),
        revision=revision,
        endpoint=None,
        options=_options(name, base, params.evaluate),
    )
    if "chat_template" not in settings.template_arguments:
        _check_template(name, str(model), revision)
    return Asked(name, models.identity(name, params), open_engine(settings))


def trained_on(names: Sequence[Start], params: Params) -> list[tuple[str, str]]:
    """The releases, with their configs, that taught models and the models they began from; ordered.

    Raises:
        ParamsError: A stage has no block.
    """
    found: set[tuple[str, str]] = set()
    for name in names:
        stage, seen = name, set[str]()
        while stage != "base" and stage not in seen:
            block = getattr(params, stage)
            if block is None:
                raise ParamsError(
                    f"params: evaluate.models needs the stage {stage!r}, whose block is null. Give it one, or leave "
                    f"the model out."
                )
            configs = [one.config for one in block.stages] if isinstance(block, Rl) else [block.config]
            found |= {(block.dataset, config) for config in configs}
            seen.add(stage)
            stage = block.start
    return sorted(found)


def _options(name: Start, base: Base, params: Evaluate) -> dict[str, Any]:
    """Engine options, with the chat template that params give a base model; its own then does not count."""
    options, given = dict(params.engine_options), base.chat_template
    if name != "base" or given is None:
        return options
    if not Path(given).is_file():
        raise DataError(f"evaluate: base.chat_template names {given}, and there is no such file. Correct its path.")
    template = Path(given).read_text(encoding="utf-8")
    return {**options, "template_arguments": {**options.get("template_arguments", {}), "chat_template": template}}


def _check_template(name: str, model: str, revision: str | None) -> None:
    """Stop before anything is asked where a model's tokenizer cannot render a chat."""
    from transformers import AutoTokenizer

    quiet_transformers()
    with loading(model):
        tokenizer = AutoTokenizer.from_pretrained(model, revision=revision)
    if tokenizer.chat_template is None:
        raise DataError(
            f"evaluate: the model of {name} ({model}) has no chat template, so no question can be put to it. Name a "
            f"file with one as base.chat_template in params.yaml, and train again."
        )

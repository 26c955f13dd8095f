"""A project with a release of sums and fresh models, for tests of evaluate."""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from curation import hashing, tables
from schemas.am_1_4m import AM_1_4M

ROOT = Path(__file__).parents[2]
TEMPLATE = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
NUM_TEST = 6


def sum_row(number: int) -> dict[str, Any]:
    """A released sample: a sum whose answer has one digit."""
    text, answer = f"{number} + {number % 3} = ", str((number + number % 3) % 10)
    user = {"role": "user", "content": text, "info": {"source": "sums", "reference_answer": answer}}
    said = {"role": "assistant", "content": answer, "info": {"source": "worked", "answer_content": answer}}
    prompt_id = hashing.prompt_id([{"role": "user", "content": text}])
    ids = {"sample_id": hashing.sample_id(prompt_id, "worked", 0), "prompt_id": prompt_id, "category": "math"}
    labels = {"label": "Math", "difficulty": "easy", "language": "en", "verify_score": 1.0}
    return {
        "messages": [user, said],
        **ids,
        **labels,
        "num_turns": 2,
        "prompt_words": 3,
        "reasoning_tokens": 0,
        "answer_tokens": 1,
    }


def write_release(folder: Path, splits: dict[str, list[dict[str, Any]]], dataset: str = "sums") -> None:
    """A release with the splits, as the stage release writes it."""
    root, files = folder / "data/release" / dataset, []
    with tables.connect(memory_gb=1) as con:
        for split, rows in splits.items():
            tables.write(tables.from_rows(con, rows, AM_1_4M), root / "data", AM_1_4M, prefix=f"{split}-")
            path = root / f"data/{split}-00000.parquet"
            told = {"path": f"data/{path.name}", "config": "default", "split": split, "rows": len(rows)}
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            files.append({**told, "bytes": path.stat().st_size, "sha256": sha256})
    schema = [
        {"name": one.name, "type": str(one.type), "nullable": one.nullable, "doc": one.doc} for one in AM_1_4M.columns
    ]
    manifest = {"dataset": dataset, "release_id": hashing.digest_json(files), "layout": "am_1_4m", "schema": schema}
    (root / "manifest.json").write_text(json.dumps({**manifest, "files": files}))


def write_model(folder: Path, *, seed: int, template: str | None = TEMPLATE) -> None:
    """A Llama of random weights that writes digits, with a tokenizer of words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = [*(str(number) for number in range(10)), "+", "=", "wait", "but", "</s>"]
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, **{word: at for at, word in enumerate(words, 1)}}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>")
    if template:
        fast.chat_template = template
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    sizes = {"vocab_size": 16, "hidden_size": 16, "intermediate_size": 32, "max_position_embeddings": 128}
    layers = {"num_hidden_layers": 1, "num_attention_heads": 2, "initializer_range": 0.3, "eos_token_id": 15}
    LlamaForCausalLM(LlamaConfig(**sizes, **layers, bos_token_id=None)).save_pretrained(folder)


def write_params(folder: Path, **evaluate: Any) -> None:
    """The tiny profile, with two models and other values of evaluate."""
    params = yaml.safe_load((ROOT / "profiles/tiny.yaml").read_text())
    own = {"models": ["base", "sft"], "compare": [["base", "sft"]], "max_new_tokens": 6, "batch_requests": 5}
    params["evaluate"] |= {**own, "temperature": 1.0, "top_p": 1.0, **evaluate}
    params["evaluate"]["benchmarks"][0] |= {"rows_max": None, "samples": 3}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def write_project(folder: Path) -> Path:
    """Everything that evaluate reads."""
    rows = [sum_row(number) for number in range(20)]
    write_release(folder, {"train": rows[NUM_TEST:], "test": rows[:NUM_TEST]})
    for seed, stage in enumerate(("base", "sft")):
        write_model(folder / "data" / stage / "model", seed=seed)
    write_params(folder)
    return folder

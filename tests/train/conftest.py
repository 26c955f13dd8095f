"""A project with a release of worked sums, on which every stage of training runs in seconds."""

from pathlib import Path

import pytest
import yaml

from curation import hashing
from curation.sources import arithmetic
from curation.text import split_response
from tests.train.evaluate_project import write_release

ROOT = Path(__file__).parents[2]
SPLITS = {"train": 48, "validation": 6, "test": 6}


def arithmetic_rows(number):
    """Released samples of the source arithmetic, in the layout am_1_4m."""
    rows = []
    for record in arithmetic.records(num_prompts=number, seed=3):
        text = record["responses"][0]["text"]
        parts = split_response(text, "think_answer")
        user = {"role": "user", "content": record["prompt"]}
        info = {"source": "sums", "reference_answer": record["reference"]}
        said = {"source": arithmetic.TAG, "think_content": parts.reasoning, "answer_content": parts.answer}
        prompt_id = hashing.prompt_id([user])
        ids = {"sample_id": hashing.sample_id(prompt_id, arithmetic.TAG, 0), "prompt_id": prompt_id, "category": "math"}
        labels = {"label": "Math", "difficulty": "easy", "language": "en", "verify_score": 1.0}
        turns = [{**user, "info": info}, {"role": "assistant", "content": text, "info": said}]
        rows.append(
            {
                "messages": turns,
                **ids,
                **labels,
                "num_turns": 2,
                "prompt_words": 5,
                "reasoning_tokens": 20,
                "answer_tokens": 30,
            }
        )
    return rows


def tiny_params():
    """The tiny profile with a model that a test trains in a second or two."""
    params = yaml.safe_load((ROOT / "profiles/tiny.yaml").read_text())
    params["base"]["fresh"] |= {"layers": 1, "width": 32, "heads": 2, "vocabulary": 320, "max_tokens": 256}
    return params


def write_params(folder, params):
    """Put params in force."""
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with params.yaml and the release `arithmetic`; the current directory of the test."""
    rows, splits, start = arithmetic_rows(sum(SPLITS.values())), {}, 0
    for split, number in SPLITS.items():
        splits[split], start = rows[start : start + number], start + number
    write_release(tmp_path, splits)
    write_params(tmp_path, tiny_params())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CURATE_HOME", str(tmp_path / ".curate"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path

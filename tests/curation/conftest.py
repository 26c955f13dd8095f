"""A tiny project: one prompt of each fate, as the stages would have left it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from curation import tables
from curation.hashing import digest
from schemas.am_1_4m import AM_1_4M
from schemas.annotations import ANNOTATIONS
from schemas.drops import DROPS
from schemas.grades import GRADES
from schemas.prompts import PROMPTS
from schemas.reference_checks import REFERENCE_CHECKS
from schemas.responses import RESPONSES
from schemas.scores import SCORES
from schemas.selections import SELECTIONS
from schemas.table import Table
from schemas.verdicts import VERDICTS

Row = dict[str, object]
APPLES = "Tom has 3 red apples and buys 4 more. How many apples has Tom?"
APPLES_TWIN = "Tom has 3 green apples and buys 4 more. How many apples has he?"
WALK = "Every morning Aya goes for a 9-kilometer walk. How many minutes does it take her?"
ADD = "Write a function add(a, b) that returns the sum of a and b."


def prompt(name: str, text: str, **columns: object) -> Row:
    """A row of prompts; its ids are the digests of its name."""
    fixed = {"source": "school", "source_row": f"school.jsonl:{name}", "category": "math", "language": "en"}
    ids = {"record_id": digest("record", name), "prompt_id": digest("prompt", name)}
    messages = [{"role": "user", "content": text}]
    return {**ids, **fixed, "messages": messages, "licence": "MIT", "priority": 1, **columns}


def response(name: str, prompt_name: str, teacher: str, index: int, answer: str) -> Row:
    """A row of responses; its id is the digest of its name."""
    ids = {"sample_id": digest("sample", name), "prompt_id": digest("prompt", prompt_name)}
    told = {"reasoning": "I count.", "answer": answer, "well_formed": True, "finish_reason": "stop", "num_tokens": 9}
    return {**ids, "teacher": teacher, "sample_index": index, **told}


def _verdict(sample: Row, score: float | None, why: str | None = None, detail: object = None) -> Row:
    kept = {name: sample[name] for name in ("sample_id", "prompt_id", "teacher")}
    status = {"status": "verified" if score is not None else "unverified", "score": score, "why": why}
    is_code = sample["prompt_id"] == digest("prompt", "add")
    kind = {"category": "code" if is_code else "math", "verifier": "code" if is_code else "math", "version": "1"}
    return {**kept, **status, **kind, "detail": json.dumps(detail) if detail else None}


def _score(sample: Row, *, kept: bool) -> Row:
    ids = {name: sample[name] for name in ("sample_id", "prompt_id", "teacher")}
    flags = {"well_formed": True, "language_mixed": False, "boxed": False}
    rule = {} if kept else {"reason": "repetition", "figure": 9.0}
    return {**ids, **flags, **rule, "repetition": 1, "frequent_ngrams": 0, "reasoning_tokens": 3, "answer_tokens": 6}


def _drop(stage: str, reason: str, **columns: object) -> Row:
    return {"stage": stage, "reason": reason, "num_units": 1, **columns}


WON, LOST, BENCH, CODE = (
    prompt("apples", APPLES, reference="7"),
    prompt("twin", APPLES_TWIN, reference="7", priority=2),
    prompt("walk", WALK, reference="204"),
    prompt("add", ADD, category="code", tests='{"call_type": "assert", "assert_case": ["assert add(1, 2) == 3"]}'),
)
SHORT = prompt("short", "?")
RIGHT, WRONG = response("right", "apples", "small", 0, "7"), response("wrong", "apples", "small", 1, "8")
FAILED = response("failed", "add", "small", 0, "def add(a, b): return a - b")
READY = {**response("ready", "add", "school", 0, "def add(a, b): return a + b"), "record_id": CODE["record_id"]}
FAILING = {"passed": 0, "first_failure": "assert add(1, 2) == 3"}


def _grade(answered: Row, teacher: str, counts: tuple[int, int, int], pass_rate: float | None) -> Row:
    names = ("num_samples", "num_verified", "num_passed")
    figures = {"pass_rate": pass_rate, "mean_score": pass_rate}
    return {
        "prompt_id": answered["prompt_id"],
        "teacher": teacher,
        "category": answered["category"],
        **dict(zip(names, counts, strict=True)),
        **figures,
    }


def _annotation(labelled: Row, label: str) -> Row:
    fixed = {"difficulty": "easy", "annotator": "rules", "num_turns": 1, "length_words": 13, "verifiable": True}
    return {"prompt_id": labelled["prompt_id"], "group_id": digest("group", label), "label": label, **fixed}


def _released(sample: Row) -> Row:
    user = {"role": "user", "content": APPLES, "info": {"source": "school", "reference_answer": "7"}}
    said = {"role": "assistant", "content": "7", "info": {"source": "small", "answer_content": "7"}}
    ids = {name: sample[name] for name in ("sample_id", "prompt_id")}
    labels = {"category": "math", "label": "Math", "difficulty": "easy", "language": "en"}
    tokens = {"answer_tokens": 9, "reasoning_tokens": 3}
    return {
        "messages": [user, said],
        **ids,
        **labels,
        "verify_score": 1.0,
        "num_turns": 2,
        "prompt_words": 13,
        **tokens,
    }


STAGES: dict[str, list[tuple[Table, list[Row]]]] = {
    "ingest": [
        (PROMPTS, [WON, LOST, BENCH, CODE, SHORT]),
        (RESPONSES, [READY]),
        (DROPS, [_drop("ingest", "unreadable", evidence_id="data/sources/school.jsonl:7", detail="{not JSON")]),
    ],
    "clean": [
        (PROMPTS, [WON, LOST, BENCH, CODE]),
        (DROPS, [_drop("clean", "too_short", figure=0.0, record_id=SHORT["record_id"], prompt_id=SHORT["prompt_id"])]),
    ],
    "deduplicate": [
        (PROMPTS, [WON, BENCH, CODE]),
        (
            DROPS,
            [_drop("deduplicate", "near_duplicate", figure=0.93, evidence_id=WON["record_id"], record_id=LOST["record_id"], prompt_id=LOST["prompt_id"])],
        ),
    ],
    "decontaminate": [
        (PROMPTS, [WON, CODE]),
        (
            DROPS,
            [_drop("decontaminate", "ngram_overlap", figure=0.88, evidence_id="aime24/60", record_id=BENCH["record_id"], prompt_id=BENCH["prompt_id"], detail="every morning aya goes")],
        ),
    ],
    "annotate": [
        (PROMPTS, [WON, CODE]),
        (ANNOTATIONS, [_annotation(WON, "Math"), _annotation(CODE, "Coding & Debugging")]),
        (DROPS, []),
    ],
    "distill": [
        (RESPONSES, [RIGHT, WRONG, FAILED, READY]),
        (DROPS, [_drop("distill", "over_budget", prompt_id=CODE["prompt_id"], sample_id=digest("sample", "never"))]),
    ],
    "verify": [
        (VERDICTS, [_verdict(RIGHT, 1.0), _verdict(WRONG, 0.0), _verdict(FAILED, 0.0, detail=FAILING), _verdict(READY, None, "no_sandbox")])
    ],
    "score": [
        (SCORES, [_score(RIGHT, kept=True), _score(WRONG, kept=False), _score(FAILED, kept=True), _score(READY, kept=True)]),
        (DROPS, [_drop("score", "repetition", figure=21.0, prompt_id=WON["prompt_id"], sample_id=WRONG["sample_id"])]),
    ],
    "grade": [
        (GRADES, [_grade(WON, "small", (2, 2, 1), 0.5), _grade(CODE, "small", (1, 1, 0), 0.0), _grade(CODE, "school", (1, 0, 0), None)]),
        (REFERENCE_CHECKS, [{"prompt_id": WON["prompt_id"], "reference": "7", "majority_votes": 1, "num_votes": 2, "outcome": "no_majority"}]),
    ],
    "select/am-1-4m": [
        (SELECTIONS, [{"dataset": "am-1-4m", "config": "default", "sample_id": RIGHT["sample_id"], "prompt_id": WON["prompt_id"], "role": "response", "split": "train", "figure": 0.5}]),
        (
            DROPS,
            [_drop("select", "failed", figure=0.0, dataset="am-1-4m", prompt_id=CODE["prompt_id"], sample_id=FAILED["sample_id"]), _drop("select", "unverified", dataset="am-1-4m", prompt_id=CODE["prompt_id"], sample_id=READY["sample_id"])],
        ),
    ],
}  # fmt: skip
COUNTS: dict[str, tuple[str, int, int, dict[str, int]]] = {
    "ingest": ("record", 6, 5, {"unreadable": 1}),
    "clean": ("record", 5, 4, {"too_short": 1}),
    "deduplicate": ("record", 4, 3, {"near_duplicate": 1}),
    "decontaminate": ("prompt", 3, 2, {"ngram_overlap": 1}),
    "annotate": ("prompt", 2, 2, {}),
    "distill": ("request", 5, 4, {"over_budget": 1}),
    "verify": ("response", 4, 4, {}),
    "score": ("response", 4, 3, {"repetition": 1}),
    "select/am-1-4m": ("candidate", 3, 1, {"failed": 1, "unverified": 1}),
}
DVC = {
    "stages": {
        **{
            stage: {"cmd": f"python -m curation.{stage}"}
            for stage in ("ingest", "clean", "deduplicate", "decontaminate")
        },
        **{
            stage: {"cmd": f"python -m curation.{stage}"}
            for stage in ("annotate", "distill", "verify", "score", "grade")
        },
        "select": {"foreach": ["am-1-4m"], "do": {"cmd": "python -m curation.select ${item}"}},
        "release": {"foreach": ["am-1-4m"], "do": {"cmd": "python -m curation.release ${item}"}},
    }
}


@pytest.fixture(scope="session")
def written_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `tiny_project` copies."""
    root = tmp_path_factory.mktemp("written")
    with tables.connect(memory_gb=1, processes=1) as con:
        for stage, written in STAGES.items():
            for table, rows in written:
                tables.write(tables.from_rows(con, rows, table), root / "data" / stage / table.name, table)
        released = tables.from_rows(con, [_released(RIGHT)], AM_1_4M)
        folder = root / "data/release/am-1-4m"
        tables.write(released, folder / "data", AM_1_4M)
        file = {"path": "data/00000.parquet", "config": "default", "split": "train", "rows": 1}
        file["bytes"] = (folder / file["path"]).stat().st_size
        (folder / "manifest.json").write_text(json.dumps({"dataset": "am-1-4m", "files": [file]}))
    for stage, (unit, rows_in, rows_kept, dropped) in COUNTS.items():
        counts = {"unit": unit, "rows_in": rows_in, "rows_kept": rows_kept, "dropped": dropped}
        (root / "data" / stage / "counts.json").write_text(json.dumps(counts))
    (root / "dvc.yaml").write_text(yaml.safe_dump(DVC, sort_keys=False))
    values = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
    values["decontaminate"]["benchmarks"] = [
        {"name": "aime24", "path": "aime24.jsonl", "question": "problem", "id": "id"}
    ]
    (root / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    (root / "aime24.jsonl").write_text(json.dumps({"id": 60, "problem": WALK.replace("Aya", "Ana")}) + "\n")
    return root


@pytest.fixture
def tiny_project(written_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with small outputs of all stages, which is the working directory."""
    shutil.copytree(written_project, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("CURATE_HOME", raising=False)
    return tmp_path


@pytest.fixture
def shared_drop(tiny_project: Path) -> Path:
    """A dataset `mine` that took one response to the prompt `apples` and has one drop for its others."""
    shared = {"dataset": "mine", "prompt_id": WON["prompt_id"], "evidence_id": RIGHT["sample_id"], "num_units": 2}
    kept = {"config": "default", "sample_id": RIGHT["sample_id"], "prompt_id": WON["prompt_id"], "role": "response"}
    folder = tiny_project / "data/select/mine"
    with tables.connect(memory_gb=1, processes=1) as con:
        rows = {
            SELECTIONS: {**kept, "dataset": "mine", "split": "train"},
            DROPS: _drop("select", "not_chosen", **shared),
        }
        for table, row in rows.items():
            tables.write(tables.from_rows(con, [row], table), folder / table.name, table)
    return folder


@pytest.fixture
def ids() -> Callable[[str, str], str]:
    """Ids of the tiny project: `ids("sample", "right")`."""
    return digest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Llama of random weights and a tokenizer of 63 words, w1 to w63."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny_model")
    vocabulary = {"<unk>": 0, **{f"w{number}": number for number in range(1, 64)}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>").save_pretrained(folder)
    torch.manual_seed(5)
    sizes = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "max_position_embeddings": 64}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2, "initializer_range": 0.5}
    LlamaForCausalLM(LlamaConfig(**sizes, **layers)).save_pretrained(folder)
    return folder

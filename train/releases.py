r"""Releases as training reads them: prompts, samples and pairs, from the layouts that carry them.

A release stands in data/release/<dataset>, as the stage release wrote it or as `curate pull` brought it. What a row
holds follows from its layout (schemas/); turns are those of the published row. `am_40m` and `am_difficulty_rl`
publish a multi-turn prompt as one text, so it is one turn here; am_1_4m and am_rl publish no constraints.

Example row of samples: {"sample_id": "1f0c...", "prompt_id": "9ab2...", "category": "math", "messages":
[{"role": "user", "content": "What is 7 + 5?"}], "response": "<think>7 + 5 = 12</think>\n<answer>12</answer>"}
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from curation.errors import DataError
from curation.render import nearest
from curation.tables import Relation, count, quote
from schemas.am_1_4m import AM_1_4M
from schemas.am_40m import am_40m
from schemas.am_answers import AM_ANSWERS
from schemas.am_difficulty_rl import am_difficulty_rl
from schemas.am_multi_teacher import AM_MULTI_TEACHER
from schemas.am_preference import AM_PREFERENCE
from schemas.am_rl import AM_RL

RELEASES = Path("data/release")
# Columns of pass rates are called as params say; training reads none of them.
TABLES = {
    table.name: table
    for table in (AM_1_4M, am_40m(()), AM_MULTI_TEACHER, am_difficulty_rl(()), AM_RL, AM_PREFERENCE, AM_ANSWERS)
}
# Names of R5's categories in am_40m, where ours differ (curation/layouts/am_40m.py).
_CATEGORY = """
CASE category WHEN 'instruction follow' THEN 'instruction' WHEN 'multi turn' THEN 'multi_turn' WHEN 'other' THEN 'chat'
ELSE category END
"""
_TURNS = "list_transform({turns}, lambda turn: {{'role': turn.role, 'content': turn.content}})"
_ONE_TURN = "[{'role': 'user', 'content': question}]"
_HEARD = """
list_transform(conversations[:-2], lambda turn: {
    'role': CASE turn."from" WHEN 'human' THEN 'user' ELSE turn."from" END, 'content': turn.value
})
"""
# Layout: prompt's turns, full response.
_SAMPLES = {
    "am_1_4m": (_TURNS.format(turns="messages[:-2]"), "messages[-1].content", "category"),
    "am_40m": (_ONE_TURN, "answer", _CATEGORY),
    "am_multi_teacher": (_HEARD, "conversations[-1].value", "category"),
    "am_answers": (_TURNS.format(turns="messages[:-2]"), "messages[-1].content", "category"),
}
_AM_RL_TURNS = "list_filter(prompt, lambda turn: turn.role <> 'system')"
# Layout: prompt's turns, category, reference, tests, constraints.
_PROMPTS = {
    "am_1_4m": (
        _TURNS.format(turns="messages[:-2]"),
        "category",
        "messages[-2].info.reference_answer",
        "messages[-2].info.test_case.test_code",
        "NULL",
    ),
    "am_40m": (_ONE_TURN, _CATEGORY, "ground_truth", "test_case", "instruction_constrain"),
    "am_multi_teacher": (
        _HEARD,
        "category",
        "conversations[-2].info.ground_truth",
        "conversations[-2].info.test_case",
        "conversations[-2].info.instruction_constrain",
    ),
    "am_rl": (
        _TURNS.format(turns=_AM_RL_TURNS),
        "ability",
        "CASE WHEN ability <> 'code' THEN reward_model.ground_truth END",
        "CASE WHEN ability = 'code' THEN reward_model.ground_truth END",
        "NULL",
    ),
    "am_difficulty_rl": (_ONE_TURN, "category", "ground_truth", "test_case", "NULL"),
}


@dataclass(frozen=True)
class Opened:
    """A config of a release whose schema is the one of this package."""

    dataset: str
    config: str
    folder: Path
    manifest: dict[str, Any]
    layout: str

    @property
    def release_id(self) -> str:
        """What identifies data, schema and params."""
        return str(self.manifest["release_id"])


def open_release(dataset: str, config: str = "default", *, root: Path = RELEASES) -> Opened:
    """Open a release by the name of its folder.

    Raises:
        DataError: It is missing, holds no readable manifest, has no such config, or its rows have other columns than
            this version's layout.
    """
    folder = root / dataset
    manifest = _manifest(folder, dataset)
    layout = str(manifest["layout"])
    if layout not in TABLES:
        raise DataError(f"release {folder}: its layout is {layout!r}; {nearest(layout, list(TABLES))}.")
    configs = sorted({file["config"] for file in manifest["files"]} - {"drops"})
    if config not in configs:
        raise DataError(f"release {folder}: no config {config!r}; {nearest(config, configs)}.")
    opened = Opened(dataset, config, folder, manifest, layout)
    _check_schema(opened)
    return opened


def samples(opened: Opened, split: str, con: duckdb.DuckDBPyConnection) -> Relation:
    """Prompts with their responses.

    Returns:
        One row per sample: sample_id, prompt_id, category, messages (turns of the prompt), response (full text), by
        sample_id.

    Raises:
        DataError: The layout has no responses, or the split no rows.
    """
    turns, response, category = _columns(opened, _SAMPLES, "samples")
    return _rows(opened, split, con).query(
        "rows",
        f"""
        SELECT sample_id, prompt_id, {category} AS category, {turns} AS messages, {response} AS response
        FROM rows ORDER BY sample_id
        """,
    )


def prompts(opened: Opened, split: str, con: duckdb.DuckDBPyConnection) -> Relation:
    """Prompts with what verifies an answer.

    Returns:
        One row per prompt_id: prompt_id, category, messages, reference, tests (JSON), constraints (JSON), by prompt_id.

    Raises:
        DataError: The layout carries no references, or the split has no rows.
    """
    turns, category, reference, tests, constraints = _columns(opened, _PROMPTS, "prompts with references")
    return _rows(opened, split, con).query(
        "rows",
        f"""
        SELECT prompt_id, any_value({category}) AS category, any_value({turns}) AS messages,
            any_value({reference})::VARCHAR AS reference, any_value({tests})::VARCHAR AS tests,
            any_value({constraints})::VARCHAR AS constraints
        FROM rows GROUP BY prompt_id ORDER BY prompt_id
        """,
    )


def pairs(opened: Opened, split: str, con: duckdb.DuckDBPyConnection) -> Relation:
    """Prompts with a better and a worse response (R6 7.3).

    Returns:
        One row per prompt: prompt_id, category, messages, chosen, rejected (full texts), by prompt_id.

    Raises:
        DataError: The layout has no pairs, or the split no rows.
    """
    if opened.layout != "am_preference":
        raise DataError(_other_layout(opened, "pairs", ["am_preference"]))
    return _rows(opened, split, con).query(
        "rows",
        f"""
        SELECT prompt_id, category, {_TURNS.format(turns="prompt")} AS messages, chosen[1].content AS chosen,
            rejected[1].content AS rejected
        FROM rows ORDER BY prompt_id
        """,
    )


def _manifest(folder: Path, dataset: str) -> dict[str, Any]:
    path = folder / "manifest.json"
    if not path.exists():
        found = sorted(other.parent.name for other in folder.parent.glob("*/manifest.json"))
        raise DataError(
            f"release {folder} is missing ({nearest(dataset, found) if found else 'there is none yet'}). Write it: "
            f"dvc repro release@{dataset}"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        wanted = {"release_id", "layout", "schema", "files"} - set(manifest)
    except (ValueError, TypeError) as error:
        raise DataError(f"release {folder}: manifest.json cannot be read ({error}).") from error
    if wanted:
        raise DataError(f"release {folder}: manifest.json lacks {min(wanted)!r}.")
    return dict(manifest)


def _check_schema(opened: Opened) -> None:
    """The columns that training reads, as this version writes them."""
    found = {column["name"]: column["type"] for column in opened.manifest["schema"]}
    for column in TABLES[opened.layout].columns:
        if found.get(column.name) != str(column.type):
            came = f"as {found[column.name]}" if column.name in found else "not at all"
            raise DataError(
                f"release {opened.folder}: its schema is of another version: it has {column.name!r} {came}, wanted "
                f"{column.type}. Write it again with this version: dvc repro release@{opened.dataset}"
            )


def _columns(opened: Opened, of_layouts: Mapping[str, tuple[str, ...]], what: str) -> tuple[str, ...]:
    if opened.layout not in of_layouts:
        raise DataError(_other_layout(opened, what, list(of_layouts)))
    return of_layouts[opened.layout]


def _other_layout(opened: Opened, what: str, layouts: list[str]) -> str:
    return f"release {opened.folder}: its layout {opened.layout} has no {what}; these have: {', '.join(layouts)}."


def _rows(opened: Opened, split: str, con: duckdb.DuckDBPyConnection) -> Relation:
    """The released rows of one split."""
    files = [file for file in opened.manifest["files"] if file["config"] == opened.config]
    shards = [str(opened.folder / file["path"]) for file in files if file["split"] == split]
    where = f"release {opened.folder}, config {opened.config}"
    if not shards:
        splits = sorted({file["split"] for file in files})
        raise DataError(f"{where}: no split {split!r}; {nearest(split, splits)}.")
    missing = [shard for shard in shards if not Path(shard).exists()]
    if missing:
        raise DataError(f"{where}: {missing[0]} is missing. Write it again: dvc repro -f release@{opened.dataset}")
    rows = con.sql(f"FROM read_parquet([{', '.join(map(quote, shards))}])")
    if count(rows) == 0:
        raise DataError(f"{where}: the split {split!r} is empty; give it a share in datasets.{opened.dataset}.splits.")
    return rows

"""Versions of a release of full chat rows, 1.9 KB of text each, written as the stage release writes them.

A version is that of a first one with some of its rows changed, scattered by a hash of their number: `append` adds 1 % of the
rows, `rescore` gives every row another score, `edits` changes the text of 1 %, `leave` takes 1 % out, and `mixed` changes 1 %
in all: 0.3 % of the texts, 0.5 % of the scores, 0.1 % taken out, 0.1 % added.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from curation import sidecar, tables
from curation.base import write_on_base
from curation.params import Release
from schemas.table import Column, Table

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
CHATS = Table(
    "chats",
    "one row per response",
    ("sample_id",),
    (
        Column("messages", MESSAGES, "Turns."),
        Column("sample_id", pa.string(), "Sample."),
        Column("prompt_id", pa.string(), "Prompt."),
        Column("category", pa.string(), "Category."),
        Column("label", pa.string(), "Label."),
        Column("difficulty", pa.string(), "Difficulty."),
        Column("verify_score", pa.float64(), "Score."),
        Column("num_turns", pa.int32(), "Turns."),
        Column("prompt_words", pa.int32(), "Words of the prompt."),
        Column("answer_tokens", pa.int32(), "Tokens of the answer."),
        Column("reasoning_tokens", pa.int32(), "Tokens of the reasoning."),
    ),
)
CHANGES = ("append", "rescore", "edits", "leave", "mixed")
# In thousandths of the rows: new texts, new scores, rows that leave, rows that come.
_SHARES = {"append": (0, 0, 0, 10), "rescore": (0, 1000, 0, 0), "edits": (10, 0, 0, 0), "leave": (0, 0, 10, 0)}
_SHARES |= {"mixed": (3, 5, 1, 1), "": (0, 0, 0, 0)}


def write_version(
    folder: Path, num_rows: int, change: str = "", *, base: Sequence[Path] = (), memory_gb: float = 4
) -> None:
    """Write a version with its sidecar and as much of a manifest as `curate diff` reads.

    Args:
        folder: Where it goes.
        num_rows: Rows of the first version.
        change: One of `CHANGES`; else it is the first version itself.
        base: Shards of an older version whose layout is kept.
        memory_gb: What DuckDB may take.
    """
    release = Release(
        shard_rows=10_000_000, row_group_rows=10_000, base={}
    )  # one shard; groups as in profiles/am-1-4m.yaml
    with tables.connect(memory_gb=memory_gb) as con:
        con.execute(f"SET temp_directory = '{folder}.spill'")
        con.execute(_WORDS)
        rows = con.sql(_rows_sql(num_rows, *_SHARES[change]))
        if base:
            write_on_base(rows, base, folder / "data", CHATS, release=release, con=con)
        else:
            sizes = {"shard_rows": release.shard_rows, "row_group_rows": release.row_group_rows}
            tables.write(rows, folder / "data", CHATS, prefix="train-", published=True, **sizes)
        shards = sorted((folder / "data").glob("*.parquet"))
        written = con.sql(f"FROM {sidecar.read_sql(shards)}")
        sidecar.write(written, folder / "sidecar/default", split="train", key=CHATS.key)
    entry = {"config": "default", "split": "train"}
    manifest = {
        "files": [{**entry, "path": f"data/{shard.name}"} for shard in shards],
        "sidecars": [{**entry, "path": "sidecar/default/train-00000.parquet"}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


_WORDS = "CREATE TABLE words AS SELECT list(md5(i::VARCHAR)[:(hash(i) % 9)::INT + 2]) AS w FROM range(5000) AS r(i)"


def _rows_sql(num_rows: int, texts: int, scores: int, leaving: int, coming: int) -> str:
    def struck(salt: int, share: int) -> str:
        return f"hash(i, {salt}) % 1000 < {share}"

    return f"""
    SELECT md5(i::VARCHAR) AS sample_id, md5('p' || i) AS prompt_id,
        [
            {{'role': 'user', 'content': {_text("i, 0", 40)}}},
            {{'role': 'assistant', 'content': {_text("i, 1", 230)} || CASE WHEN {struck(7, texts)} THEN ' wait' ELSE '' END}}
        ] AS messages,
        ['math', 'code', 'chat'][i % 3 + 1] AS category, 'Math' AS label, 'easy' AS difficulty,
        (hash(i) % 1000) / 1000.0 + CASE WHEN {struck(8, scores)} THEN 1 ELSE 0 END AS verify_score,
        2 AS num_turns, 40 AS prompt_words, (hash(i, 3) % 400)::INT AS answer_tokens,
        (hash(i, 4) % 2000)::INT AS reasoning_tokens
    FROM range({num_rows + num_rows * coming // 1000}) AS r(i), words
    WHERE NOT {struck(9, leaving)}
    """


def _text(seed: str, num_words: int) -> str:
    return f"array_to_string(list_transform(range({num_words}), lambda k: w[(hash({seed}, k) % 5000)::INT + 1]), ' ')"

"""Vectors of texts by a sentence-transformers model, each reckoned once and kept in the memo `embed`.

A text's vector depends on the text alone, to the bit, whatever stands beside it in a batch: texts
are filled up to a multiple of `LENGTH_STEP` tokens, and batches to a multiple of `ROWS_STEP` rows, so
that a run that was cut off and taken up again has the vectors of one that was not. (Plain
batches change 0.5 % of the vectors in the last bit.) Text beyond the model's longest input does not
count. Kept as float16.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from curation import hashing, places
from curation.engines.installed import library_version, require
from curation.engines.packaged import loading, model_identity, quiet_transformers, resolve_model
from curation.memo import Memo, compute
from curation.progress import say
from curation.tables import Relation, count

PROMPT_TEXT = "array_to_string(list_transform(messages, lambda m: m.content), chr(10))"
"""`curation.text.prompt_text` in SQL."""
VERSION = "embed-1"
"""Raise it when the same text would get another vector."""
LENGTH_STEP = 16
ROWS_STEP = 8
BATCH_ROWS = 64
"""Texts in one forward pass."""
VECTORS = pa.schema([("vector", pa.binary())])
"""float16 values, little endian."""


def embed(texts: Relation, *, model: str, batch_rows: int, con: duckdb.DuckDBPyConnection) -> np.ndarray:
    """Embed texts.

    Args:
        texts: One row per text: `position`, from 0 without gaps, and `text`.
        model: package:NAME, a folder or a Hub id.
        batch_rows: Texts between two writes of the memo.
        con: Connection of `texts`; gets the temporary table `embed_keys`.

    Returns:
        float32, (num_texts, dim), rows of length 1; row k is the text at position k.

    Raises:
        InstallError: sentence-transformers or the model's package is not installed.
    """
    require("sentence_transformers", install="pip install -e '.[local]'", wanted_by=f"embedding by {model}")
    settings = hashing.digest(VERSION, library_version("sentence_transformers"), model_identity(model, None))
    keyed = texts.query("texts", f"SELECT position, length(text) AS size, md5('{settings}' || text) AS key FROM texts")
    con.execute("CREATE OR REPLACE TEMP TABLE embed_keys AS SELECT * FROM keyed")
    work = texts.query(
        "texts",
        """
        SELECT key, text, row_number() OVER (ORDER BY size, key) AS position
        FROM (SELECT min(position) AS position, size, key FROM embed_keys GROUP BY ALL) JOIN texts USING (position)
        """,
    )
    memo = Memo(places.memo() / "embed", VECTORS)
    compute(memo, con, work, _Embedder(model), batch_rows=batch_rows, label="embed")
    stored = memo.rows(con)
    found = stored.query("stored", "SELECT vector FROM embed_keys JOIN stored USING (key) ORDER BY position")
    return _matrix(found, count(con.table("embed_keys")))


def _matrix(found: Relation, num_rows: int) -> np.ndarray:
    """Stream stored vectors into one array, and make their length 1 again."""
    vectors = np.empty((0, 0), dtype=np.float32)
    start = 0
    for batch in found.to_arrow_reader(20_000):
        part = np.stack([np.frombuffer(value, dtype="<f2") for value in batch.column(0).to_pylist()]).astype(np.float32)
        if not start:
            vectors = np.empty((num_rows, part.shape[1]), dtype=np.float32)
        vectors[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
        start += len(part)
    assert start == num_rows, f"embed: {num_rows - start} vectors lost"
    return vectors


@dataclass
class _Embedder:
    """The memo's function; loads the model when it is first called."""

    model: str
    _loaded: Any = None

    def __call__(self, batch: pa.Table) -> pa.Table:
        if self._loaded is None:
            self._loaded = _load(self.model)
        vectors = vectors_of(batch["text"].to_pylist(), self._loaded).astype("<f2")
        return pa.table({"key": batch["key"], "vector": pa.array([row.tobytes() for row in vectors], pa.binary())})


def _load(model: str) -> Any:
    """The model on the GPU if there is one, else on the CPU."""
    import torch
    from sentence_transformers import SentenceTransformer

    quiet_transformers()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    say(f"embed: {model} on {device}")
    with loading(model):
        return SentenceTransformer(str(resolve_model(model)), device=device).eval()


def vectors_of(texts: Sequence[str], encoder: Any) -> np.ndarray:
    """Vectors of length 1, float32, in the order of the texts.

    Args:
        texts: Texts.
        encoder: A SentenceTransformer.
    """
    import torch

    tokens = encoder.tokenizer(list(texts), truncation=True, max_length=encoder.max_seq_length)["input_ids"]
    widths = [-(-len(ids) // LENGTH_STEP) * LENGTH_STEP for ids in tokens]
    vectors_ND = np.empty((len(texts), encoder.get_embedding_dimension()), dtype=np.float32)
    for width, rows in _batches(widths):
        filled = rows + rows[:1] * (-len(rows) % ROWS_STEP)
        features = encoder.tokenizer(
            [texts[row] for row in filled],
            padding="max_length",
            truncation=True,
            max_length=min(width, encoder.max_seq_length),
            return_tensors="pt",
        )
        with torch.inference_mode():
            output = encoder({name: value.to(encoder.device) for name, value in features.items()})["sentence_embedding"]
        vectors_ND[rows] = torch.nn.functional.normalize(output.float(), dim=1).cpu().numpy()[: len(rows)]
    return vectors_ND


def _batches(widths: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Rows of one width, at most BATCH_ROWS at a time."""
    for width in sorted(set(widths)):
        rows = [row for row, own in enumerate(widths) if own == width]
        for start in range(0, len(rows), BATCH_ROWS):
            yield width, rows[start : start + BATCH_ROWS]

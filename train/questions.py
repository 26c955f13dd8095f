"""Benchmarks: questions with what is needed to verify an answer, as evaluate puts them to a model.

In: the test split of a release; a JSONL, JSON, CSV or Parquet file; a file of a Hub dataset. Out: one row per distinct
prompt. A question that a training split holds word for word stops the stage: its score would say what was learnt
by heart. (Decontaminate finds what is similar, before training.)

Example row: {"benchmark": "aime-2024", "position": 0, "question_id": "61", "prompt_id": "9ab2...",
"category": "math", "messages": [{"role": "user", "content": "Find the ..."}], "reference": "204",
"tests": null, "constraints": null}
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from curation import hashing
from curation.adapters.fields import reach, read_fields
from curation.adapters.files import find_files, read_file
from curation.adapters.record import BadRecordError, Record
from curation.engines.installed import require
from curation.errors import DataError, ParamsError
from curation.params import CATEGORIES, Columns, Source
from curation.render import nearest
from curation.tables import Relation, quote
from curation.training_params import Questions
from schemas.prompts import MESSAGES
from train.releases import open_release, prompts

HUB = "hf://datasets/"
COLUMNS = ("id", "prompt", "reference", "tests", "constraints")
"""What a file may hold."""
QUESTIONS = pa.schema(
    [
        ("benchmark", pa.string()),
        ("position", pa.int64()),
        ("question_id", pa.string()),
        ("prompt_id", pa.string()),
        ("category", pa.string()),
        ("messages", MESSAGES),
        ("reference", pa.string()),
        ("tests", pa.string()),
        ("constraints", pa.string()),
    ]
)


@dataclass(frozen=True)
class Opened:
    """The questions of one benchmark, and what became of its rows."""

    questions: pa.Table
    """Columns of `QUESTIONS`, by `prompt_id`."""
    num_rows: int
    """Rows of the file or split."""
    num_repeated: int
    """Rows whose prompt stands in an earlier row."""
    num_beyond: int
    """Prompts beyond `rows_max`."""


def open_benchmark(benchmark: Questions, dataset: str, con: duckdb.DuckDBPyConnection) -> Opened:
    """Read a benchmark's questions: `rows_max` of them by prompt_id, which is a hash and so a draw that stays.

    Args:
        benchmark: An entry of evaluate.benchmarks.
        dataset: evaluate.dataset, of which the test split is taken where the benchmark names no path.
        con: Connection for reading a release.

    Raises:
        ParamsError: A file without a category or a prompt's column, or a column that is not ours.
        DataError: The file or release is missing or corrupt, a column is missing, or there is no question.
    """
    rows = list(_of_release(dataset, con) if benchmark.path is None else _of_file(benchmark))
    if not rows:
        raise DataError(f"{_where(benchmark.name)}: {benchmark.path} holds no question.")
    distinct: dict[str, dict[str, Any]] = {}
    for row in rows:
        distinct.setdefault(row["prompt_id"], row)
    ordered = [distinct[prompt_id] for prompt_id in sorted(distinct)]
    kept = ordered[: benchmark.rows_max]
    values = [{**row, "benchmark": benchmark.name, "position": position} for position, row in enumerate(kept)]
    return Opened(
        pa.Table.from_pylist(values, schema=QUESTIONS),
        num_rows=len(rows),
        num_repeated=len(rows) - len(ordered),
        num_beyond=len(ordered) - len(kept),
    )


def refuse_trained(questions: Relation, taught: Iterable[tuple[str, str]], con: duckdb.DuckDBPyConnection) -> None:
    """Stop where a question is a prompt of a training split.

    Args:
        questions: Reads `benchmark`, `question_id`, `prompt_id`.
        taught: The releases that taught the models, each with a config.
        con: Connection of the questions.

    Raises:
        DataError: It names the benchmark, the release, how many there are and the first.
    """
    for dataset, config in taught:
        release = open_release(dataset, config)
        split = [file for file in release.manifest["files"] if (file["config"], file["split"]) == (config, "train")]
        if not split:
            continue
        shards = ", ".join(quote(str(release.folder / file["path"])) for file in split)
        trained = con.sql(f"SELECT DISTINCT prompt_id FROM read_parquet([{shards}])")
        found = questions.query(
            "questions",
            """
            SELECT benchmark, count(*), arg_min(question_id, prompt_id), min(prompt_id)
            FROM questions SEMI JOIN trained USING (prompt_id) GROUP BY benchmark ORDER BY benchmark
            """,
        ).fetchall()
        for benchmark, number, question_id, prompt_id in found:
            raise DataError(
                f"{_where(benchmark)}: {number:,} of its questions are prompts of the train split of {dataset}, such as "
                f"{question_id} (prompt {prompt_id}); the models have seen them. Add the benchmark to "
                f"decontaminate.benchmarks, or give the datasets that train one split each prompt, and train again."
            )


def _where(name: str) -> str:
    return f"evaluate: benchmark {name}"


def _of_release(dataset: str, con: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    """The prompts of a release's test split; a question's id is its prompt's."""
    for row in prompts(open_release(dataset), "test", con).to_arrow_table().to_pylist():
        yield {**row, "question_id": row["prompt_id"]}


def _of_file(benchmark: Questions) -> Iterator[dict[str, Any]]:
    """The questions of a file; without a column for it, a question's id is its number."""
    assert benchmark.path is not None
    where, source = _where(benchmark.name), _source(benchmark)
    path = _download(benchmark.path, where) if benchmark.path.startswith(HUB) else benchmark.path
    roots = sorted({column.split(".")[0] for column in benchmark.columns.values()})
    number = 0
    for file in find_files(str(path), where):
        for record in read_file(file, where, columns=roots):
            number += 1
            fields = _fields(record, source, benchmark.columns, where)
            yield {
                "question_id": fields.own_id or str(number),
                "prompt_id": hashing.prompt_id(fields.messages),
                "category": fields.category,
                "messages": fields.messages,
                "reference": fields.reference,
                "tests": fields.tests,
                "constraints": fields.constraints,
            }


def _source(benchmark: Questions) -> Source:
    """The benchmark as a source of records, so that both read columns alike."""
    where = f"params: evaluate.benchmarks.{benchmark.name}"
    unknown = sorted(set(benchmark.columns) - set(COLUMNS))
    if unknown:
        raise ParamsError(f"{where}: columns names {unknown[0]!r}; {nearest(unknown[0], COLUMNS)}.")
    if "prompt" not in benchmark.columns:
        raise ParamsError(f"{where}: columns says nothing of prompt; name the file's column with the question.")
    category = next((known for known in CATEGORIES if known == benchmark.category), None)
    if category is None:
        raise ParamsError(
            f"{where}: category is {benchmark.category!r}; a file needs one of {', '.join(CATEGORIES)}, which picks "
            f"the verifier."
        )
    return Source(
        name=benchmark.name,
        kind="file",
        licence="",
        priority=0,
        category=category,
        columns=Columns(**benchmark.columns),
    )


def _fields(record: Record, source: Source, columns: Mapping[str, str], where: str) -> Any:
    """A record in our words; unlike a source's, a question that cannot be read stops the stage."""
    if record.value is None:
        raise DataError(f"{where}: {record.place}: {record.problem}. Mend that line.")
    missing = [column for column in columns.values() if not reach(record.value, column)[0]]
    if missing:
        raise DataError(f"{where}: {record.place} has no column {missing[0]!r} (has: {', '.join(record.value)}).")
    try:
        fields = read_fields(record.value, source)
    except BadRecordError as error:
        raise DataError(f"{where}: {record.place}: {error.detail}. Mend that row.") from error
    if not fields.messages[-1]["content"].strip():
        raise DataError(f"{where}: {record.place} has an empty {columns['prompt']!r}. Mend or delete that row.")
    return fields


def _download(address: str, where: str) -> Path:
    """A file of a Hub dataset, from the cache where it is there."""
    repo, revision, name = _address(address, where)
    require("huggingface_hub", install="pip install huggingface_hub", wanted_by=where)
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repo, name, revision=revision, repo_type="dataset"))
    except (OSError, ValueError) as error:
        told = " ".join(str(error).split())[:200]
        raise DataError(
            f"{where}: {address} cannot be read: {told}. Check its name, the network and your login."
        ) from error


def _address(address: str, where: str) -> tuple[str, str | None, str]:
    """Repository, revision and file of hf://datasets/NAME@REVISION/FILE."""
    parts: Sequence[str] = address.removeprefix(HUB).split("/", 2)
    if len(parts) < 3 or not all(parts):
        raise ParamsError(f"{where}: path is {address}; wanted {HUB}OWNER/NAME@REVISION/FILE.")
    name, _, revision = parts[1].partition("@")
    return f"{parts[0]}/{name}", revision or None, parts[2]

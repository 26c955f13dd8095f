"""Which requests distill makes: the union of what the datasets ask, within the budget.

A request is a prompt, a teacher and a sample index, and becomes one sample. It is planned
from ids alone; the text is rendered when it is asked. `curate plan` counts the same
requests without asking any.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from curation import hashing, tables
from curation.engines.protocol import Sampling
from curation.errors import ParamsError
from curation.params import Category, Params, Teacher
from curation.tables import Relation

REQUESTS = pa.schema(
    [
        ("sample_id", pa.string()),
        ("prompt_id", pa.string()),
        ("teacher", pa.string()),
        ("category", pa.string()),
        ("sample_index", pa.int32()),
        ("seed", pa.int64()),
        ("key", pa.string()),
        ("rank", pa.int64()),
        ("over_budget", pa.bool_()),
        ("position", pa.int64()),
    ]
)
READ_ROWS = 10_000


@dataclass(frozen=True)
class Asked:
    """What one dataset asks of one teacher, per prompt of one category."""

    teacher: str
    category: str
    num_samples: int
    keep_existing: bool


def asked(params: Params) -> list[Asked]:
    """What all datasets ask, one row per dataset, teacher and category.

    Raises:
        ParamsError: A role names neither a teacher nor a source's response tag; two teachers are the same.
    """
    teachers = {teacher.name for teacher in params.teachers}
    _check_roles(params, teachers)
    _check_digests(params)
    return [
        Asked(name, category, ask.samples or samples, ask.keep_existing)
        for ask in (dataset.ask for dataset in params.datasets.values())
        if ask is not None
        for role in ask.roles
        for name in params.roles[role]
        if name in teachers
        for category, samples in params.distill.samples.items()
    ]


def plan_prompts(prompts: Relation, satisfied: Relation, con: duckdb.DuckDBPyConnection, params: Params) -> Relation:
    """How many samples each teacher owes each prompt, and whether the prompt is over the budget.

    The budget of a category goes round its sources, in the order of their priority, a prompt each;
    a source's prompts come in the order of `prompt_id`, which is a hash and so a draw. A larger
    budget adds prompts and takes none away.

    Args:
        prompts: One row per prompt. Reads `prompt_id`, `category`, `source`, `priority`.
        satisfied: `prompt_id` of the prompts with a ready response that passes.
        con: Connection of the relations.
        params: Reads datasets, roles, teachers and distill.

    Returns:
        One row per prompt and teacher: `prompt_id`, `teacher`, `category`, `num_samples`,
        `rank` of the prompt in its category from 1, `over_budget`.
    """
    asks = con.from_arrow(_asks_table(asked(params)))
    budgets = con.from_arrow(_budget_table(params))
    return prompts.query(
        "prompts",
        """
        WITH owed AS (
            SELECT prompts.prompt_id, any_value(prompts.category) AS category, asks.teacher,
                any_value(prompts.source) AS source, any_value(prompts.priority) AS priority,
                max(asks.num_samples) AS num_samples
            FROM prompts
            JOIN asks USING (category)
            LEFT JOIN satisfied USING (prompt_id)
            WHERE NOT (asks.keep_existing AND satisfied.prompt_id IS NOT NULL)
            GROUP BY prompts.prompt_id, asks.teacher
        ),
        placed AS (
            SELECT *, dense_rank() OVER (PARTITION BY category, source ORDER BY prompt_id) AS round FROM owed
        )
        SELECT placed.prompt_id, placed.teacher, placed.category, placed.num_samples,
            dense_rank() OVER (PARTITION BY category ORDER BY round, priority, prompt_id) AS rank,
            coalesce(rank > budgets.num_prompts, false) AS over_budget
        FROM placed
        LEFT JOIN budgets USING (category)
        """,
    )


def write_requests(
    planned: Relation, prompts: Relation, params: Params, versions: Mapping[str, str], folder: Path
) -> Relation:
    """Expand planned prompts into requests with their ids and memo keys; texts stream through.

    Args:
        planned: What `plan_prompts` returns.
        prompts: Reads `prompt_id` and `messages`.
        params: Reads teachers.
        versions: Engine version by teacher; part of the memo's key.
        folder: Scratch folder for the requests.

    Returns:
        One row per request, with the columns of `REQUESTS`. Requests of one teacher stand
        together, those of one category within them, in the order of the budget.
    """
    teachers = {teacher.name: teacher for teacher in params.teachers}
    joined = planned.query(
        "planned",
        "SELECT planned.*, prompts.messages FROM planned JOIN prompts USING (prompt_id) ORDER BY teacher, category, rank",
    )
    position = 0

    def batches() -> Iterator[pa.Table]:
        nonlocal position
        for batch in joined.to_arrow_reader(READ_ROWS):
            rows = []
            for row in batch.to_pylist():
                rows += _expand(row, teachers[row["teacher"]], versions[row["teacher"]])
            for row in rows:
                row["position"], position = position, position + 1
            yield pa.Table.from_pylist(rows, schema=REQUESTS)

    folder.mkdir(parents=True, exist_ok=True)
    connection_rows = tables.write_batches(batches(), folder, REQUESTS, shard_rows=tables.SHARD_ROWS)
    assert connection_rows == position
    return joined.query("joined", f"FROM read_parquet('{folder}/*.parquet')")


def render(messages: Sequence[Mapping[str, str]], teacher: Teacher, category: Category) -> tuple[tuple[str, str], ...]:
    """The conversation as a teacher sees it: its system prompt first, its suffix on the last user turn.

    A system turn of the prompt's own follows the teacher's in the same turn.

    Reference:
        System prompt and suffixes: R4 (arXiv 2504.09639), Fig. 3.
    """
    turns = [(message["role"], message["content"]) for message in messages]
    own = [content for role, content in turns if role == "system"]
    # An empty system prompt is one: it keeps a chat template from putting its own.
    systems = ([] if teacher.system is None else [teacher.system]) + own
    rest = [turn for turn in turns if turn[0] != "system"]
    suffix = teacher.suffix.get(category)
    if suffix:
        rest[-1] = (rest[-1][0], f"{rest[-1][1]}\n{suffix}")
    return (*((("system", "\n\n".join(systems)),) if systems else ()), *rest)


def teacher_digest(teacher: Teacher, category: Category) -> str:
    """Digest of all that makes a teacher's samples what they are, for prompts of one category."""
    return hashing.digest_json(
        {
            "model": teacher.model,
            "revision": teacher.revision,
            "system": teacher.system,
            "suffix": teacher.suffix.get(category),
            "temperature": teacher.temperature,
            "top_p": teacher.top_p,
            "max_tokens": teacher.max_tokens[category],
            "template_arguments": teacher.engine_options.get("template_arguments"),
        }
    )


def sampling(teacher: Teacher) -> Sampling:
    """A teacher's sampling as the engines take it."""
    return Sampling(temperature=teacher.temperature, top_p=teacher.top_p)


def _expand(row: Mapping[str, Any], teacher: Teacher, version: str) -> list[dict[str, Any]]:
    """The requests of one prompt to one teacher."""
    own = teacher_digest(teacher, row["category"])
    rendered = render(row["messages"], teacher, row["category"])
    exact = hashing.digest_json([version, rendered, own])
    requests = []
    for index in range(row["num_samples"]):
        sample_id = hashing.sample_id(row["prompt_id"], own, index)
        seed = int(sample_id[:15], 16)
        requests.append(
            {
                "sample_id": sample_id,
                "prompt_id": row["prompt_id"],
                "teacher": row["teacher"],
                "category": row["category"],
                "sample_index": index,
                "seed": seed,
                "key": hashing.digest(exact, str(seed)),
                "rank": row["rank"],
                "over_budget": row["over_budget"],
            }
        )
    return requests


def _check_digests(params: Params) -> None:
    """No two teachers give the same samples: their ids would be the same, too."""
    for category in params.distill.samples:
        seen: dict[str, str] = {}
        for teacher in params.teachers:
            other = seen.setdefault(teacher_digest(teacher, category), teacher.name)
            if other != teacher.name:
                raise ParamsError(
                    f"params: the teachers {other} and {teacher.name} have the same model, revision, prompt and sampling "
                    f"for {category}, so that their samples would have the same ids. Give one another revision."
                )


def _check_roles(params: Params, teachers: set[str]) -> None:
    """Every name in a role is a teacher or a response tag of a source."""
    tags = {source.response_tag for source in params.ingest.sources if source.response_tag}
    open_tags = any(source.columns.responses or source.kind == "generator" for source in params.ingest.sources)
    for role, names in params.roles.items():
        unknown = [name for name in names if name not in teachers | tags]
        if unknown and not open_tags:
            raise ParamsError(
                f"params: roles.{role} names {unknown[0]!r}, which is no teacher ({', '.join(sorted(teachers))}) "
                f"and no response_tag of a source."
            )


def _asks_table(rows: list[Asked]) -> pa.Table:
    schema = pa.schema(
        [
            ("teacher", pa.string()),
            ("category", pa.string()),
            ("num_samples", pa.int32()),
            ("keep_existing", pa.bool_()),
        ]
    )
    return pa.Table.from_pylist([vars(row) for row in rows], schema=schema)


def _budget_table(params: Params) -> pa.Table:
    budget = params.distill.prompt_budget or {}
    schema = pa.schema([("category", pa.string()), ("num_prompts", pa.int64())])
    return pa.Table.from_pylist(
        [{"category": name, "num_prompts": most} for name, most in budget.items()], schema=schema
    )

"""The whole life of one record, prompt or sample, looked up in the catalog.

Every sentence is a row of some table: nothing is reckoned again. A drop is told with its
reason, its figure and its evidence: the text that won, the benchmark's question, the test
that failed.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from curation import catalog, phrases, render
from curation.adapters.fields import reach
from curation.adapters.files import read_file
from curation.errors import DataError
from curation.params import load
from curation.phrases import Row
from curation.places import DATA
from curation.text import join_response, prompt_text

STAGES = ("ingest", "clean", "deduplicate", "decontaminate", "annotate")
ID_MIN = 6
TEXT_CHARS = 400
_ID = re.compile(r"[0-9a-f]{6,32}")
# Where ids of each kind stand, dropped rows included.
_PLACES = (
    ("record", "record_id", ("records", "drops")),
    ("prompt", "prompt_id", ("records", "drops")),
    ("sample", "sample_id", ("responses", "ready_responses", "drops")),
)


@dataclass(frozen=True)
class _Tables:
    """The views that are there; a stage that has not run has no rows."""

    con: duckdb.DuckDBPyConnection
    views: frozenset[str]
    text_chars: int

    def rows(self, view: str, where: str, *values: str, columns: str = "*") -> list[Row]:
        if view not in self.views:
            return []
        cursor = self.con.execute(f"SELECT {columns} FROM {view} WHERE {where} ORDER BY ALL", list(values))
        names = [one[0] for one in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def text(self, text: str) -> str:
        """A text, shortened where it is long."""
        return text if len(text) <= self.text_chars else f"{text[: self.text_chars]}… ({len(text):,} characters)"


def explain(wanted: str, *, full: bool = False) -> str:
    """Tell the life of a record, a prompt, a sample, or of what a benchmark question dropped.

    Args:
        wanted: An id or the first 6 characters or more of one; a benchmark question as NAME/ID;
            a record by its place in the source, as in FILE:LINE.
        full: Whether long texts are shown whole.

    Raises:
        DataError: Nothing or more than one thing has the id.
    """
    con = catalog.connect()
    try:
        names = con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        tables = _Tables(con, frozenset(name for (name,) in names), 10**12 if full else TEXT_CHARS)
        kind, found = _resolve(tables, wanted.strip().rstrip("…"))
        lines = {"record": _record, "prompt": _prompt, "sample": _sample, "evidence": _evidence}[kind](tables, found)
        return "\n".join(lines)
    finally:
        con.close()


def _resolve(tables: _Tables, wanted: str) -> tuple[str, str]:
    """The kind and the whole id of what is wanted."""
    found = _by_prefix(tables, wanted.lower()) if _ID.fullmatch(wanted.lower()) else _by_place(tables, wanted)
    if len(found) > 1:
        told = ", ".join(f"{kind} {one}" for kind, one in found[:5])
        raise DataError(f"explain: {wanted!r} stands for {len(found)} ids ({told}); give more characters.")
    if not found:
        hint = "" if len(wanted) >= ID_MIN else f" At least {ID_MIN} characters of an id are needed."
        raise DataError(
            f"explain: no record, prompt, sample or benchmark question {wanted!r}.{hint} "
            f'Ids stand in every table: curate query "SELECT prompt_id, source FROM prompts"'
        )
    return found[0]


def _by_prefix(tables: _Tables, prefix: str) -> list[tuple[str, str]]:
    """All ids that begin so; a range, as g comes after f, lets DuckDB skip row groups."""
    found = {
        (kind, row[column])
        for kind, column, views in _PLACES
        for view in views
        for row in tables.rows(
            view, f"{column} >= ? AND {column} < ?", prefix, f"{prefix}g", columns=f"DISTINCT {column}"
        )
    }
    return sorted(found)


def _by_place(tables: _Tables, wanted: str) -> list[tuple[str, str]]:
    """What a benchmark question or a line of a file names."""
    if tables.rows("drops", "evidence_id = ?", wanted, columns="DISTINCT evidence_id"):
        return [("evidence", wanted)]
    return [
        ("record", row["record_id"]) for row in tables.rows("records", "source_row = ?", wanted, columns="record_id")
    ]


def _prompt(tables: _Tables, prompt_id: str) -> list[str]:
    """A prompt: the life of the record that carries it, then the records that are its copies."""
    records = tables.rows("records", "prompt_id = ?", prompt_id, columns="record_id")
    carriers = tables.rows("prompts", "prompt_id = ?", prompt_id, columns="record_id") or records
    if not carriers:
        return [f"prompt {prompt_id}", *_only_dropped(tables, "prompt_id = ?", prompt_id)]
    own = carriers[0]["record_id"]
    copies = [row for row in records if row["record_id"] != own]
    lines = phrases.listed(copies, lambda row: _record_line(tables, row["record_id"]))
    return [f"prompt {prompt_id}", *_record(tables, own), *phrases.section("other records of the same prompt", lines)]


def _record(tables: _Tables, record_id: str) -> list[str]:
    """A record: its text, what became of it at each stage, and the responses and datasets if it went on."""
    rows = tables.rows("records", "record_id = ?", record_id)
    if not rows:
        return [f"record {record_id}", *_only_dropped(tables, "record_id = ?", record_id)]
    row = rows[0]
    drops = _drops_of_record(tables, row)
    lines = [f"record {record_id}", *_prompt_lines(tables, row)]
    lines += phrases.section("stages", _stage_lines(tables, row, drops))
    for drop in drops:
        lines += _drop_evidence(tables, row, drop)
    won = tables.rows("drops", "evidence_id = ? AND sample_id IS NULL", record_id)
    told = phrases.listed(won, lambda drop: f"{_record_line(tables, drop['record_id'])}: {phrases.drop(drop)}")
    lines += phrases.section("won over", told)
    return lines if drops else lines + _answers(tables, row["prompt_id"])


def _sample(tables: _Tables, sample_id: str) -> list[str]:
    """A sample: its prompt, its text, verdict, scores, grade, and each dataset's decision."""
    responses = tables.rows("responses", "sample_id = ?", sample_id)
    drops = tables.rows("drops", "sample_id = ?", sample_id)
    found = responses or tables.rows("ready_responses", "sample_id = ?", sample_id)
    if found and not responses and not drops:
        moved = _moved_to(tables, found[0])
        return [f"sample {sample_id} moved with its record to the prompt that won:", "", *_sample(tables, moved)]
    prompt_id = (found or drops)[0]["prompt_id"]
    prompts = tables.rows("prompts", "prompt_id = ?", prompt_id) or tables.rows("records", "prompt_id = ?", prompt_id)
    lines = [f"sample {sample_id}", f"prompt {prompt_id}"]
    lines += _prompt_lines(tables, prompts[0]) if prompts else []
    for response in found:
        text = join_response(response["reasoning"], response["answer"])
        lines += phrases.section(phrases.response(response), tables.text(text).splitlines())
    own = [drop for drop in drops if drop["dataset"] is None]
    lines += phrases.section("dropped", [f"{drop['stage']}: {phrases.drop(drop)}" for drop in own])
    return lines + _judgements(tables, sample_id, prompt_id, found)


def _judgements(tables: _Tables, sample_id: str, prompt_id: str, found: Sequence[Row]) -> list[str]:
    """What verify, score, grade and select said of a sample."""
    lines = []
    for verdict in tables.rows("verdicts", "sample_id = ?", sample_id):
        lines += phrases.section(f"verdict: {phrases.verdict(verdict)}", phrases.verdict_evidence(verdict))
    scores = tables.rows("scores", "sample_id = ?", sample_id)
    lines += phrases.section("scores", map(phrases.figures, scores))
    where = "prompt_id = ? AND teacher = ?"
    grades = [grade for one in found for grade in tables.rows("grades", where, prompt_id, one["teacher"])]
    lines += phrases.section("grade of its teacher on this prompt", map(phrases.figures, grades))
    of_sample = "(sample_id = ? OR sample_id IS NULL AND prompt_id = ?)"
    teachers = {one["teacher"] for one in found}
    return lines + phrases.section("datasets", _dataset_lines(tables, of_sample, sample_id, prompt_id, only=teachers))


def _moved_to(tables: _Tables, ready: Row) -> str:
    """The sample that a ready response became when its record lost to another."""
    where = "record_id = ? AND teacher = ? AND answer = ?"
    moved = tables.rows("responses", where, ready["record_id"], ready["teacher"], ready["answer"])
    if not moved:
        raise DataError(f"explain: distill has not seen sample {ready['sample_id']} yet. Run: dvc repro distill")
    return str(moved[0]["sample_id"])


def _evidence(tables: _Tables, evidence_id: str) -> list[str]:
    """What was dropped for one benchmark question, or at one line of a file."""
    question = _question(evidence_id)
    lines = [evidence_id, *([f"  {tables.text(question)}"] if question else [])]

    def line(drop: Row) -> str:
        record = f": {_record_line(tables, drop['record_id'])}" if drop["record_id"] else ""
        return f"{drop['stage']}: {phrases.drop(drop)}{record}"

    drops = tables.rows("drops", "evidence_id = ?", evidence_id)
    return lines + phrases.section("dropped for it", phrases.listed(drops, line))


def _only_dropped(tables: _Tables, where: str, wanted: str) -> list[str]:
    """The drops of something that never became a row of prompts."""

    def line(drop: Row) -> str:
        place = f", {drop['evidence_id']}" if drop["evidence_id"] else ""
        return f"{drop['stage']}: {phrases.drop(drop)}{place}"

    return phrases.section("dropped", phrases.listed(tables.rows("drops", where, wanted), line))


def _prompt_lines(tables: _Tables, row: Row) -> list[str]:
    """Where a prompt came from, its conversation, and what an answer is held against."""
    several = len(row["messages"]) > 1
    turns = [f"{turn['role']}: {turn['content']}" if several else turn["content"] for turn in row["messages"]]
    against = [f"{name}: {row[name]}" for name in ("reference", "tests", "constraints") if row[name] is not None]
    text = [f"  {line}" for text in (*turns, *against) for line in tables.text(text).splitlines()]
    return [f"{row['category']}, from {row['source']} ({row['licence']}) at {row['source_row']}", "", *text]


def _drops_of_record(tables: _Tables, row: Row) -> list[Row]:
    """Drops of the record itself, not of its responses; a copy with the same prompt has its own record_id."""
    where = "sample_id IS NULL AND dataset IS NULL AND (record_id = ? OR (record_id IS NULL AND prompt_id = ?))"
    return tables.rows("drops", where, row["record_id"], row["prompt_id"])


def _stage_lines(tables: _Tables, row: Row, drops: Sequence[Row]) -> list[str]:
    """A line per stage, up to the one that dropped the record."""
    lines: list[str] = []
    for stage in STAGES:
        drop = next((one for one in drops if one["stage"] == stage), None)
        if drop is not None:
            return [*lines, f"{stage:<14} dropped: {phrases.drop(drop)}"]
        lines.append(f"{stage:<14} {'kept' if (DATA / stage).is_dir() else 'has not run'}")
    for label in tables.rows("annotations", "prompt_id = ?", row["prompt_id"]):
        lines[-1] += f": {label['label']}, {label['difficulty']}"
    return lines


def _drop_evidence(tables: _Tables, row: Row, drop: Row) -> list[str]:
    """The two texts of a drop that another text decided, differing words in square brackets."""
    if drop["evidence_id"] is None:
        return []
    winners = tables.rows("records", "record_id = ?", drop["evidence_id"])
    other = prompt_text(winners[0]["messages"]) if winners else _question(drop["evidence_id"])
    if other is None:
        return phrases.section("evidence", [drop["evidence_id"]])
    own = prompt_text(row["messages"])
    lines = [f"this: {tables.text(render.marked(own, other))}", f"that: {tables.text(render.marked(other, own))}"]
    if winners and winners[0]["reference"] != row["reference"]:
        lines.append(f"their references: {row['reference']!r} and {winners[0]['reference']!r}")
    title = _record_line(tables, drop["evidence_id"]) if winners else drop["evidence_id"]
    return phrases.section(f"lost to {title}", lines)


def _answers(tables: _Tables, prompt_id: str) -> list[str]:
    """Responses to a prompt with their verdicts, the grades of their teachers, the datasets' decisions."""
    verdicts = {one["sample_id"]: one for one in tables.rows("verdicts", "prompt_id = ?", prompt_id)}
    drops = tables.rows("drops", "prompt_id = ? AND sample_id IS NOT NULL AND dataset IS NULL", prompt_id)
    dropped = {one["sample_id"]: one for one in drops}

    def line(one: Row) -> str:
        verdict, drop = verdicts.get(one["sample_id"]), dropped.get(one["sample_id"])
        told = [phrases.verdict(verdict)] if verdict else []
        told += [f"dropped by {drop['stage']}: {phrases.drop(drop)}"] if drop else []
        return f"{one['sample_id']}  {one['teacher']} {one['sample_index']}  {'; '.join(told)}".rstrip()

    responses = tables.rows("responses", "prompt_id = ?", prompt_id, columns="teacher, sample_index, sample_id")
    made = {one["sample_id"] for one in responses}
    others = [one for one in drops if one["sample_id"] not in made]
    lines = phrases.listed(responses, line)
    lines += phrases.listed(others, lambda one: f"{one['sample_id']}  dropped by {one['stage']}: {phrases.drop(one)}")
    grades = phrases.section("grades", map(phrases.figures, tables.rows("grades", "prompt_id = ?", prompt_id)))
    checks = map(phrases.figures, tables.rows("reference_checks", "prompt_id = ?", prompt_id))
    datasets = phrases.section("datasets", _dataset_lines(tables, "prompt_id = ?", prompt_id))
    return phrases.section("responses", lines) + grades + phrases.section("check of the reference", checks) + datasets


def _dataset_lines(tables: _Tables, where: str, *wanted: str, only: Collection[str] = ()) -> list[str]:
    """What each dataset decided of a prompt, or of a sample by one of the teachers `only`.

    A drop without a sample speaks of the prompt's candidates that have no row of their own.
    """
    selected = tables.rows("selections", where, *wanted)
    drops = tables.rows("drops", f"{where} AND dataset IS NOT NULL", *wanted)
    settled = {one["dataset"] for one in [*selected, *drops] if one["sample_id"]}
    if only:
        drops = [
            one
            for one in drops
            if one["sample_id"] or (one["dataset"] not in settled and _in_scope(one["dataset"], only))
        ]
    dropped = [f"{one['dataset']}: {phrases.selected_against(one)}" for one in drops]
    return phrases.listed(sorted([*map(phrases.selection, selected), *dropped]), str)


def _in_scope(dataset: str, teachers: Collection[str]) -> bool:
    """Whether responses of some teachers are candidates of a dataset; yes where params no longer know the dataset."""
    params = load()
    block = params.datasets.get(dataset)
    roles = block.values.get("roles", []) if block else []
    in_scope = {name for role in roles for name in params.roles.get(role, [])}
    return block is None or bool(in_scope & set(teachers))


def _record_line(tables: _Tables, record_id: str) -> str:
    rows = tables.rows("records", "record_id = ?", record_id, columns="source, source_row")
    return f"record {record_id}" + (f" ({rows[0]['source']} at {rows[0]['source_row']})" if rows else "")


def _question(evidence_id: str) -> str | None:
    """The text of a benchmark's question, named NAME/ID; None where params name no such benchmark any more."""
    name, _, question_id = evidence_id.partition("/")
    benchmark = next((one for one in load().decontaminate.benchmarks if one.name == name), None)
    if benchmark is None or not Path(benchmark.path).exists():
        return None
    for number, record in enumerate(read_file(Path(benchmark.path), "explain"), start=1):
        own = number if benchmark.id is None else (record.value or {}).get(benchmark.id)
        if str(own) == question_id and record.value is not None:
            return str(reach(record.value, benchmark.question)[1])
    return None

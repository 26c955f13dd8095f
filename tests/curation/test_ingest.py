"""Records become prompts and ready responses; what does not is told; ids are stable."""

import gzip
import json
from collections import Counter
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import tables
from curation.adapters.batches import read_records
from curation.adapters.read import check_source, local_paths
from curation.errors import DataError, ParamsError
from curation.hashing import brought_sample_id, prompt_id, record_id
from curation.ingest import ingest, main
from curation.params import Columns, Source
from schemas.drops import DROPS
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES

ROOT = Path(__file__).parents[2]
GOLDEN = [json.loads(line) for line in (ROOT / "tests/fixtures/ingest/records.jsonl").read_text().splitlines()]
FLAT = Columns(id="id", prompt="prompt", reference="reference", responses="responses")


def _source(**values):
    columns = (
        Columns(**values.pop("columns")) if isinstance(values.get("columns"), dict) else values.pop("columns", FLAT)
    )
    fixed = {"name": "in", "kind": "file", "licence": "MIT", "priority": 3, "path": "in.jsonl"}
    return Source(**{**fixed, **values}, columns=columns)


def _write(path, records):
    lines = [record["raw"] if set(record) == {"raw"} else json.dumps(record) for record in records]
    Path(path).write_text("\n".join(lines) + "\n")


def _ingest(con, *sources):
    read = [*read_records(sources)]
    return ingest(con.from_arrow(pa.concat_tables(read)))


def _checked_records(source):
    check_source(source)
    return read_records([source])


def _rows(relation):
    return relation.to_arrow_table().to_pylist()


def _texts(rows, columns):
    """The rows' given columns, each row as text, in one order."""
    return sorted(json.dumps({name: row[name] for name in columns}, sort_keys=True) for row in rows)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["title"])
def test_golden(con, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    _write("in.jsonl", case["records"])
    source = _source(**case["source"])
    check_source(source)
    result = _ingest(con, source)
    for name in ("prompts", "responses", "dropped"):
        columns = sorted(case[name][0]) if case[name] else []
        assert _texts(_rows(getattr(result, name)), columns) == _texts(case[name], columns), name


def test_ids_are_those_of_the_seams(con, tmp_path):
    _write(tmp_path / "in.jsonl", [{"id": 7, "prompt": "a", "responses": [{"tag": "t", "text": "b"}]}])
    source = _source(path=str(tmp_path / "in.jsonl"), category="math", columns={**vars(FLAT), "reference": None})
    result = _ingest(con, source)
    (prompt,), (response,) = _rows(result.prompts), _rows(result.responses)
    own = prompt_id([{"role": "user", "content": "a"}])
    assert (prompt["record_id"], prompt["prompt_id"]) == (record_id("in", "7"), own)
    assert (response["record_id"], response["sample_id"]) == (prompt["record_id"], brought_sample_id(own, "t", 0))


TEXT = st.text(st.characters(codec="utf-8"), max_size=3)
RECORD = st.fixed_dictionaries(
    {"prompt": st.sampled_from(["a", " a", "b"]) | TEXT | st.none()},
    optional={
        "id": st.integers(0, 3),
        "reference": TEXT,
        "responses": st.lists(st.fixed_dictionaries({"tag": st.sampled_from("tu"), "text": st.sampled_from(["x", "y", " "])}), max_size=3),
    },
)  # fmt: skip
SEEN = {"id": None, "prompt": "seen", "reference": "7", "responses": []}
RECORDS = st.lists(RECORD, max_size=8)


def _ingest_records(con, tmp_path_factory, records):
    path = tmp_path_factory.mktemp("in") / "in.jsonl"
    _write(path, [SEEN, *records])
    return _ingest(con, _source(path=str(path), category="math"))


@settings(max_examples=30, deadline=None)
@given(records=RECORDS)
def test_nothing_is_lost(tmp_path_factory, records):
    with tables.connect(memory_gb=1, processes=1) as con:
        result = _ingest_records(con, tmp_path_factory, records)
        dropped = Counter(row["reason"] for row in _rows(result.dropped))
        of_responses = dropped.pop("bad_response", 0) + dropped.pop("repeated_response", 0)
        assert tables.count(result.prompts) + dropped.total() == 1 + len(records)
        assert tables.count(result.responses) + of_responses == result.num_brought
        assert len({row["record_id"] for row in _rows(result.prompts)}) == tables.count(result.prompts)
        assert len({row["sample_id"] for row in _rows(result.responses)}) == tables.count(result.responses)


@settings(max_examples=30, deadline=None)
@given(records=st.lists(RECORD, max_size=8, unique_by=lambda record: record.get("id", object())), order=st.randoms())
def test_order_changes_nothing_but_the_line_numbers(tmp_path_factory, records, order):
    with tables.connect(memory_gb=1, processes=1) as con:
        before = _ingest_records(con, tmp_path_factory, records)
        order.shuffle(records)
        after = _ingest_records(con, tmp_path_factory, records)
        columns = [name for name in PROMPTS.column_names if name != "source_row"]
        assert _texts(_rows(before.prompts), columns) == _texts(_rows(after.prompts), columns)
        assert _texts(_rows(before.responses), RESPONSES.column_names) == _texts(
            _rows(after.responses), RESPONSES.column_names
        )


@settings(max_examples=20, deadline=None)
@given(records=RECORDS)
def test_prompts_that_are_written_and_read_again_are_the_same(tmp_path_factory, records):
    columns = ["messages", "prompt_id", "category", "reference"]
    with tables.connect(memory_gb=1, processes=1) as con:
        first = _rows(_ingest_records(con, tmp_path_factory, records).prompts)
        path = tmp_path_factory.mktemp("again") / "in.parquet"
        pq.write_table(pa.Table.from_pylist(first, schema=PROMPTS.arrow_schema), path)
        names = {"id": "record_id", "messages": "messages", "category": "category", "reference": "reference"}
        again = _rows(_ingest(con, _source(path=str(path), columns=names)).prompts)
        assert _texts(first, columns) == _texts(again, columns)


def _one(con, path, **values):
    return _texts(
        _rows(_ingest(con, _source(path=str(path), category="math", **values)).prompts), PROMPTS.column_names[:2]
    )


def test_every_format_gives_the_same_rows(con, tmp_path):
    rows = [{"id": str(n), "prompt": f"问 {n}?", "reference": str(n), "responses": json.dumps([{"tag": "t", "text": "x"}])} for n in range(3)]  # fmt: skip
    _write(tmp_path / "x.jsonl", rows)
    (tmp_path / "x.json").write_text(json.dumps(rows))
    lines = ["id,prompt,reference", *(f"{row['id']},{row['prompt']},{row['id']}" for row in rows)]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress((tmp_path / "x.jsonl").read_bytes()))
    columns = {"id": "id", "prompt": "prompt", "reference": "reference"}
    results = [_one(con, tmp_path / f"x{suffix}", columns=columns) for suffix in (".jsonl", ".json", ".csv", ".parquet", ".jsonl.gz")]  # fmt: skip
    assert len(results[0]) == 3
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_hub_dataset_is_streamed(con, tmp_path, suffix):
    rows = datasets.Dataset.from_list(
        [{"question": f"q{n}", "answer": {"text": str(n)}, "other": None} for n in range(5)]
    )
    rows.to_parquet(tmp_path / "train.parquet") if suffix == "parquet" else rows.to_json(tmp_path / "train.jsonl")
    columns = {"prompt": "question", "reference": "answer.text"}
    source = _source(kind="hub", path=None, repo=str(tmp_path), category="math", limit=3, columns=columns)
    result = _rows(_ingest(con, source).prompts)
    assert sorted((row["messages"][0]["content"], row["reference"]) for row in result) == [
        ("q0", "0"),
        ("q1", "1"),
        ("q2", "2"),
    ]
    assert min(row["source_row"] for row in result) == f"{tmp_path}:train:1"
    assert local_paths(source) == [str(tmp_path)]


def test_a_generator_makes_records(con):
    options = {"generators": {"gcd": 3, "spell_backward": 2}, "seed": 1}
    columns = {"id": "id", "prompt": "prompt", "category": "category", "reference": "reference"}
    source = _source(kind="generator", generator="reasoning_gym", options=options, columns=columns)
    categories = Counter(row["category"] for row in _rows(_ingest(con, source).prompts))
    assert categories == {"math": 3, "science": 2}


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        # params that cannot make a prompt
        ({"path": None}, ParamsError, "source 'in' is of kind file and names no path"),
        ({"kind": "hub"}, ParamsError, "is of kind hub and names no repo"),
        ({"kind": "generator"}, ParamsError, "is of kind generator and names no generator"),
        ({"columns": {"id": "id"}}, ParamsError, "names neither columns.prompt nor columns.messages"),
        ({"category": None}, ParamsError, "has no category: give category, or the column"),
        ({"reference_pattern": "("}, ParamsError, "a reference_pattern that is no regular expression"),
        ({"reference_pattern": "x"}, ParamsError, "a reference_pattern without a group"),
        ({"reference_pattern": "(x)", "columns": {"prompt": "prompt"}}, ParamsError, "no columns.reference to use it on"),
        ({"kind": "generator", "generator": "arithmetic", "options": {"seeds": 1}}, ParamsError, "has wrong options for arithmetic: "),
        # data that is not there or not what params say
        ({"path": "other.jsonl"}, DataError, r"there is no file other\.jsonl"),
        ({"path": "empty.jsonl"}, DataError, "has no record that can be read: it is empty"),
        ({"path": "broken.jsonl"}, DataError, r"has no record that can be read at broken\.jsonl:2: wanted a JSON object"),
        ({"columns": {"prompt": "promt"}}, DataError, r"no record has the column 'promt' that columns\.prompt names \(has: prompt, info, info\.a\); did you mean 'prompt'\?"),
        ({"columns": {"prompt": "prompt", "reference": "info.b"}}, DataError, r"no record has the column 'info\.b' .*; did you mean 'info\.a'"),
        ({"kind": "hub", "repo": "nowhere"}, DataError, r"the dataset nowhere \(config None, split train, revision None\) cannot be read"),
        ({"kind": "hub", "repo": "folder", "split": "tset"}, DataError, "cannot be read: Bad split: tset"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_used_is_told(tmp_path, monkeypatch, values, error, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    _write("in.jsonl", [{"prompt": "a", "info": {"a": 1}}])
    _write("folder/train.jsonl", [{"prompt": "a", "id": 1, "reference": "2", "responses": []}])
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "broken.jsonl").write_text("\nPAR1\n{\n")
    source = _source(**{"category": "math", **values})
    with pytest.raises(error, match=message):
        list(_checked_records(source))


@pytest.fixture
def _project(tmp_path, monkeypatch):
    """The embedded profile with one source of one good and one broken line."""
    monkeypatch.chdir(tmp_path)
    params = yaml.safe_load((ROOT / "profiles/embedded.yaml").read_text())
    source = {"name": "in", "kind": "file", "path": "in.jsonl", "licence": "MIT", "priority": 1, "category": "math"}
    params["ingest"]["sources"] = [{**source, "columns": {"prompt": "prompt", "responses": "responses"}}]
    Path("params.yaml").write_text(yaml.safe_dump(params))
    _write("in.jsonl", [{"prompt": "a", "responses": [{"tag": "t", "text": "x"}] * 2}, {"raw": "{"}])


@pytest.mark.usefixtures("_project")
def test_the_stage_writes_its_tables_and_accounts(con):
    assert main() == 0
    counts = {"unit": "record", "rows_in": 2, "rows_kept": 1, "dropped": {"bad_record": 1}}
    assert json.loads(Path("data/ingest/counts.json").read_text()) == counts
    told = {"unit": "response", "brought": 2, "kept": 1, "dropped": {"repeated_response": 1}}
    assert json.loads(Path("data/ingest/responses.json").read_text()) == told
    assert tables.count(tables.read(con, Path("data/ingest/responses"), RESPONSES)) == 1
    assert tables.count(tables.read(con, Path("data/ingest/drops"), DROPS)) == 2


@pytest.mark.usefixtures("_project")
def test_two_runs_give_the_same_bytes():
    runs = []
    for _ in range(2):
        assert main() == 0
        runs.append({path: path.read_bytes() for path in Path("data").rglob("*") if path.is_file()})
    assert runs[0] == runs[1]


@pytest.mark.usefixtures("_project")
def test_a_source_that_dvc_does_not_watch_stops_the_stage(capsys):
    Path("dvc.yaml").write_text("stages: {ingest: {cmd: x, deps: [data]}}")
    assert main() == 1
    assert "Add the line '- in.jsonl' to stages.ingest.deps" in capsys.readouterr().err
    assert not Path("data/ingest").exists()

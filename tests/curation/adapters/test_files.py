"""Every file format gives the same records, and tells what it cannot read."""

import csv
import gzip
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.adapters.files import find_files, fixed_folder, read_file
from curation.errors import DataError

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
ROWS = st.lists(st.fixed_dictionaries({"id": TEXT, "prompt": TEXT, "answer": TEXT}), min_size=1, max_size=5)
SUFFIXES = [".jsonl", ".ndjson", ".json", ".csv", ".parquet"]


def _encode(rows, suffix, folder):
    """The rows as bytes of a file of this suffix."""
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
        return (folder / "rows.parquet").read_bytes()
    if suffix == ".csv":
        with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return (folder / "rows.csv").read_bytes()
    if suffix == ".json":
        return json.dumps(rows, indent=1).encode()
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _write(data, path):
    if path.suffix == ".gz":
        data = gzip.compress(data)
    if path.suffix == ".zst":
        data = zstandard.compress(data)
    path.write_bytes(data)
    return path


def _read(path):
    return list(read_file(path, "ingest: source 'x'"))


@settings(max_examples=25, deadline=None)
@given(rows=ROWS)
def test_every_format_gives_the_same_records(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("formats")
    for suffix in SUFFIXES:
        data = _encode(rows, suffix, folder)
        for packed in ["", ".gz", ".zst"] if suffix != ".parquet" else [""]:
            path = _write(data, folder / f"x{suffix}{packed}")
            records = _read(path)
            assert [record.value for record in records] == rows, path.name
            assert records[-1].done == path.stat().st_size


def test_records_stand_at_their_line(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n')
    (tmp_path / "x.csv").write_text('a,b\n"two\nlines",1\nlast,2\n')
    assert [record.place for record in _read(tmp_path / "x.jsonl")] == [f"{tmp_path}/x.jsonl:{n}" for n in (1, 3)]
    assert [record.place for record in _read(tmp_path / "x.csv")] == [f"{tmp_path}/x.csv:{n}" for n in (2, 4)]


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        # JSON lines
        ("x.jsonl", b'{"a": 1}\n{"a": \n{"a": 3}\n', "x.jsonl:2: wanted a JSON object on one line, came no JSON"),
        ("x.jsonl", b'{"a": 1}\n[1]\n{"a": 3}\n', "x.jsonl:2: wanted a JSON object, came list"),
        ("x.jsonl", b'{"a": 1}\n{"a": "\xff"}\n{"a": 3}\n', "x.jsonl:2: .*can't decode byte 0xff"),
        ("x.jsonl", b'{"a": 1}\n' + b"[" * 200_000 + b'\n{"a": 3}\n', "x.jsonl:2: .*recursion"),
        ("x.jsonl", b'\xef\xbb\xbf{"a": 1}\n' + b'{"a": ' + b"9" * 5000 + b'}\n{"a": 3}\n', "x.jsonl:2: .*digits"),
        # JSON arrays
        ("x.json", b'[{"a": 1}, 2, {"a": 3}]', "x.json:2: wanted a JSON object, came int"),
        ("x.json", b' \n{"a": 1}\n{"a"}\n{"a": 3}\n', "x.json:3: wanted a JSON object on one line"),
        # CSV
        ("x.csv", b"a\n1\n2,2\n3\n", "x.csv:3: wanted 1 CSV fields, came 2"),
        ("x.csv", b'a\n1\n"2"2\n3\n', "x.csv:3: wanted a CSV row, came no CSV"),
    ],
)
def test_a_broken_record_is_told_and_the_others_are_read(tmp_path, name, data, problem):
    (tmp_path / name).write_bytes(data)
    first, broken, last = _read(tmp_path / name)
    assert (str(first.value["a"]), broken.value, str(last.value["a"])) == ("1", None, "3")
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(f"{broken.place}: {broken.problem}")


def _parquet():
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table({"a": ["text " * 50] * 2000}),
        sink,
        use_dictionary=False,
        write_statistics=False,
        write_page_checksum=True,
    )
    return sink.getvalue().to_pybytes()


LINES = b'{"a": "some text"}\n' * 2000
PARQUET = _parquet()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.jsonl.gz", gzip.compress(LINES)[:-20], r"x\.jsonl\.gz cannot be read to its end: Compressed file ended"),
        ("x.jsonl.gz", LINES, "Not a gzipped file"),
        ("x.jsonl.zst", zstandard.compress(LINES)[:-20], "ends inside a Zstandard frame"),
        ("x.jsonl.zst", LINES, "cannot be read to its end: zstd"),
        ("x.parquet", b"PAR1 but not really", "Parquet magic bytes not found"),
        ("x.parquet", PARQUET[:200] + b"?" + PARQUET[201:], r"x\.parquet cannot be read to its end"),
        ("x.json", b'[{"a": 1}', "wanted a JSON array of objects, came no JSON"),
        ("x.json", b'"a"', "wanted a JSON array of objects, came str"),
        ("x.csv", b"a,b,a\n1,2,3\n", "header names a column twice: a, b, a"),
        ("x.csv", b'a,b\n1,2\n3,"4\n5,6\n', r"the quote that opens at .*x\.csv:3 is never closed"),
    ],
)
def test_a_corrupt_file_is_an_error(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=f"ingest: source 'x': .*{message}"):
        _read(tmp_path / name)


def test_zstandard_frames_may_follow_one_another_and_have_a_long_window(tmp_path):
    long = zstandard.ZstdCompressionParameters(window_log=28, strategy=1)
    frame = zstandard.ZstdCompressor(compression_params=long).compressobj()
    data = frame.compress(LINES) + frame.flush() + zstandard.compress(b'{"a": "last"}\n')
    path = tmp_path / "x.jsonl.zst"
    path.write_bytes(data)
    assert [record.value["a"] for record in _read(path)] == ["some text"] * 2000 + ["last"]


def test_only_the_wanted_columns_of_parquet_are_read_where_all_are_there(tmp_path):
    pq.write_table(pa.table({"a": [1], "b": [2], "c": [3]}), tmp_path / "x.parquet")
    (both,) = read_file(tmp_path / "x.parquet", "ingest", columns=["c", "a"])
    (all_three,) = read_file(tmp_path / "x.parquet", "ingest", columns=["c", "missing"])
    assert (both.value, all_three.value) == ({"a": 1, "c": 3}, {"a": 1, "b": 2, "c": 3})


def test_a_pattern_names_its_files_in_order_and_its_folder(tmp_path):
    for name in ("b.jsonl", "a.jsonl", "c.txt"):
        (tmp_path / name).write_text("")
    pattern = f"{tmp_path}/*.jsonl"
    assert [path.name for path in find_files(pattern, "x")] == ["a.jsonl", "b.jsonl"]
    assert fixed_folder(pattern) == str(tmp_path)


def test_a_file_whose_name_looks_like_a_pattern_is_found(tmp_path):
    (tmp_path / "x[1].csv").write_text("")
    assert find_files(f"{tmp_path}/x[1].csv", "x") == [tmp_path / "x[1].csv"]
    assert fixed_folder(f"{tmp_path}/x[1].csv") == f"{tmp_path}/x[1].csv"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.jsonl", r"there is no file nowhere\.jsonl \(looked from .*\)"),
        ("*.parquet", r"no file matches the pattern \*\.parquet"),
        ("folder", r"folder is a folder; name its files with a pattern: folder/\*"),
        ("x.txt", r"x\.txt has an unknown suffix; known: \.jsonl"),
        ("x.parquet.gz", r"x\.parquet\.gz has an unknown suffix"),
    ],
)
def test_a_path_that_cannot_be_read_is_told(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for other in ("x.txt", "x.parquet.gz"):
        (tmp_path / other).write_text("x")
    with pytest.raises(DataError, match=f"ingest: source 'x': {message}"):
        find_files(name, "ingest: source 'x'")


def test_a_large_file_is_read_in_little_memory(tmp_path):
    path = tmp_path / "x.jsonl.zst"
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as packed:
        for _ in range(200):
            packed.write(b'{"a": "' + b"x" * 10_000 + b'"}\n' * 100)
    program = (
        "import resource, sys; from pathlib import Path; from curation.adapters.files import read_file\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "total = sum(1 for _ in read_file(Path(sys.argv[1]), 'x'))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    told = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert int(told.stdout) < 60_000  # kB; the file holds 200 MB

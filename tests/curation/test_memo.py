"""The memo computes what it lacks, once, and loses at most the batch in hand."""

import os
import signal
import subprocess
import sys
import textwrap

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import memo as memo_module
from curation.memo import Memo, Reuse, compute
from curation.tables import connect, count

VALUES = pa.schema([("value", pa.int64())])


class Counter:
    """Doubles its input and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, batch: pa.Table) -> pa.Table:
        self.asked += batch["key"].to_pylist()
        return pa.table({"key": batch["key"], "value": pa.array([2 * x for x in batch["x"].to_pylist()], pa.int64())})


def work(con, numbers):
    return con.from_arrow(pa.table({"key": [f"k{n}" for n in numbers], "x": pa.array(numbers, pa.int64())}))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sets(st.integers(0, 30), min_size=1), min_size=1, max_size=4), st.integers(1, 7))
def test_each_key_is_computed_once_whatever_the_runs(tmp_path_factory, runs, batch_rows):
    memo, counter, con = Memo(tmp_path_factory.mktemp("memo"), VALUES), Counter(), connect(memory_gb=1)
    for numbers in runs:
        compute(memo, con, work(con, sorted(numbers)), counter, batch_rows=batch_rows, label="test")
    assert sorted(counter.asked) == sorted({f"k{n}" for numbers in runs for n in numbers})
    assert dict(memo.rows(con).fetchall()) == {f"k{n}": 2 * n for numbers in runs for n in numbers}


def test_reuse_is_told(tmp_path, con):
    memo = Memo(tmp_path, VALUES)
    assert compute(memo, con, work(con, [1, 2, 3]), Counter(), batch_rows=2, label="test") == Reuse(0, 3)
    assert compute(memo, con, work(con, [2, 3, 4]), Counter(), batch_rows=2, label="test") == Reuse(2, 1)


def test_values_that_say_nothing_are_given_back_and_asked_again(tmp_path, con):
    memo, counter = Memo(tmp_path, VALUES, stores=~pc.field("value").isin([4])), Counter()
    for _ in range(2):
        reuse = compute(memo, con, work(con, [1, 2, 3]), counter, batch_rows=2, label="test")
        assert pa.concat_tables(reuse.unstored).to_pylist() == [{"key": "k2", "value": 4}]
    assert counter.asked == ["k1", "k2", "k3", "k2"]
    assert dict(memo.rows(con).fetchall()) == {"k1": 2, "k3": 6}


def test_work_is_done_in_the_order_of_its_position(tmp_path, con):
    rows = con.from_arrow(pa.table({"key": ["a", "b", "c"], "x": [1, 2, 3], "position": [2, 0, 1]}))
    counter = Counter()
    compute(Memo(tmp_path, VALUES), con, rows, counter, batch_rows=1, label="test")
    assert counter.asked == ["b", "c", "a"]


def test_a_function_that_loses_a_key_stops_the_stage(tmp_path, con):
    with pytest.raises(AssertionError, match="keys lost"):
        compute(
            Memo(tmp_path, VALUES),
            con,
            work(con, [1, 2]),
            lambda batch: pa.table({"key": ["k1"], "value": [1]}),
            batch_rows=2,
            label="test",
        )


def test_compaction_keeps_every_value(tmp_path, con):
    memo = Memo(tmp_path, VALUES)
    for number in range(memo_module.COMPACT_FILES):
        memo.append(pa.table({"key": [f"k{number}"], "value": [number]}))
    memo.compact(con)
    assert len(list(tmp_path.glob("*.parquet"))) == 1
    assert count(memo.rows(con)) == memo_module.COMPACT_FILES


def test_kill_9_loses_only_the_batch_in_hand(tmp_path):
    script = textwrap.dedent(f"""
        import sys, time, pyarrow as pa
        from pathlib import Path
        from curation.memo import Memo, compute
        from curation.tables import connect
        def slow(batch):
            if batch["x"][0].as_py() >= 6:
                print("third batch", flush=True)
                time.sleep(60)
            return pa.table({{"key": batch["key"], "value": batch["x"]}})
        con = connect(memory_gb=1)
        rows = con.from_arrow(pa.table({{"key": [f"k{{n:02d}}" for n in range(12)], "x": pa.array(range(12), pa.int64())}}))
        compute(Memo(Path({str(tmp_path)!r}), pa.schema([("value", pa.int64())])), con, rows, slow, batch_rows=3, label="t")
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "third batch\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    con = connect(memory_gb=1)
    assert count(Memo(tmp_path, VALUES).rows(con)) == 6

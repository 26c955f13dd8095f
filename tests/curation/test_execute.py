"""Local processes and Ray give the same values; a cluster that is not there is one sentence."""

import pyarrow as pa
import pytest

from curation.execute import run_batches
from curation.memo import Memo, Reuse, compute
from curation.tables import connect


def double(batch: pa.Table) -> pa.Table:
    return pa.table({"key": batch["key"], "value": pa.array([2 * x for x in batch["x"].to_pylist()], pa.int64())})


def batches():
    return (pa.table({"key": [f"k{n}"], "x": [n]}) for n in range(9))


@pytest.mark.filterwarnings("ignore")  # Ray warns of its own coming defaults
def test_ray_and_local_processes_fill_the_memo_alike(tmp_path):
    con = connect(memory_gb=1)
    work = con.from_arrow(pa.table({"key": [f"k{n}" for n in range(50)], "x": pa.array(range(50), pa.int64())}))
    found = {}
    for executor in ("local", "ray"):
        memo = Memo(tmp_path / executor, pa.schema([("value", pa.int64())]))
        assert compute(memo, con, work, double, batch_rows=7, label="t", executor=executor) == Reuse(0, 50)
        assert compute(memo, con, work, double, batch_rows=7, label="t", executor=executor) == Reuse(50, 0)
        found[executor] = dict(memo.rows(con).fetchall())
    assert found["local"] == found["ray"] == {f"k{n}": 2 * n for n in range(50)}


def test_local_batches_are_drawn_one_at_a_time():
    drawn = []

    def watched():
        for batch in batches():
            drawn.append(batch)
            yield batch

    results = run_batches(watched(), double, executor="local")
    next(results)
    assert len(drawn) == 1

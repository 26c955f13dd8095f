"""The figures of an evaluation, from tables small enough to reckon by hand."""

import json

import pyarrow as pa
import pytest

from curation.errors import DataError
from curation.training_params import Evaluate
from schemas.evaluations import EVALUATIONS
from train import results

# Benchmark, prompt, sample: correct (None: unverified), tokens, finish reason.
ANSWERS = {
    ("sums", "a", 0): (True, 4, "stop"),
    ("sums", "a", 1): (False, 8, "length"),
    ("sums", "b", 0): (True, 6, "stop"),
    ("sums", "b", 1): (None, 6, "stop"),
    ("chat", "c", 0): (None, 5, "stop"),
}


def params(**values):
    fixed = {"path": None, "columns": {}, "category": None, "suffix": "", "rows_max": None}
    benchmarks = [{"name": "sums", "samples": 2, **fixed}, {"name": "chat", "samples": 1, **fixed}]
    asked = {"system": None, "rounds": 1, "words": [], "temperature": 0.6, "top_p": 0.95, "max_new_tokens": 8}
    run = {"bootstrap": 100, "engine": "transformers", "engine_options": {}, "batch_requests": 8}
    told = {"models": ["base", "sft"], "dataset": "sums", "compare": [["base", "sft"]], "benchmarks": benchmarks}
    return Evaluate(**{**told, **asked, **run, **values})


def evaluated(con, *, without=()):
    """Both models gave the same answers, apart from those that the second did not give."""
    rows = []
    for model in ("base", "sft"):
        for (benchmark, prompt_id, index), (correct, tokens, reason) in ANSWERS.items():
            if model == "base" or prompt_id not in without:
                ids = {"sample_id": f"{model}{prompt_id}{index}", "prompt_id": prompt_id, "question_id": prompt_id}
                told = {"model": model, "benchmark": benchmark, "category": "math", "round": 1, "sample_index": index}
                form = {"well_formed": True, "finish_reason": reason, "num_tokens": tokens, "words": []}
                rows.append({**ids, **told, **form, "correct": correct})
    verdicts = [
        {"sample_id": row["sample_id"], "why": None if row["correct"] is not None else "timeout"} for row in rows
    ]
    schema = pa.schema([("sample_id", pa.string()), ("why", pa.string())])
    made = con.from_arrow(pa.Table.from_pylist(rows, schema=EVALUATIONS.arrow_schema))
    return made, con.from_arrow(pa.Table.from_pylist(verdicts, schema=schema))


def test_figures_are_those_reckoned_by_hand(con):
    told = results.figures(*evaluated(con), params(), seed=1)["sft", "sums", 1]
    wanted = {"prompts": 2, "samples": 4, "verified": 3, "correct": 2, "unverified": {"timeout": 1}}
    shares = {"pass_at_1": 0.666667, "if_unverified_wrong": 0.5, "if_unverified_right": 0.75, "pass_at_k": {"2": 1.0}}
    lengths = {"mean_tokens": 6.0, "stop_ratio": 0.75, "well_formed_ratio": 1.0}
    assert told == {**wanted, **shares, **lengths, "low": 0.5, "high": 1.0}


def test_what_nothing_verified_is_null_and_makes_the_average_null(con):
    cells = results.figures(*evaluated(con), params(), seed=1)
    told = results.metrics(cells, {}, {})
    assert told["models"]["base"]["chat"]["round_1"]["pass_at_1"] is None
    assert told["average"]["base"]["round_1"] == {"pass_at_1": None, "mean_tokens": 5.5}
    json.dumps(told)


def test_models_and_benchmarks_come_in_the_order_of_params(con):
    evaluations, verdicts = evaluated(con)
    assert list(results.figures(evaluations, verdicts, params(models=["sft", "base"]), seed=1)) == [
        ("sft", "sums", 1), ("sft", "chat", 1), ("base", "sums", 1), ("base", "chat", 1),
    ]  # fmt: skip


def test_models_that_answered_other_prompts_are_not_compared(con):
    evaluations, _ = evaluated(con, without=("b",))
    with pytest.raises(DataError, match=r"base and sft on sums, round 1: .* such as b by the first"):
        results.comparisons(evaluations, params(), seed=1)


def test_the_page_leaves_out_what_has_no_rows(con):
    evaluations, verdicts = evaluated(con)
    cells = results.figures(evaluations, verdicts, params(), seed=1)
    compared = results.comparisons(evaluations, params(), seed=1)
    found = results.tables(evaluations, cells, compared, [])
    titles = [line[3:] for line in results.page(found, params()).splitlines() if line.startswith("## ")]
    assert titles == ["pass@1", "pass@k", "Generated length", "Comparisons on the same prompts"]
    assert found["comparisons"][1][0] == ("base", "sft", "sums", 1, 2, 0.666667, 0.666667, 0.0, 0.0, 0.0, 0, 0, 1.0)

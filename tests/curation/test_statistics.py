"""Statistics of a dataset: each table against plain Python on random tables, a golden by hand, and an empty selection."""

import json
import math
import statistics as plain
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import tables
from curation.statistics import CV_BINS, PASS_RATE_BINS, PLOTTED, Figures, plotted, reckon
from schemas.annotations import ANNOTATIONS
from schemas.grades import GRADES
from schemas.prompts import PROMPTS
from schemas.scores import SCORES
from schemas.selections import SELECTIONS

ROOT = Path(__file__).parents[2]
# Of prompt p0 to p4: category, difficulty, what it brings.
KINDS = [
    ("math", "easy", {"reference": "7"}),
    ("math", "hard", {"reference": "8"}),
    ("code", "hard", {"tests": "{}", "reference": "9"}),
    ("instruction", "easy", {"constraints": "{}"}),
    ("chat", "medium", {}),
]
SCOPE = ["plain", "tag"]
# Config, prompt, teacher, tokens of the reasoning and of the answer, perplexity in hundredths.
SAMPLES = st.lists(
    st.tuples(
        st.sampled_from(["one", "two"]),
        st.integers(0, 4),
        st.sampled_from(SCOPE),
        st.sampled_from([0, 1, 3, 500, 40_000]),
        st.integers(0, 70),
        st.sampled_from([None, 250, 1000]),
    ),
    max_size=30,
)
SCORE_LISTS = st.dictionaries(
    st.tuples(st.integers(0, 4), st.sampled_from([*SCOPE, "stranger"])),
    st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=5),
)


def grade_of(prompt, teacher, scores):
    """The row of grades for these scores; 1 passes."""
    mean = plain.fmean(scores) if scores else None
    counts = {"num_samples": len(scores) + 1, "num_verified": len(scores), "num_passed": scores.count(1.0)}
    rate = scores.count(1.0) / len(scores) if scores else None
    cv = round(plain.pstdev(scores) / mean, 12) if mean else None
    ids = {"prompt_id": f"p{prompt}", "teacher": teacher, "category": KINDS[prompt][0]}
    return {**ids, **counts, "pass_rate": rate, "mean_score": mean, "cv_population": cv}


def reckoned(con, samples, scores=None, *, unit="sample", dropped=(), told=None):
    """Statistics of a selection of these samples but the dropped ones, by place; `told` are places told as left out."""
    ids = [f"s{index:02d}" for index in range(len(samples))]
    flags = {"well_formed": True, "language_mixed": False, "boxed": False, "kept": True}
    scored = [
        {"sample_id": i, "prompt_id": f"p{p}", "teacher": t, "repetition": 1, "frequent_ngrams": 0, **flags}
        | {"reasoning_tokens": r, "answer_tokens": a, "perplexity": None if ppl is None else ppl / 100}
        for i, (_, p, t, r, a, ppl) in zip(ids, samples, strict=True)
    ]
    kept = [
        {"dataset": "mine", "config": c, "sample_id": i, "prompt_id": f"p{p}", "role": "response", "split": "train"}
        for place, (i, (c, p, *_)) in enumerate(zip(ids, samples, strict=True))
        if place not in dropped
    ]
    left_out = (
        None if told is None else con.sql(f"SELECT unnest({[ids[place] for place in told]}::VARCHAR[]) AS sample_id")
    )
    fixed = {"record_id": "r", "source": "x", "source_row": "1", "licence": "MIT", "messages": [], "priority": 1}
    labels = {"label": "Math", "annotator": "rules", "num_turns": 1, "length_words": 3, "verifiable": True}
    rows = {
        PROMPTS: [{**fixed, "prompt_id": f"p{p}", "category": c, **brings} for p, (c, _, brings) in enumerate(KINDS)],
        ANNOTATIONS: [
            {**labels, "prompt_id": f"p{p}", "group_id": "g", "difficulty": d} for p, (_, d, _) in enumerate(KINDS)
        ],
        SCORES: scored,
        GRADES: [grade_of(*key, values) for key, values in (scores or {}).items()],
    }
    figures = Figures(*(tables.from_rows(con, given_rows, table) for table, given_rows in rows.items()))
    selected = tables.from_rows(con, kept, SELECTIONS)
    return reckon(selected, figures, unit=unit, teachers=SCOPE, con=con, left_out=left_out)


def lengths_of(samples, config, category):
    """Tokens of a config's rows in a category, sorted; `all` is every category."""
    return sorted(r + a for c, p, _, r, a, _ in samples if c == config and category in ("all", KINDS[p][0]))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=SAMPLES, data=st.data())
def test_tokens_equal_plain_python_in_any_order(con, samples, data):
    found = reckoned(con, data.draw(st.permutations(samples))).tables["responses"]
    totals = [row for row in found if row["teacher"] == "all"]
    wanted = {(c, name) for c, p, *_ in samples for name in ("all", KINDS[p][0])}
    assert {(row["config"], row["category"]) for row in totals} == wanted
    for row in totals:
        tokens = lengths_of(samples, row["config"], row["category"])
        assert (row["rows"], row["tokens"], row["tokens_max"]) == (len(tokens), sum(tokens), tokens[-1])
        assert row["tokens_median"] == tokens[math.ceil(len(tokens) / 2) - 1]
        assert row["tokens_p90"] == tokens[math.ceil(len(tokens) * 9 / 10) - 1]
        assert row["tokens_mean"] == pytest.approx(plain.fmean(tokens), abs=0.051)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=SAMPLES, data=st.data())
def test_what_is_left_out_gives_the_same_figures_as_what_is_selected(con, samples, data):
    samples = [("one", *rest) for _, *rest in samples]
    dropped = data.draw(st.sets(st.integers(0, 29)))
    places = [place for place in dropped if place < len(samples)]
    wanted = reckoned(con, samples, dropped=dropped)
    assert reckoned(con, samples, dropped=dropped, told=places) == wanted
    assert reckoned(con, samples, dropped=dropped, told=places[1:]) == wanted, "a list that lacks one is not believed"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=SAMPLES)
def test_counts_and_shares_equal_plain_python(con, samples):
    found = reckoned(con, samples).tables
    of_config = Counter(c for c, *_ in samples)
    rows = Counter((c, KINDS[p][1]) for c, p, *_ in samples)
    prompts = Counter((c, KINDS[p][1]) for c, p in {(c, p) for c, p, *_ in samples})
    assert {(r["config"], r["name"]): (r["rows"], r["prompts"]) for r in found["difficulties"]} == {
        key: (rows[key], prompts[key]) for key in rows
    }
    assert all(r["rows_share"] == round(r["rows"] / of_config[r["config"]], 6) for r in found["categories"])
    buckets = Counter((c, KINDS[p][0], (r + a).bit_length() or 1) for c, p, _, r, a, _ in samples)
    assert [row["rows"] for row in found["lengths"]] == [buckets[key] for key in sorted(buckets)]


def naive_bins(grade):
    """Where a grade's pass rate and its spread belong."""
    rate, cv = grade["pass_rate"], grade["cv_population"]
    ends = {None: "unverified", 0.0: "0", 1.0: "1"}
    inner = next((f"to {most}" for most in (0.25, 0.5, 0.75) if rate is not None and rate <= most), "below 1")
    spread = next((f"to {most:g}" for most in (0.05, 0.25, 0.5, 0.75, 1, 2) if cv and cv <= most), "above 2")
    spread = "under 2 scores" if grade["num_verified"] < 2 else {None: "all 0", 0.0: "0"}.get(cv, spread)
    return {"pass_rates": ends.get(rate, inner), "spreads": spread}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=SAMPLES, scores=SCORE_LISTS)
def test_pass_rates_and_spreads_equal_plain_python(con, samples, scores):
    found = reckoned(con, samples, scores).tables
    held = {(c, p) for c, p, *_ in samples}
    graded = [(c, t, grade_of(p, t, s)) for (p, t), s in scores.items() for c, q in held if q == p and t in SCOPE]
    for name in ("pass_rates", "spreads"):
        wanted = Counter((c, g["category"], t, naive_bins(g)[name]) for c, t, g in graded)
        assert {(r["config"], r["category"], r["teacher"], r["bin"]): r["prompts"] for r in found[name]} == wanted


def test_four_scores_of_r5_fall_into_its_bars_and_their_spreads_apart(con):
    scores = {(prompt, "plain"): [1.0] * prompt + [0.0] * (4 - prompt) for prompt in range(5)}
    found = reckoned(con, [("one", prompt, "plain", 0, 9, None) for prompt in range(5)], scores).tables
    assert {row["bin"] for row in found["pass_rates"]} == {"0", "to 0.25", "to 0.5", "to 0.75", "1"}
    assert {row["bin"] for row in found["spreads"]} == {"all 0", "to 2", "to 1", "to 0.75", "0"}


def test_a_teacher_has_its_tokens_perplexity_and_pass_rate(con):
    """By hand: the table of R8 9.2."""
    samples = [("one", 0, "plain", 100, 20, 200), ("one", 1, "plain", 200, 40, 300), ("one", 4, "plain", 0, 40, None)]
    found = reckoned(con, samples, {(0, "plain"): [1.0, 0.0], (1, "plain"): [1.0, 1.0]}).tables["responses"]
    (math_row,) = [row for row in found if (row["teacher"], row["category"]) == ("plain", "math")]
    del math_row["config"], math_row["role"], math_row["teacher"], math_row["category"]
    assert math_row == {
        "rows": 2,
        "tokens": 360,
        "tokens_share": 0.9,
        "tokens_mean": 180.0,
        "tokens_median": 120,
        "tokens_p90": 240,
        "tokens_max": 240,
        "perplexity_mean": 2.5,
        "perplexity_median": 2.0,
        "pass_rate": 0.75,
    }


def test_references_exclude_each_other_as_in_r1(con):
    found = reckoned(con, [("one", prompt, "plain", 0, 9, None) for prompt in range(5)])
    assert [(row["name"], row["rows"], row["rows_share"]) for row in found.tables["references"]] == [
        *[("reference answer", 2, 0.4), ("constraints", 1, 0.2), ("neither", 1, 0.2), ("test case", 1, 0.2)]
    ]
    assert found.summary == {"rows": 5, "prompts": 5, "pass_rate": None, "tokens": 45, "tokens_mean": 9.0}


def test_a_prompt_of_two_configs_counts_once_in_the_summary(con):
    samples = [("one", 0, "plain", 0, 9, None), ("two", 0, "plain", 0, 9, None), ("two", 1, "plain", 0, 9, None)]
    found = reckoned(con, samples, {(0, "plain"): [1.0], (1, "plain"): [0.0]})
    assert (found.summary["rows"], found.summary["prompts"], found.summary["pass_rate"]) == (3, 2, 0.5)


def test_a_dataset_of_prompts_has_no_tokens(con):
    found = reckoned(con, [("one", 0, "plain", 0, 9, None)], unit="prompt")
    assert {"responses", "lengths"}.isdisjoint(found.tables)
    assert "tokens" not in found.summary


def test_an_empty_selection_has_figures_and_a_row_for_each_plot(con):
    found = reckoned(con, [])
    assert found.summary == {"rows": 0, "prompts": 0, "pass_rate": None, "tokens": 0, "tokens_mean": None}
    assert not any(found.tables.values())
    assert plotted(found, "mine", "lengths") == (
        ("dataset", "config", "category", "bucket", "rows", "rows_share"),
        [("mine", "none", "none", "none", 0, 0)],
    )


@pytest.mark.parametrize(("name", "bins"), [("dataset_pass_rates", PASS_RATE_BINS), ("dataset_spreads", CV_BINS)])
def test_the_plots_have_the_bins_in_order(name, bins):
    spec = json.loads((ROOT / f"curation/templates/plots/{name}.json").read_text())["spec"]
    drawn = [bin_ for bin_, _ in bins if bin_ not in ("under 2 scores", "all 0")]
    assert spec["encoding"]["x"]["sort"] == spec["encoding"]["x"]["scale"]["domain"] == drawn
    assert {name for name, _ in PLOTTED} == {"categories", "lengths", "pass_rates", "spreads"}

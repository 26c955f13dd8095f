"""The figures of an evaluation: metrics, tables for plots, and a page to read.

In: `evaluations` and `verdicts`. Out: plain values. Means of tokens have one decimal, shares six. pass@1 has the 95 %
interval of a bootstrap over prompts and, where answers are unverified, the bounds that these leave open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from curation import render
from curation.tables import Relation
from curation.training_params import Evaluate
from train.comparison import compare
from train.estimates import Tally, ks, pass_at_1, pass_at_k
from train.rounds import transitions, word_counts

Figures = dict[str, Any]
Cell = tuple[str, str, int]
"""Model, benchmark and round."""
Pair = tuple[str, str, str, int]
"""First model, second model, benchmark and round."""
Rows = tuple[Sequence[str], list[tuple[Any, ...]]]
"""Header and rows of a table."""
TITLES = {
    "accuracy": "pass@1",
    "pass_at_k": "pass@k",
    "lengths": "Generated length",
    "comparisons": "Comparisons on the same prompts",
    "transitions": "Transitions between rounds",
    "words": "Words in an answer",
}


def figures(evaluations: Relation, verdicts: Relation, params: Evaluate, *, seed: int) -> dict[Cell, Figures]:
    """What is told of each model, benchmark and round.

    Args:
        evaluations: Rows of `evaluations`.
        verdicts: Reads `sample_id` and `why`.
        params: Reads benchmarks and bootstrap.
        seed: Of the bootstrap.

    Returns:
        By model, benchmark and round, in their order in params.
    """
    samples = {benchmark.name: benchmark.samples for benchmark in params.benchmarks}
    tallies, whys = _tallies(evaluations), _whys(evaluations, verdicts)
    found = {}
    for cell, (tokens, stopped, well_formed) in _lengths(evaluations).items():
        estimate = pass_at_1(tallies[cell], resamples=params.bootstrap, seed=seed)
        found[cell] = {
            "prompts": len(tallies[cell]),
            "samples": sum(tally.num_samples for tally in tallies[cell]),
            "verified": sum(tally.num_verified for tally in tallies[cell]),
            "correct": sum(tally.num_correct for tally in tallies[cell]),
            "unverified": whys.get(cell, {}),
            "pass_at_1": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "if_unverified_wrong": estimate.if_wrong,
            "if_unverified_right": estimate.if_right,
            "pass_at_k": {str(k): pass_at_k(tallies[cell], k) for k in ks(samples[cell[1]])},
            "mean_tokens": tokens,
            "stop_ratio": stopped,
            "well_formed_ratio": well_formed,
        }
    order = [
        (model, name, number) for model in params.models for name in samples for number in range(1, params.rounds + 1)
    ]
    return {cell: found[cell] for cell in order}


def comparisons(evaluations: Relation, params: Evaluate, *, seed: int) -> dict[Pair, Figures]:
    """Each pair of `evaluate.compare`, on each benchmark and in each round.

    Raises:
        DataError: The two did not answer the same prompts.
    """
    tallies = _tallies(evaluations)
    found: dict[Pair, Figures] = {}
    for first, second in params.compare:
        for benchmark in params.benchmarks:
            for number in range(1, params.rounds + 1):
                one, other = (tallies.get((model, benchmark.name, number), []) for model in (first, second))
                names = f"{first} and {second} on {benchmark.name}, round {number}"
                told = compare(one, other, resamples=params.bootstrap, seed=seed, names=names)
                found[first, second, benchmark.name, number] = asdict(told)
    return found


def metrics(
    cells: Mapping[Cell, Figures],
    compared: Mapping[Pair, Figures],
    benchmarks: Mapping[str, Figures],
) -> Figures:
    """All figures as one nested value, with the mean over benchmarks that the reports call average.

    Args:
        cells: What `figures` returns.
        compared: What `comparisons` returns.
        benchmarks: By name, what became of a benchmark's rows.
    """
    models: Figures = {}
    for (model, benchmark, number), values in cells.items():
        models.setdefault(model, {}).setdefault(benchmark, {})[f"round_{number}"] = values
    averages: Figures = {}
    for model, _, number in cells:
        own = [values for (name, _, round_), values in cells.items() if (name, round_) == (model, number)]
        averages.setdefault(model, {})[f"round_{number}"] = {
            name: _mean([values[name] for values in own], digits)
            for name, digits in (("pass_at_1", 6), ("mean_tokens", 1))
        }
    pairs: Figures = {}
    for (first, second, benchmark, number), values in compared.items():
        pairs.setdefault(f"{first}-{second}", {}).setdefault(benchmark, {})[f"round_{number}"] = values
    return {"benchmarks": dict(benchmarks), "models": models, "average": averages, "comparisons": pairs}


def tables(
    evaluations: Relation,
    cells: Mapping[Cell, Figures],
    compared: Mapping[Pair, Figures],
    words: Sequence[str],
) -> dict[str, Rows]:
    """The same figures as tables, and what changed from round to round, by name of the table."""
    accuracy = ("pass_at_1", "low", "high", "if_unverified_wrong", "if_unverified_right")
    lengths = ("mean_tokens", "stop_ratio", "well_formed_ratio")
    of_pairs = ("num_prompts", "first", "second", "difference", "low", "high", "only_first", "only_second", "p_value")
    moved = transitions(evaluations)
    cell = ("model", "benchmark", "round")
    at_k = [(*key, int(k), chance) for key, values in cells.items() for k, chance in values["pass_at_k"].items()]
    found: dict[str, Rows] = {
        "accuracy": _rows(cell, accuracy, cells),
        "pass_at_k": ((*cell, "k", "pass_at_k"), at_k),
        "lengths": _rows(cell, lengths, cells),
        "comparisons": _rows(("model_1", "model_2", "benchmark", "round"), of_pairs, compared),
        "transitions": (tuple(moved.columns), moved.fetchall()),
    }
    if words:
        counted = word_counts(evaluations, words)
        found["words"] = (tuple(counted.columns), counted.fetchall())
    return found


def page(found: Mapping[str, Rows], params: Evaluate) -> str:
    """The tables as Markdown, those without rows left out, under how the models were asked."""
    asked = (
        f"Temperature {params.temperature:g}, top-p {params.top_p:g}, at most {params.max_new_tokens:,} tokens; "
        f"{', '.join(f'{one.name} with {one.samples} samples a question' for one in params.benchmarks)}. Intervals "
        f"are 95 % of {params.bootstrap:,} resamples of prompts."
    )
    sections = [
        f"## {TITLES[name]}\n\n{render.markdown(header, [tuple(_told(value) for value in row) for row in rows])}"
        for name, (header, rows) in found.items()
        if rows
    ]
    return "\n\n".join(["# Evaluation", asked, *sections]) + "\n"


def _tallies(evaluations: Relation) -> dict[Cell, list[Tally]]:
    rows = evaluations.query(
        "evaluations",
        """
        SELECT model, benchmark, round, prompt_id, count(*), count(correct), count(*) FILTER (correct)
        FROM evaluations GROUP BY ALL ORDER BY ALL
        """,
    ).fetchall()
    found: dict[Cell, list[Tally]] = {}
    for model, benchmark, number, *values in rows:
        found.setdefault((model, benchmark, number), []).append(Tally(*values))
    return found


def _lengths(evaluations: Relation) -> dict[Cell, tuple[float, float, float]]:
    """Mean tokens, share that stopped by itself, share well formed."""
    rows = evaluations.query(
        "evaluations",
        """
        SELECT model, benchmark, round, round(avg(num_tokens), 1), round(avg((finish_reason = 'stop')::INTEGER), 6),
            round(avg(well_formed::INTEGER), 6)
        FROM evaluations GROUP BY ALL
        """,
    ).fetchall()
    return {(model, benchmark, number): values for model, benchmark, number, *values in rows}


def _whys(evaluations: Relation, verdicts: Relation) -> dict[Cell, dict[str, int]]:
    """How many answers are unverified, by why."""
    rows = evaluations.query(
        "evaluations",
        """
        SELECT model, benchmark, round, why, count(*)
        FROM evaluations JOIN verdicts USING (sample_id) WHERE why IS NOT NULL GROUP BY ALL ORDER BY ALL
        """,
    ).fetchall()
    found: dict[Cell, dict[str, int]] = {}
    for model, benchmark, number, why, samples in rows:
        found.setdefault((model, benchmark, number), {})[why] = samples
    return found


def _rows(keys: Sequence[str], names: Sequence[str], by_key: Mapping[Any, Figures]) -> Rows:
    return (*keys, *names), [(*key, *(values[name] for name in names)) for key, values in by_key.items()]


def _mean(values: Sequence[float | None], digits: int) -> float | None:
    """The mean; null where one is null, since a mean of the others is another figure."""
    there = [value for value in values if value is not None]
    return round(sum(there) / len(there), digits) if len(there) == len(values) else None


def _told(value: Any) -> Any:
    return "" if value is None else value

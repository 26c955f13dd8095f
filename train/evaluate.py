"""evaluate: models of the stages x benchmarks x rounds -> `evaluations`, with `responses` and `verdicts`, and figures.

In: models of `evaluate.models` in data/<stage>/model, the releases, the benchmarks' files. Out: `responses`,
`verdicts`, `evaluations`; metrics.json; tables.json and a CSV file for each table; results.md. The unit is the answer;
nothing is dropped: an answer that is cut or cannot be verified is counted as that.

Answers go through a memo, verdicts through those of the stage verify, so that a reward in training, a verdict in
curation and one here are the same. A question of which a training split holds the prompt stops the stage.

Example row of evaluations: {"sample_id": "1f0c...", "prompt_id": "9ab2...", "model": "sft", "benchmark":
"arithmetic", "question_id": "9ab2...", "category": "math", "round": 2, "sample_index": 0, "previous_sample_id":
"77aa...", "correct": true, "well_formed": true, "finish_reason": "stop", "num_tokens": 41, "words": [0, 1, 0, 0]}

Reference: R1 2.5, R2 3.2, R7 8.7 and R8 9.3, samples and limits; R2 (arXiv 2503.19855), rounds.
"""

import sys
from collections.abc import Sequence

import pyarrow as pa

from curation.errors import ParamsError
from curation.grade import create_passed
from curation.params import Params
from curation.progress import say
from curation.stage import Run, run_stage
from curation.tables import Relation
from curation.tracking import check_tracked
from curation.training_params import Evaluate
from curation.verifiers.dispatch import check_sandbox
from curation.verify import verify
from schemas.evaluations import EVALUATIONS
from schemas.responses import RESPONSES
from schemas.verdicts import VERDICTS
from train import results
from train.asked import Asked, open_model, trained_on
from train.asking import ask
from train.questions import HUB, Opened, open_benchmark, refuse_trained
from train.rounds import check_words


def evaluations_of(answers: Relation, verdicts: Relation) -> Relation:
    """How each answer came out: its verdict's score under the macro `passed` of the connection.

    Args:
        answers: Rows of `train.asking.ANSWERS`.
        verdicts: One per answer. Reads `sample_id`, `score`.

    Returns:
        Rows of `evaluations`.
    """
    columns = ", ".join(
        "passed(category, score) AS correct" if name == "correct" else name for name in EVALUATIONS.column_names
    )
    return answers.query(
        "answers", f"SELECT {columns} FROM answers JOIN (SELECT sample_id, score FROM verdicts) USING (sample_id)"
    )


def check(params: Params) -> Evaluate:
    """The block evaluate, refused where a value cannot do what it is for.

    Raises:
        ParamsError: The block is null; a word can never be counted; a name stands twice; `compare` names a model
            that is not asked; samples of temperature 0, which are all the same.
    """
    block = params.evaluate
    if block is None:
        raise ParamsError("params: evaluate is null; give it a block, as profiles/embedded.yaml has.")
    check_words(block.words)
    named: dict[str, list[str]] = {"models": [*block.models], "benchmarks": [one.name for one in block.benchmarks]}
    for kind, names in named.items():
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice or not names:
            told = f"{twice[0]!r} twice" if twice else "nothing"
            raise ParamsError(f"params: evaluate.{kind} names {told}; wanted at least one name, and each once.")
    for name in (name for pair in block.compare for name in pair if name not in block.models):
        raise ParamsError(f"params: evaluate.compare names {name!r}; evaluate.models has: {', '.join(block.models)}.")
    for one in block.benchmarks:
        if block.temperature == 0 and one.samples > 1:
            raise ParamsError(
                f"params: evaluate.benchmarks.{one.name} wants {one.samples} samples at temperature 0, which are all "
                f"the same. Set samples to 1, or the temperature above 0."
            )
    return block


def main(argv: Sequence[str] | None = None) -> int:
    """Ask benchmarks of the models, and compare them on the same prompts."""
    return run_stage("evaluate", _run)


def _run(run: Run) -> None:
    if run.params.evaluate is None:
        say("evaluate: its block in params is null; nothing is asked")
        run.write_json("metrics.json", {})
        return
    params = check(run.params)
    files = [one.path for one in params.benchmarks if one.path is not None and not one.path.startswith(HUB)]
    check_tracked(files, "evaluate")
    opened = {one.name: open_benchmark(one, params.dataset, run.con) for one in params.benchmarks}
    questions = run.con.from_arrow(pa.concat_tables([one.questions for one in opened.values()]))
    refuse_trained(questions, trained_on(params.models, run.params), run.con)
    _check_categories(questions, run.params)
    models = [open_model(name, run.params) for name in params.models]
    answers = _answers(models, questions, params, run)
    verdicts = _verdicts(answers, questions, run)
    create_passed(run.con, run.params.grade.thresholds)
    run.write(RESPONSES, answers.project("*, NULL::VARCHAR AS record_id, model AS teacher"))
    run.write(VERDICTS, verdicts)
    run.write(EVALUATIONS, evaluations_of(answers, verdicts))
    _write_results(run, params, opened)


def _check_categories(questions: Relation, params: Params) -> None:
    """Every category can be verified and graded: found out before a model writes for hours."""
    categories = {category for (category,) in questions.project("category").distinct().fetchall()}
    missing = sorted(categories - set(params.grade.thresholds))
    if missing:
        raise ParamsError(f"params: grade.thresholds has none for {missing[0]}, of which evaluate asks questions.")
    if "code" in categories:
        check_sandbox(params.verify)


def _answers(models: Sequence[Asked], questions: Relation, params: Evaluate, run: Run) -> Relation:
    """Answers of all models in all rounds; a model leaves memory before the next one comes."""
    shards = []
    for model in models:
        before: Relation | None = None
        for number in range(1, params.rounds + 1):
            scratch = run.scratch(f"{model.name}-{number}")
            before = ask(model, questions, before, params, con=run.con, scratch=scratch)
            shards.append(f"{scratch}/answers/*.parquet")
        model.engine.close()
    return run.con.read_parquet(shards)


def _verdicts(answers: Relation, questions: Relation, run: Run) -> Relation:
    """Rows of `verdicts`; a benchmark at a time, since two may hold one prompt with other tests."""
    names = [name for (name,) in questions.project("benchmark").distinct().order("benchmark").fetchall()]
    resources = run.params.resources
    found = [
        verify(
            answers.filter(f"benchmark = '{name}'").project("sample_id, prompt_id, model AS teacher, answer"),
            questions.filter(f"benchmark = '{name}'"),
            run.params.verify,
            con=run.con,
            processes=resources.processes,
            executor=resources.executor,
        )
        for name in names
    ]
    verdicts = found[0]
    for more in found[1:]:
        verdicts = verdicts.union(more)
    return verdicts


def _write_results(run: Run, params: Evaluate, opened: dict[str, Opened]) -> None:
    """Figures of what was written: metrics.json, tables.json, a CSV file per table, results.md."""
    evaluations = run.con.read_parquet(f"{run.part}/{EVALUATIONS.name}/*.parquet")
    verdicts = run.con.read_parquet(f"{run.part}/{VERDICTS.name}/*.parquet")
    cells = results.figures(evaluations, verdicts, params, seed=run.params.seed)
    compared = results.comparisons(evaluations, params, seed=run.params.seed)
    benchmarks = {
        name: {"rows": one.num_rows, "repeated": one.num_repeated, "beyond_rows_max": one.num_beyond}
        for name, one in opened.items()
    }
    run.write_json("metrics.json", results.metrics(cells, compared, benchmarks))
    found = results.tables(evaluations, cells, compared, params.words)
    for name, (header, rows) in found.items():
        run.write_csv(f"{name}.csv", header, rows)
    run.write_json(
        "tables.json",
        {name: [dict(zip(header, row, strict=True)) for row in rows] for name, (header, rows) in found.items()},
    )
    (run.part / "results.md").write_text(results.page(found, params), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

"""rl: a release of prompts + a model -> the model improved in stages of GRPO, and every rollout as data.

In: `data/release/<rl.dataset>`, split train; the model of the stage `rl.start`. Out: model/, the tables `rollouts`,
`responses` and `verdicts`, metrics.json, log.csv, counts.json. The unit is the prompt: drawn by a stage, or left out
for a reason.

Before any update the first policy is probed; each stage then draws the prompts of its window, trains strictly on
policy, one update per generation, until it has its steps or its reward stops rising. What is cut moves no weight.
Without `kl` there is no reference model.

Reference: R3 (arXiv 2504.00829) 4.3; R7, AM-Thinking-v1 (arXiv 2505.08311) 8.6. Clip range, temperature and the
rate's course are in neither: TRL's clip, params, and a constant rate after the warm-up.
"""

import dataclasses
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from curation import pass_rate_history
from curation.engines.installed import require
from curation.errors import DataError, ParamsError
from curation.params import Params
from curation.stage import Run
from curation.training_params import Generation, Rl, RlStage
from train import checkpoints, curriculum, fitting, models, rollouts
from train.curriculum import Drawn
from train.grpo import LOG, train_stage
from train.launch import run_training
from train.model_card import card
from train.probing import Policy, probe
from train.releases import Opened, open_release, prompts


def main(argv: Sequence[str] | None = None) -> int:
    """Improve a model on prompts that it solves sometimes. Example: python -m train.rl."""
    return run_training("rl", _run, unit="prompt")


def _run(run: Run) -> None:
    block, params = check(run.params), run.params
    configs = {stage.config: open_release(block.dataset, stage.config) for stage in block.stages}
    start, path = models.identity(block.start, params), models.resolve(block.start, params)
    decides = {
        "base": dataclasses.asdict(models.base_of(params)),
        "verify": dataclasses.asdict(params.verify),
        "thresholds": dict(params.grade.thresholds),
    }
    known = fitting.identity(block, params, list(configs.values()), start)
    folder = checkpoints.open_folder("rl", known | decides)
    policy = Policy(block, params, folder, folder.name)
    asked = {name: prompts(opened, "train", run.con) for name, opened in configs.items()}
    scopes = [curriculum.in_scope(asked[stage.config], stage, seed=params.seed, con=run.con) for stage in block.stages]
    probe(policy, path, scopes)
    outcomes: list[dict[str, Any]] = []
    fates: dict[str, str] = {}
    drawn: set[str] = set()
    for index, scope in enumerate(scopes, start=1):
        chosen = _drawn(policy, index, scope, run.con)
        left_out = {**scope.dropped, **chosen.dropped}
        fates |= left_out
        rows = chosen.kept.to_arrow_table().to_pylist()
        drawn |= {row["prompt_id"] for row in rows}
        if rows:
            outcome, path = train_stage(policy, block.stages[index - 1], index=index, rows=rows, path=path)
        else:
            outcome = _passed_over(block.stages[index - 1], left_out, is_first=index == 1)
        outcomes.append(outcome)
    if fitting.is_first():
        _write(run, policy, outcomes, path=path, opened=next(iter(configs.values())), start=start)
    never = [reason for prompt_id, reason in fates.items() if prompt_id not in drawn]
    run.account(unit="prompt", rows_in=len(drawn) + len(never), rows_kept=len(drawn), dropped=Counter(never))


def _drawn(policy: Policy, index: int, scope: Drawn, con: duckdb.DuckDBPyConnection) -> Drawn:
    """What a stage draws, by what was rolled out before it."""
    stages = policy.block.stages
    earlier = rollouts.read(policy.folder, con).filter(f"stage_index < {index}")
    history = earlier.query("rollouts", pass_rate_history.SQL)
    before = stages[index - 2].name if index > 1 else None
    return curriculum.draw(scope.kept, stages[index - 1], history, before=before, con=con)


def _passed_over(stage: RlStage, left_out: Mapping[str, str], *, is_first: bool) -> dict[str, Any]:
    """A later stage without prompts is told and passed over: what was trained before it stands."""
    reasons = Counter(left_out.values()).most_common()
    told = f"the stage {stage.name} has no prompt left ({', '.join(f'{name} {number:,}' for name, number in reasons)})"
    if is_first:
        raise DataError(f"rl: {told}. Widen its categories or its window, or start from another model.")
    fitting.told(f"rl: {told}; it is passed over")
    return {"name": stage.name, "prompts": 0, "steps": 0, "ended_by": "no_prompts", "log": []}


def check(params: Params) -> Rl:
    """The block rl, refused where a value cannot do what it is for.

    Raises:
        ParamsError: The block has no stage or a name twice; a batch is not whole groups; a window has nothing to
            go by.
    """
    block = params.rl
    assert block is not None
    names = [stage.name for stage in block.stages]
    if not names or len(set(names)) < len(names) or "probe" in names:
        raise ParamsError("params: rl.stages wants at least one stage, each with a name of its own that is not probe.")
    local = block.fit.batch // fitting.num_processes()
    if local % block.samples:
        raise ParamsError(
            f"params: rl.fit.batch is {block.fit.batch}; each of {fitting.num_processes()} processes wants whole groups of "
            f"rl.samples {block.samples}."
        )
    if block.stages[0].window is not None and block.probe_samples == 0:
        raise ParamsError(
            "params: rl.stages[0].window needs pass rates; set rl.probe_samples above 0, or window: null."
        )
    _check_generation(block.generation)
    return block


def _check_generation(generation: Generation) -> None:
    if (generation.engine == "vllm_server") != (generation.server is not None):
        raise ParamsError(
            f"params: rl.generation.engine is {generation.engine} and server {generation.server}; vllm_server wants the "
            f"server's address, any other engine null."
        )
    if generation.engine != "transformers":
        require("vllm", install="pip install -e '.[gpu]'", wanted_by=f"rl.generation.engine {generation.engine}")


def _write(
    run: Run, policy: Policy, outcomes: Sequence[dict[str, Any]], *, path: Path | str, opened: Opened, start: str
) -> None:
    found = rollouts.read(policy.folder, run.con)
    rollouts.write_tables(run, found)
    counted = found.query(
        "found",
        f"""
        SELECT stage_name, count(*) AS rollouts, count(*) FILTER (reward IS NULL) AS unverified,
            count(*) FILTER (truncated) AS truncated,
            count(*) FILTER (advantage IS NULL) // {policy.block.samples} AS groups_replaced
        FROM found WHERE stage_index > 0 GROUP BY stage_name
        """,
    )
    by_stage = {row["stage_name"]: row for row in counted.to_arrow_table().to_pylist()}
    stages = {}
    for outcome in outcomes:
        figures = {**outcome, **by_stage.get(outcome["name"], {})}
        stages[outcome["name"]] = {name: figures[name] for name in figures if name not in ("name", "stage_name", "log")}
    run.write_json("metrics.json", {"stages": stages})
    run.write_csv("log.csv", LOG, [line for outcome in outcomes for line in outcome["log"]])
    of_card = {f"{name}: {key}": value for name, values in stages.items() for key, value in values.items()}
    told = card("rl", run.params, opened=opened, start=start, figures=of_card)
    fitting.copy_model(Path(path), run.part / models.MODEL, told)


if __name__ == "__main__":
    sys.exit(main())

"""The whole pipeline on the tiny profile, with the real models: accounts, identity, kills, repeats."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
import yaml

ROOT = Path(__file__).parents[1]
DATASETS = ("am-1-4m", "am-40m", "am-difficulty-rl", "sums")
STAGES = list(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])


def make_project(folder: Path, home: Path) -> Path:
    """A project of the tiny profile, with a memo of its own and the models of another run if there are any."""
    folder.mkdir()
    for name in ("curation", "schemas", "train", "data/sources", "data/benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    write_params_and_pipeline(folder)
    run(folder, "dvc", "init", "--no-scm", "--quiet")
    shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots")
    shutil.copy(ROOT / ".dvcignore", folder)
    (folder / ".curate").mkdir()
    home.mkdir(exist_ok=True)
    (folder / ".curate/models").symlink_to(home)
    return folder


def write_params_and_pipeline(folder: Path) -> None:
    """The tiny profile and dvc.yaml, cut down to some of the datasets to save time."""
    params = yaml.safe_load((ROOT / "profiles/tiny.yaml").read_text())
    others = tuple(f"data/select/{name}/" for name in params["datasets"] if name not in DATASETS)
    params["datasets"] = {name: params["datasets"][name] for name in DATASETS}
    params["publish"]["datasets"] = {DATASETS[0]: "1.0.0"}
    params["preference"] = None  # its dataset is not among them
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    pipeline["metrics"] = [path for path in pipeline["metrics"] if not path.startswith(others)]
    for shown in (shown for plot in pipeline["plots"] for shown in plot.values()):
        shown["y"] = {path: y for path, y in shown["y"].items() if not path.startswith(others)}
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HF_HUB_OFFLINE": "1", "DVC_NO_ANALYTICS": "1", "PYTHONHASHSEED": "random"}


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def project(tmp_path_factory, models):
    folder = make_project(tmp_path_factory.mktemp("one") / "project", models)
    run(folder, "dvc", "repro")
    return folder


def counts(folder: Path) -> dict[str, dict]:
    return {
        str(path.parent.relative_to(folder / "data")): json.loads(path.read_text())
        for path in folder.rglob("counts.json")
    }


def test_every_row_is_accounted_for_from_stage_to_stage(project):
    found = counts(project)
    for name, stage in found.items():
        assert stage["rows_in"] == stage["rows_kept"] + sum(stage["dropped"].values()), name
    for before, after in itertools.pairwise(STAGES[:5]):
        assert found[before]["rows_kept"] == found[after]["rows_in"], after
    assert found["distill"]["rows_kept"] == found["verify"]["rows_in"] == found["score"]["rows_in"]


def test_every_reason_that_comes_up_is_explained_in_the_docs(project):
    for name, stage in counts(project).items():
        page = (ROOT / f"docs/stages/{name.split('/')[0]}.md").read_text()
        recipes = (ROOT / "docs/recipes.md").read_text()
        for reason in stage["dropped"]:
            assert f"`{reason}`" in page + recipes, f"{name}: {reason}"


def test_the_plots_of_dvc_hold_the_funnel_the_pass_rates_and_the_lengths(project):
    plots = json.loads(run(project, "dvc", "plots", "show", "--json"))["data"]
    shown = {name: plot[0]["content"]["data"]["values"] for name, plot in plots.items()}
    assert {row["stage"] for row in shown["Funnel"]} >= {"ingest", "distill", "select am-40m"}
    assert {row["category"] for row in shown["Pass rates"]} >= {"math", "code"}
    assert sum(int(row["responses"]) for row in shown["Response lengths"]) == counts(project)["score"]["rows_in"]


def test_a_second_repro_does_nothing(project):
    lock = (project / "dvc.lock").read_text()
    assert "Data and pipelines are up to date" in run(project, "dvc", "repro")
    assert (project / "dvc.lock").read_text() == lock


def test_a_clean_run_elsewhere_gives_the_same_bytes(project, tmp_path, models):
    other = make_project(tmp_path / "project", models)
    run(other, "dvc", "repro")
    assert (other / "dvc.lock").read_text() == (project / "dvc.lock").read_text()


def test_a_moved_threshold_reruns_nothing_before_grade(project, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(project, folder, symlinks=True)
    params = folder / "params.yaml"
    values = yaml.safe_load(params.read_text())
    values["grade"]["thresholds"] = {**values["grade"]["thresholds"], "math": 0.5}
    params.write_text(yaml.safe_dump(values))
    status = run(folder, "dvc", "status")
    changed = {line.split(":")[0].split("@")[0] for line in status.splitlines() if line and not line[0].isspace()}
    assert "grade" in changed
    assert changed.isdisjoint(STAGES[: STAGES.index("grade")])


def test_kill_9_in_the_middle_of_distill_costs_one_batch_at_most(project, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(project, folder, symlinks=True)
    memo = folder / ".curate/memo/distill"
    shutil.rmtree(memo)
    process = subprocess.Popen(
        [sys.executable, "-m", "curation.distill"], cwd=folder, env=environment(), stderr=subprocess.DEVNULL
    )
    while len(list(memo.glob("*.parquet"))) < 2:
        assert process.poll() is None, "distill ended before it could be killed"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = stored_keys(memo)
    run(folder, "curation.distill")
    after = stored_keys(memo)
    assert len(after) == len(set(after)), "an answered request was asked again"
    assert set(kept) < set(after)
    assert (folder / "data/distill/responses/00000.parquet").read_bytes() == (
        project / "data/distill/responses/00000.parquet"
    ).read_bytes()


def stored_keys(memo: Path) -> list[str]:
    return [key for (key,) in duckdb.connect().execute(f"SELECT key FROM '{memo}/*.parquet'").fetchall()]

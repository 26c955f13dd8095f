"""dvc.yaml is complete: every stage has its module, its params and what it depends on."""

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES = {name: stage.get("do", stage) for name, stage in PIPELINE["stages"].items()}
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
# Which package a stage's module is in.
PACKAGES = {name: stage["cmd"].split()[2].split(".")[0] for name, stage in STAGES.items()}

# Modules through which rows pass unchanged: reading, writing, accounts, sentences. A change there that changes
# rows is a change of the tables' contract, and schemas/ says so.
PLUMBING = {
    "disk",
    "errors",
    "execute",
    "memo",
    "params",
    "places",
    "progress",
    "render",
    "stage",
    "tables",
    "training_params",
}


def imported(module: Path) -> set[str]:
    """Dotted names of our own modules that a module imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith(("curation.", "schemas.", "train."))}


def module_of(stage: str) -> str:
    return f"{PACKAGES[stage]}/{stage}.py"


def files_of(name: str) -> list[Path]:
    path = ROOT / name.replace(".", "/")
    return [found for found in (path.with_suffix(".py"), path / "__init__.py") if found.exists()]


def is_covered(path: Path, deps: list[Path]) -> bool:
    return any(path == dep or dep in path.parents for dep in deps)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_described_and_runs_its_own_module(name):
    stage = STAGES[name]
    assert stage["desc"]
    assert stage["cmd"].split()[:3] == ["python", "-m", f"{PACKAGES[name]}.{name}"]
    assert PACKAGES[name] in ("curation", "train")
    assert module_of(name) in stage["deps"]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_the_modules_that_it_imports(name):
    deps = [ROOT / dep for dep in STAGES[name]["deps"] if "$" not in dep]
    wanted = [path for module in imported(ROOT / module_of(name)) for path in files_of(module)]
    missing = [
        str(path.relative_to(ROOT)) for path in wanted if path.stem not in PLUMBING and not is_covered(path, deps)
    ]
    assert sorted(set(missing) - {"curation/__init__.py", "train/__init__.py"}) == []


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_that_drops_depends_on_what_a_drop_is(name):
    drops = "write_drops(" in (ROOT / module_of(name)).read_text()
    assert not drops or "schemas/drops.py" in STAGES[name]["deps"]


@pytest.mark.parametrize("name", STAGES)
def test_dependencies_of_the_code_exist(name):
    for dep in STAGES[name]["deps"]:
        if "$" not in dep and not (dep.startswith("data/") and dep.split("/")[1] in STAGES):
            assert (ROOT / dep).exists(), dep


@pytest.mark.parametrize("name", STAGES)
def test_params_of_a_stage_exist(name):
    for block in STAGES[name]["params"]:
        assert block.split(".")[0] in PARAMS, block


def test_stages_stand_in_the_order_of_the_data():
    order = list(STAGES)
    for position, name in enumerate(order):
        for dep in STAGES[name]["deps"]:
            parts = dep.split("/")
            if parts[0] == "data" and parts[1] in STAGES:
                assert order.index(parts[1]) < position, f"{name} needs {dep}"


def test_metrics_and_plots_are_inside_outputs():
    outs = [out for stage in STAGES.values() for out in stage["outs"]]
    plotted = [path for plot in PIPELINE["plots"] for told in plot.values() for path in told["y"]]
    for path in (*PIPELINE["metrics"], *plotted):
        assert any(path.startswith(out.split("$")[0]) for out in outs), path


def test_every_dataset_has_its_metrics_its_plots_and_is_an_artifact():
    """DVC's lists are static: what is added to params has to be added there."""
    assert list(PIPELINE["artifacts"]) == list(PARAMS["datasets"])
    plotted = [path for plot in PIPELINE["plots"] for told in plot.values() for path in told["y"]]
    for paths in (PIPELINE["metrics"], plotted):
        selected = {path.split("/")[2] for path in paths if path.startswith("data/select/")}
        assert selected == set(PARAMS["datasets"])


@pytest.mark.parametrize("name", PIPELINE["artifacts"])
def test_an_artifact_is_the_release_of_its_dataset_under_a_name_that_dvc_takes(name):
    artifact = PIPELINE["artifacts"][name]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert artifact["path"] in [out.replace("${key}", name) for out in STAGES["release"]["outs"]]
    assert artifact["type"] == "dataset" and artifact["desc"] and artifact["labels"]
    assert artifact["meta"]["recipe"] == PARAMS["datasets"][name]["recipe"]

"""A new project is whole, says what its values mean, and is what the repository's own pipeline is."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from curation import params
from curation.errors import DataError, ParamsError
from curation.guess import BenchmarkWish, SourceWish
from curation.init import Options, init, next_steps
from curation.tracking import check_tracked

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"^(curation|schemas)/")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with a source and a benchmark, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("gsm.jsonl").write_text(json.dumps({"question": "How many?", "answer": "so #### 4", "out": "4!"}) + "\n")
    Path("aime.jsonl").write_text(json.dumps({"problem": "Which?"}) + "\n")
    return tmp_path


def test_a_project_without_sources_has_twenty_prompts_of_its_own(tmp_path):
    assert init(tmp_path / "new", Options()) == []
    made = params.load(tmp_path / "new/params.yaml")
    assert [source.path for source in made.ingest.sources] == ["data/sources/example.jsonl"]
    assert len((tmp_path / "new/data/sources/example.jsonl").read_text().splitlines()) == 20
    assert not list(tmp_path.glob(".*"))


def test_it_is_a_repository_of_git_and_dvc_that_dvc_can_read(tmp_path):
    init(tmp_path / "new", Options())
    assert (tmp_path / "new/.git").is_dir()
    assert (tmp_path / "new/.dvc/plots/funnel.json").is_file()
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    command = [sys.executable, "-m", "dvc", "stage", "list", "--name-only"]
    told = subprocess.run(command, cwd=tmp_path / "new", env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.split() == [
        *["ingest", "clean", "deduplicate", "decontaminate", "annotate", "distill", "verify", "score", "grade"],
        *["select@am-1-4m", "select@am-40m", "validate", "release@am-1-4m", "release@am-40m"],
        "publish",
    ]


def test_sources_and_benchmarks_stand_in_params_and_in_the_deps(files):
    options = Options([SourceWish("gsm.jsonl")], [BenchmarkWish("aime.jsonl")], prompt_budget=7, git=False)
    notes = init(Path("new"), options)
    made = params.load(Path("new/params.yaml"))
    assert (made.ingest.sources[0].path, made.decontaminate.benchmarks[0].path) == ("../gsm.jsonl", "../aime.jsonl")
    assert set(made.distill.prompt_budget.values()) == {7}
    assert any("guessed: prompt=question, reference=answer" in note for note in notes)
    os.chdir("new")
    check_tracked(["../gsm.jsonl"], "ingest")
    check_tracked(["../aime.jsonl"], "decontaminate")
    assert "no_scm = True" in Path(".dvc/config").read_text()


def test_absolute_paths_and_patterns_stay_and_equal_names_differ(files):
    (files / "many").mkdir()
    (files / "many/g1.jsonl").write_text((files / "gsm.jsonl").read_text())
    pattern = str(files / "many/g*.jsonl")
    init(Path("new"), Options([SourceWish(pattern), SourceWish("gsm.jsonl"), SourceWish("./gsm.jsonl")], git=False))
    sources = params.load(Path("new/params.yaml")).ingest.sources
    assert [source.path for source in sources] == [pattern, "../gsm.jsonl", "../gsm.jsonl"]
    assert [source.name for source in sources] == ["g", "gsm", "gsm-2"]
    assert [source.priority for source in sources] == [10, 20, 30]
    deps = yaml.safe_load(Path("new/dvc.yaml").read_text())["stages"]["ingest"]["deps"]
    assert deps == [str(files / "many"), "../gsm.jsonl"]


def test_ready_responses_get_a_role_of_their_own(files):
    init(Path("new"), Options([SourceWish("gsm.jsonl", columns="prompt=question,response=out")], git=False))
    made = params.load(Path("new/params.yaml"))
    assert made.roles == {"teacher": ["smollm2"], "ready": ["gsm"]}
    assert made.datasets["am-1-4m"].values["roles"] == ["ready", "teacher"]
    assert made.ingest.sources[0].response_tag == "gsm"


def test_every_value_of_the_new_params_is_explained_beside_it_or_above(files):
    init(Path("new"), Options([SourceWish("gsm.jsonl")], [BenchmarkWish("aime.jsonl")], git=False))
    text = Path("new/params.yaml").read_text()
    explained = sum("#" in line for line in text.splitlines())
    assert explained > 0.6 * len([line for line in text.splitlines() if line.strip()])


def test_no_mark_of_the_templates_is_left(files):
    init(Path("new"), Options([SourceWish("gsm.jsonl")], [BenchmarkWish("aime.jsonl")], git=False))
    for path in Path("new").glob("*.yaml"):
        assert not re.search(r"@\w+@", path.read_text()), path


def test_a_pattern_whose_folder_would_hold_the_project_is_refused(files):
    with pytest.raises(DataError, match=r"the folder of \*\.jsonl would hold the project"):
        init(Path("new"), Options([SourceWish("*.jsonl")], git=False))


@pytest.mark.parametrize("there", ["file", "folder"])
def test_a_place_that_is_taken_is_left_alone(tmp_path, there):
    taken = tmp_path / "new"
    if there == "folder":
        taken.mkdir()
        (taken / "mine.txt").write_text("mine")
    else:
        taken.write_text("mine")
    with pytest.raises(DataError, match="new is not an empty folder; name a new one"):
        init(taken, Options())
    assert taken.is_file() or [path.name for path in taken.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "new").mkdir()
    init(tmp_path / "new", Options(git=False))
    assert (tmp_path / "new/dvc.yaml").exists()


def test_a_wrong_column_leaves_nothing_behind(files):
    with pytest.raises(ParamsError, match="has no column 'no'"):
        init(Path("new"), Options([SourceWish("gsm.jsonl", columns="prompt=no")]))
    assert sorted(path.name for path in files.iterdir()) == ["aime.jsonl", "gsm.jsonl"]


def test_the_new_pipeline_is_the_repositorys_without_its_code(tmp_path):
    init(tmp_path / "new", Options(git=False))
    new = yaml.safe_load((tmp_path / "new/dvc.yaml").read_text())
    own = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    # It curates; docs/train.md says what trains.
    trained = tuple(f"data/{name}/" for name, stage in own["stages"].items() if "train." in str(stage))
    own["stages"] = {name: stage for name, stage in own["stages"].items() if f"data/{name}/" not in trained}
    own["plots"] = [plot for plot in own["plots"] if not next(iter(next(iter(plot.values()))["y"])).startswith(trained)]
    for name, stage in own["stages"].items():
        inner = stage.get("do", stage)
        inner["deps"] = [dep for dep in inner["deps"] if not CODE.match(dep) and dep != "data/benchmarks"]
        if name == "ingest":
            inner["deps"] = ["data/sources/example.jsonl"]
    # A new project has two datasets.
    names = list(yaml.safe_load((ROOT / "params.yaml").read_text())["datasets"])[2:]
    others = tuple(f"data/select/{name}/" for name in names)
    own["artifacts"] = {name: told for name, told in own["artifacts"].items() if name not in names}
    own["metrics"] = [path for path in own["metrics"] if not path.startswith(others + trained)]
    for shown in (shown for plot in own["plots"] for shown in plot.values()):
        shown["y"] = {path: y for path, y in shown["y"].items() if not path.startswith(others)}
    assert new == own, "curation/templates/pipeline.yaml has to follow dvc.yaml"


def test_the_next_steps_name_the_folder():
    assert "cd some/new\n  dvc repro" in next_steps(Path("some/new"))

"""`curate plan` counts what distill would ask, from ids and the memo alone."""

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from curation import params as params_module
from curation import tables
from curation.cli import main
from curation.distill import COMPLETIONS, completions_memo, move_ready, open_engines, requests_of
from curation.forecast import forecast
from curation.hashing import digest
from curation.stage import Run
from schemas.drops import DROPS
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES


def prompt_row(name, category="math"):
    ids = {"record_id": digest("record", name), "prompt_id": digest("prompt", name)}
    told = {"source": "school", "source_row": name, "category": category, "licence": "MIT", "priority": 1}
    return {**ids, **told, "messages": [{"role": "user", "content": name}]}


@pytest.fixture
def project(tiny_project):
    """The tiny project with three math prompts and a chat; its teachers' model is named, never opened."""
    prompts = [prompt_row("apples"), prompt_row("walk"), prompt_row("rope"), prompt_row("story", "chat")]
    with tables.connect(memory_gb=1) as con:
        tables.write(tables.from_rows(con, prompts, PROMPTS), tiny_project / "data/annotate/prompts", PROMPTS)
    (tiny_project / "model").mkdir()
    (tiny_project / "model/config.json").write_text("{}")
    change(prompt_budget={"math": 2}, samples={"math": 3, "chat": 2})
    return tiny_project


def change(**distill):
    """Write other values of distill into the project's params."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["distill"] |= distill
    params["teachers"] = [{**teacher, "model": "./model"} for teacher in params["teachers"]]
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def requests(folder):
    """What distill itself would ask, as rows."""
    params = params_module.load()
    with tables.connect(memory_gb=1) as con:
        run = Run("distill", None, params, con, folder)
        prompts = run.read("annotate", PROMPTS)
        ready = move_ready(run.read("ingest", RESPONSES), prompts, run.read("deduplicate", DROPS))
        return requests_of(run, ready, prompts, open_engines(params.teachers)).to_arrow_table().to_pylist()


def answer(keys, num_tokens):
    """Put answers of stated lengths into the memo."""
    fixed = {"text": "w1", "finish_reason": "stop", "num_prompt_tokens": 5, "seconds": 0.1}
    rows = [{**fixed, "num_tokens": number} for number in num_tokens]
    completions_memo().append(pa.Table.from_pylist(rows, schema=COMPLETIONS).add_column(0, "key", pa.array(keys)))


def test_without_answers_all_that_is_within_the_budget_is_to_be_asked(project):
    found = {(one.teacher, one.category): one for one in forecast()}
    assert list(found) == [(name, kind) for name in ("smollm2-plain", "smollm2-reports") for kind in ("chat", "math")]
    math = found["smollm2-plain", "math"]
    assert (math.num_prompts, math.num_requests, math.num_over_budget, math.num_to_ask) == (3, 9, 3, 6)
    assert (math.num_answered, math.mean_tokens, math.tokens_to_ask) == (0, None, None)
    assert (found["smollm2-plain", "chat"].num_to_ask, found["smollm2-plain", "chat"].num_over_budget) == (2, 0)


def test_answers_in_the_memo_cost_nothing_and_tell_how_long_the_others_will_be(project):
    own = [row for row in requests(project / "part") if (row["teacher"], row["category"]) == ("smollm2-plain", "math")]
    answer([row["key"] for row in own if not row["over_budget"]][:2], [10, 25])
    math = next(one for one in forecast() if (one.teacher, one.category) == ("smollm2-plain", "math"))
    assert (math.num_answered, math.num_to_ask, math.mean_tokens, math.tokens_to_ask) == (2, 4, 17.5, 70)
    assert math.num_requests == math.num_answered + math.num_to_ask + math.num_over_budget


def test_an_answer_over_the_budget_stays_over_it_and_counts_once_the_budget_grows(project):
    over = [row for row in requests(project / "part") if row["over_budget"]]
    answer([row["key"] for row in over], [8] * len(over))
    before = [one for one in forecast() if one.category == "math"]
    change(prompt_budget=None)
    after = [one for one in forecast() if one.category == "math"]
    assert [(one.num_answered, one.num_over_budget, one.num_to_ask) for one in before] == [(0, 3, 6)] * 2
    assert [(one.num_answered, one.num_over_budget, one.num_to_ask) for one in after] == [(3, 0, 6)] * 2


def test_the_forecast_counts_what_distill_would_ask_and_leaves_nothing_behind(project, monkeypatch, tmp_path_factory):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
    before = sorted(project.rglob("*"))
    told = forecast()
    assert sorted(path for path in project.rglob("*") if ".curate" not in path.parts) == before
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    rows = requests(project / "part")
    assert sum(one.num_requests for one in told) == len(rows)
    assert sum(one.num_over_budget for one in told) == sum(row["over_budget"] for row in rows)


def test_a_project_without_prompts_asks_nothing(project):
    with tables.connect(memory_gb=1) as con:
        tables.write(tables.from_rows(con, [], PROMPTS), project / "data/annotate/prompts", PROMPTS)
    assert forecast() == []


def test_the_command_prints_the_forecast(project, capsys):
    assert main(["plan", "--format", "json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [vars(one) for one in forecast()]

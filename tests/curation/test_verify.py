"""The stage verify: one verdict per response, once, whatever the order, the batches and the machine."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import tables
from curation.hashing import digest
from curation.params import CATEGORIES, Verify
from curation.verifiers.dispatch import VERIFIERS, task_key, verifier_of, verify_tasks
from curation.verifiers.verdict import Task
from curation.verify import main, verify
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES
from schemas.verdicts import VERDICTS

ROOT = Path(__file__).parents[2]
PARAMS = Verify(**yaml.safe_load((ROOT / "params.yaml").read_text())["verify"])
TESTS = '{"call_type": "assert", "fn_name": "f", "assert_case": ["assert f(1) == 2", "assert f(2) == 5"]}'
NO_COMMA = '{"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}'
# Category, its prompt's columns, an answer, and the verdict's verifier, score and reason.
CASES = [
    ("math", {"reference": "(x+1)^2"}, r"\boxed{x^2+2x+1}", "math", 1.0, None),
    ("math", {"reference": "4"}, "So it is 5.", "math", 0.0, None),
    ("math", {}, r"\boxed{4}", "math", None, "no_reference"),
    ("code", {"tests": TESTS}, "```python\ndef f(x):\n    return x + 1\n```", "code", 0.5, None),
    ("code", {}, "print(1)", "code", None, "no_tests"),
    ("science", {"reference": "B"}, "The answer is B.", "science", 5.0, None),
    ("science", {"reference": "Yes"}, "No.", "science", 0.0, None),
    ("instruction", {"constraints": NO_COMMA}, "Tea.", "instructions", 1.0, None),
    ("instruction", {}, "Tea.", "instructions", None, "no_constraints"),
    ("chat", {}, "Hello!", "none", None, "no_reward_model"),
    ("multi_turn", {"reference": "7"}, "7", "none", None, "no_reward_model"),
]


def prompt_row(number, category, columns):
    message = {"role": "user", "content": f"Question {number}"}
    ids = {"record_id": digest("record", str(number)), "prompt_id": digest("prompt", str(number))}
    told = {"source": "school", "source_row": str(number), "licence": "MIT", "priority": 1}
    return {**ids, **told, "category": category, "messages": [message], "language": "en", **columns}


def response_row(number, answer, index=0):
    ids = {"sample_id": digest("sample", str(number), str(index)), "prompt_id": digest("prompt", str(number))}
    return {**ids, "teacher": "small", "sample_index": index, "answer": answer, "well_formed": True}


PROMPT_ROWS = [prompt_row(number, category, columns) for number, (category, columns, *_) in enumerate(CASES)]
RESPONSE_ROWS = [response_row(number, case[2], index) for index in (0, 1) for number, case in enumerate(CASES)]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_HOME", str(tmp_path / "home"))


def verdicts(con, params=PARAMS, responses=RESPONSE_ROWS):
    found = verify(
        tables.from_rows(con, responses, RESPONSES),
        tables.from_rows(con, PROMPT_ROWS, PROMPTS),
        params,
        con=con,
        processes=2,
    )
    return {row["sample_id"]: row for row in found.to_arrow_table().to_pylist()}


def test_every_category_goes_to_its_verifier(con):
    found = verdicts(con)
    for number, (category, _, _, verifier, score, why) in enumerate(CASES):
        row = found[digest("sample", str(number), "0")]
        assert (row["category"], row["verifier"], row["score"], row["why"]) == (category, verifier, score, why)
        assert row["status"] == ("unverified" if score is None else "verified")
    assert len(found) == len(RESPONSE_ROWS)


def test_equal_answers_are_verified_once_and_a_second_run_verifies_nothing(con, capsys):
    first = verdicts(con)
    assert "verify math: 3 verified, 0 from the memo" in capsys.readouterr().err
    assert verdicts(con) == first
    told = [line for line in capsys.readouterr().err.splitlines() if "verified," in line]
    assert [line.split(": ")[1].split(",")[0] for line in told] == ["0 verified"] * 4


def test_a_new_deadline_verifies_math_again_and_nothing_else(con, capsys):
    verdicts(con)
    capsys.readouterr()
    verdicts(con, replace(PARAMS, timeout_seconds=PARAMS.timeout_seconds + 1))
    told = capsys.readouterr().err
    assert "verify math: 3 verified" in told and "verify science: 2 verified" in told
    assert "verify code: 0 verified" in told and "verify instructions: 0 verified" in told


@given(st.permutations(RESPONSE_ROWS), st.integers(1, 9))
@settings(max_examples=5, deadline=None)
def test_verdicts_do_not_depend_on_order_batches_and_what_ran_before(tmp_path_factory, rows, batch_rows):
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("CURATE_HOME", str(tmp_path_factory.mktemp("home")))
        con = tables.connect(memory_gb=1)
        params = replace(PARAMS, batch_rows=batch_rows)
        some = verdicts(con, params, rows[:5])
        everything = verdicts(con, params, rows)
        assert everything == {**everything, **some}
        for number, case in enumerate(CASES):
            assert everything[digest("sample", str(number), "1")]["score"] == case[4]


def test_the_stage_writes_verdicts_and_counts(tiny_project):
    assert main([]) == 0
    written = tables.read(tables.connect(memory_gb=1), tiny_project / "data/verify/verdicts", VERDICTS)
    assert sorted(row[0] for row in written.query("w", "SELECT score FROM w").fetchall()) == [0.0, 0.0, 1.0, 1.0]
    counts = json.loads((tiny_project / "data/verify/counts.json").read_text())
    assert (counts["unit"], counts["rows_in"], counts["rows_kept"]) == ("response", 4, 4)


def test_two_runs_with_a_memo_each_write_the_same_bytes(tiny_project, monkeypatch):
    written = []
    for home in ("one", "two"):
        monkeypatch.setenv("CURATE_HOME", home)
        assert main([]) == 0
        written.append(Path("data/verify/verdicts/00000.parquet").read_bytes())
    assert written[0] == written[1]


WITHOUT_SANDBOX = """
import os, sys
from curation.verifiers import sandbox_kernel as kernel
uid, gid = os.geteuid(), os.getegid()
kernel.call("unshare", kernel.NEW_USERS)
for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
    open(f"/proc/self/{name}", "w").write(text)
open("/proc/sys/user/max_user_namespaces", "w").write("0")
from curation.verify import main
sys.exit(main([]))
"""


def run_without_sandbox(project):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SANDBOX],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    return done.returncode, done.stderr


def test_code_without_a_sandbox_stops_the_stage_before_it_starts(tiny_project):
    code, told = run_without_sandbox(tiny_project)
    assert code == 1 and "error: Code is run in a sandbox or not at all" in told
    assert not (tiny_project / ".curate/memo").exists()


def test_code_without_a_sandbox_stays_unverified_where_params_allow_it_and_is_tried_again(tiny_project, monkeypatch):
    monkeypatch.delenv("CURATE_HOME", raising=False)
    path = tiny_project / "params.yaml"
    path.write_text(path.read_text().replace("require_sandbox: true", "require_sandbox: false"))
    assert run_without_sandbox(tiny_project)[0] == 0
    con = tables.connect(memory_gb=1)
    sql = "SELECT verifier, why, score FROM w WHERE category = 'code' ORDER BY score"
    folder = tiny_project / "data/verify/verdicts"
    assert tables.read(con, folder, VERDICTS).query("w", sql).fetchall() == [("code", "no_sandbox", None)] * 2
    assert main([]) == 0
    assert tables.read(con, folder, VERDICTS).query("w", sql).fetchall() == [("code", None, 0.0), ("code", None, 1.0)]


def test_a_key_covers_what_decides_and_nothing_else():
    task = Task((("user", "Why?"),), "7", reference="7")
    key = task_key("math", task, PARAMS)
    assert task_key("math", replace(task, messages=(), tests="x"), replace(PARAMS, max_tests=3)) == key
    others = [
        task_key("math", replace(task, reference=None), PARAMS),
        task_key("math", replace(task, reference=""), PARAMS),
        task_key("math", replace(task, answer="8"), PARAMS),
        task_key("math", task, replace(PARAMS, math_extraction="boxed")),
        task_key("science", task, PARAMS),
    ]
    assert len({key, *others}) == 6


def test_every_category_has_a_verifier():
    assert set(VERIFIERS) == set(CATEGORIES)
    assert [verifier_of(category, PARAMS) for category in ("chat", "multi_turn")] == ["none", "none"]


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_tasks_give_no_verdicts(category):
    assert verify_tasks(category, [], PARAMS) == []

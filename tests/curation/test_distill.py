"""Ready responses find their surviving prompt, and the stage asks each request once, whatever runs before it."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import tables
from curation.distill import main, move_ready
from curation.hashing import brought_sample_id, digest
from schemas.drops import DROPS
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES

TEMPLATE = "{% for message in messages %}{{ message['content'] }} w1 {% endfor %}"
CATEGORIES = ("math", "code", "science", "instruction", "multi_turn", "chat")
TEACHER = {"engine": "transformers", "revision": None, "system": None, "suffix": {}, "top_p": 1.0}


def prompt_row(name, prompt=None, category="math", **columns):
    """A surviving prompt; records of one `prompt` ask the same."""
    ids = {"record_id": digest("record", name), "prompt_id": digest("prompt", prompt or name)}
    told = {"source": "school", "source_row": name, "category": category, "licence": "MIT", "priority": 1}
    return {**ids, **told, "messages": [{"role": "user", "content": f"w3 w4 {name}"}], **columns}


def ready_row(name, answer, number=0, teacher="school"):
    """A response that the record `name` brought."""
    ids = {"sample_id": digest("sample", name, str(number)), "prompt_id": digest("prompt", name)}
    told = {"teacher": teacher, "sample_index": number, "answer": answer, "well_formed": True}
    return {**ids, "record_id": digest("record", name), **told}


def drop_row(loser, winner, reason="near_duplicate"):
    own = {"record_id": digest("record", loser), "evidence_id": digest("record", winner)}
    return {"stage": "deduplicate", "reason": reason, "num_units": 1, **own}


def moved(con, ready, prompts, drops=()):
    """What move_ready says of each ready response, by its id."""
    found = move_ready(
        tables.from_rows(con, ready, RESPONSES),
        tables.from_rows(con, prompts, PROMPTS),
        tables.from_rows(con, drops, DROPS),
    )
    return {row["sample_id"]: row for row in found.to_arrow_table().to_pylist()}


def test_a_ready_response_stays_with_its_own_prompt(con):
    ready = ready_row("apples", "7")
    row = moved(con, [ready], [prompt_row("apples"), prompt_row("walk")])[ready["sample_id"]]
    assert (row["prompt_id"], row["rank"], row["repeated"]) == (digest("prompt", "apples"), 0, False)
    assert {name: row[name] for name in ready if name != "prompt_id"} == {
        k: ready[k] for k in ready if k != "prompt_id"
    }


# Reason of the drop, which prompts survived, and the prompt to which the loser's response moves.
@pytest.mark.parametrize(
    ("reason", "survivors", "wanted"),
    [
        ("near_duplicate", ["apples"], "apples"),
        ("exact_duplicate", ["apples"], "apples"),
        ("semantic_duplicate", ["apples"], "apples"),
        # the answer is right for another reference
        ("conflicting_reference", ["apples"], None),
        # the winner was dropped later
        ("near_duplicate", ["walk"], None),
    ],
)
def test_a_losers_response_moves_to_the_winner_where_references_agree(con, reason, survivors, wanted):
    ready = ready_row("twin", "7")
    prompts = [prompt_row(name) for name in survivors]
    row = moved(con, [ready], prompts, [drop_row("twin", "apples", reason)])[ready["sample_id"]]
    assert row["prompt_id"] == (digest("prompt", wanted) if wanted else None)
    assert row["old_prompt_id"] == digest("prompt", "twin")


def test_a_text_that_comes_twice_is_flagged_once_within_prompt_and_teacher(con):
    ready = [
        ready_row("apples", "7"),
        ready_row("twin", "7"),
        ready_row("twin", "7", 1, "other"),
        ready_row("walk", "7"),
    ]
    rows = moved(con, ready, [prompt_row("apples"), prompt_row("walk")], [drop_row("twin", "apples")])
    repeated = [name for name, row in rows.items() if row["repeated"]]
    assert repeated == [max(ready[0]["sample_id"], ready[1]["sample_id"])]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=st.lists(st.sampled_from(["7", "8", "9", "ten"]), min_size=1, max_size=8), data=st.data())
def test_ranks_follow_the_hashes_of_the_texts_in_any_order(con, answers, data):
    ready = [ready_row("apples", answer, number) for number, answer in enumerate(answers)]
    rows = moved(con, data.draw(st.permutations(ready)), [prompt_row("apples")])
    texts = sorted(set(answers), key=lambda text: hashlib.md5(f"\x1f{text}".encode()).hexdigest())
    assert {row["answer"]: row["rank"] for row in rows.values()} == {text: rank for rank, text in enumerate(texts)}
    assert sum(not row["repeated"] for row in rows.values()) == len(texts)


@pytest.fixture(scope="module")
def model(tiny_model, tmp_path_factory):
    """The tiny model with a chat template."""
    folder = shutil.copytree(tiny_model, tmp_path_factory.mktemp("model") / "chat")
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


@pytest.fixture
def project(tiny_project, model):
    """The tiny project with two teachers, three math prompts of which two are answered, and ready responses."""
    prompts = [prompt_row(name, reference="7") for name in ("apples", "walk", "rope")]
    prompts.append(prompt_row("story", category="chat"))
    ready = [ready_row("apples", "7"), ready_row("twin", "7"), ready_row("twin", "8", 1), ready_row("gone", "9")]
    rows = {
        "annotate": (PROMPTS, prompts),
        "ingest": (RESPONSES, ready),
        "deduplicate": (DROPS, [drop_row("twin", "apples")]),
    }
    with tables.connect(memory_gb=1) as con:
        for stage, (table, written) in rows.items():
            tables.write(tables.from_rows(con, written, table), tiny_project / "data" / stage / table.name, table)
    tokens = dict.fromkeys(CATEGORIES, 6)
    teachers = [
        {**TEACHER, "name": "smollm2-plain", "model": str(model), "response_format": "plain", "temperature": 1.0},
        {
            **TEACHER,
            "name": "smollm2-reports",
            "model": str(model),
            "response_format": "think_answer",
            "temperature": 0.7,
        },
    ]
    teachers = [{**teacher, "max_tokens": tokens} for teacher in teachers]
    change(teachers=teachers, prompt_budget={"math": 2, "chat": 5}, samples={"math": 3, "chat": 2})
    return tiny_project


def change(*, keep_existing=False, datasets=("am-1-4m", "am-40m"), teachers=None, **distill):
    """Write other values into the project's params."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["distill"] |= distill
    params["teachers"] = teachers or params["teachers"]
    params["datasets"] = {name: params["datasets"][name] for name in datasets}
    params["publish"]["datasets"] = {}
    params["datasets"]["am-1-4m"]["ask"]["keep_existing"] = keep_existing
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def responses():
    """The rows that the stage wrote, by sample_id."""
    with tables.connect(memory_gb=1) as con:
        rows = tables.read(con, Path("data/distill/responses"), RESPONSES).to_arrow_table().to_pylist()
    assert len({row["sample_id"] for row in rows}) == len(rows)
    return {row["sample_id"]: row for row in rows}


def drops():
    with tables.connect(memory_gb=1) as con:
        return tables.read(con, Path("data/distill/drops"), DROPS).to_arrow_table().to_pylist()


def told(capsys):
    """How many requests each teacher was asked, and how many the memo held."""
    return re.findall(r"distill: (\S+): (\d+) asked, (\d+) from the memo", capsys.readouterr().err)


def test_every_request_and_ready_response_is_kept_or_told_with_rank_or_evidence(project):
    assert main([]) == 0
    counts = json.loads(Path("data/distill/counts.json").read_text())
    reasons = {"over_budget": 6, "prompt_dropped": 1, "repeated_response": 1}
    # In: of each of two teachers, three math prompts with 3 samples and a chat with 2; and 4 ready responses.
    assert counts == {"unit": "request", "rows_in": 26, "rows_kept": 18, "dropped": reasons}
    found = {row["reason"]: row for row in drops()}
    last = max(digest("prompt", name) for name in ("apples", "walk", "rope"))
    assert {row["prompt_id"] for row in drops() if row["reason"] == "over_budget"} == {last}
    assert (found["over_budget"]["figure"], found["prompt_dropped"]["prompt_id"]) == (3, digest("prompt", "gone"))
    assert found["repeated_response"]["prompt_id"] == digest("prompt", "apples")


def test_responses_are_generated_or_moved_and_split_by_their_format(project):
    assert main([]) == 0
    rows = responses()
    generated = [row for row in rows.values() if row["record_id"] is None]
    assert {(row["teacher"], row["well_formed"]) for row in generated} == {
        ("smollm2-plain", True),
        ("smollm2-reports", False),
    }
    assert {row["finish_reason"] for row in generated} <= {"stop", "length"}
    ready = {row["sample_index"]: row for row in rows.values() if row["record_id"] is not None}
    for rank, row in ready.items():
        assert row["sample_id"] == brought_sample_id(digest("prompt", "apples"), "school", rank)
    assert {row["answer"] for row in ready.values()} == {"7", "8"}


def test_a_second_run_asks_nothing_and_writes_the_same_bytes(project, capsys):
    shard = Path("data/distill/responses/00000.parquet")
    assert main([]) == 0
    first, asked = shard.read_bytes(), told(capsys)
    assert main([]) == 0
    assert shard.read_bytes() == first
    assert asked == [("smollm2-plain", "8", "0"), ("smollm2-reports", "8", "0")]
    assert told(capsys) == [("smollm2-plain", "0", "8"), ("smollm2-reports", "0", "8")]


def test_a_larger_budget_asks_for_what_is_new_alone(project, capsys):
    assert main([]) == 0
    before = responses()
    capsys.readouterr()
    change(prompt_budget=None)
    assert main([]) == 0
    assert told(capsys) == [("smollm2-plain", "3", "8"), ("smollm2-reports", "3", "8")]
    assert before.items() <= responses().items()


def test_a_sample_does_not_depend_on_the_requests_beside_it(project, monkeypatch):
    written = []
    for batch in (64, 3):
        monkeypatch.setenv("CURATE_HOME", f"home-{batch}")
        change(batch_requests=batch)
        assert main([]) == 0
        written.append(responses())
    assert len(list(Path("home-3/memo/distill").glob("*.parquet"))) == 6
    assert written[0] == written[1]


def test_a_prompt_whose_ready_response_passes_is_not_asked_where_the_dataset_keeps_it(project, capsys):
    change(keep_existing=True, datasets=["am-1-4m"], prompt_budget=None)
    assert main([]) == 0
    assert told(capsys) == [("smollm2-reports", "3", "0")]
    asked = {row["prompt_id"] for row in responses().values() if row["record_id"] is None}
    assert asked == {digest("prompt", name) for name in ("walk", "rope", "story")}

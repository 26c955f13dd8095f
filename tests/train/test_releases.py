"""Releases as training reads them: samples and prompts of each layout, and what is refused."""

import json

import pytest

from curation import tables
from curation.errors import DataError
from schemas.am_40m import am_40m
from schemas.am_preference import AM_PREFERENCE
from schemas.am_rl import AM_RL
from train.releases import open_release, pairs, prompts, samples

LABELS = {"label": "Math", "difficulty": "easy", "language": "en", "num_turns": 2, "prompt_words": 3}
TURN = [{"role": "user", "content": "2 + 2?"}]


def write(con, folder, table, rows, dataset="other"):
    """A release of one split, train."""
    root = folder / "data/release" / dataset
    tables.write(tables.from_rows(con, rows, table), root / "data", table, prefix="train-")
    schema = [{"name": one.name, "type": str(one.type)} for one in table.columns]
    files = [{"path": "data/train-00000.parquet", "config": "default", "split": "train"}]
    manifest = {"release_id": "x", "layout": table.name, "schema": schema, "files": files}
    (root / "manifest.json").write_text(json.dumps(manifest))


def only(relation):
    (row,) = relation.to_arrow_table().to_pylist()
    return row


def test_a_chat_with_info_gives_its_turns_and_its_reference(project, con):
    opened = open_release("sums")
    found = samples(opened, "train", con).to_arrow_table().to_pylist()
    assert len(found) == 48
    assert [row["sample_id"] for row in found] == sorted(row["sample_id"] for row in found)
    assert [list(turn) for turn in found[0]["messages"]] == [["role", "content"]]
    assert found[0]["response"].startswith("<think>") and found[0]["messages"][0]["role"] == "user"
    asked = {row["prompt_id"]: row for row in prompts(opened, "train", con).to_arrow_table().to_pylist()}
    for row in found:
        assert f"\\boxed{{{asked[row['prompt_id']]['reference']}}}" in row["response"]
        assert asked[row["prompt_id"]]["messages"] == row["messages"]


def test_r5s_columns_give_our_categories_and_all_that_verifies(project, con):
    row = {"question": "2 + 2?", "answer": "4", "question_source": "s", "answer_source": "t", "model_name": "m"}
    told = {"category": "instruction follow", "instruction_constrain": '{"a": 1}', "ground_truth": "4"}
    write(
        con,
        project,
        am_40m(("x",)),
        [row | told | LABELS | {"sample_id": "s", "prompt_id": "p", "answer_tokens": 1, "reasoning_tokens": 0}],
    )
    opened = open_release("other")
    assert only(samples(opened, "train", con)) == {
        "sample_id": "s", "prompt_id": "p", "category": "instruction", "messages": TURN, "response": "4",
    }  # fmt: skip
    found = only(prompts(opened, "train", con))
    assert (found["category"], found["reference"], found["constraints"]) == ("instruction", "4", '{"a": 1}')


def test_verls_columns_give_tests_of_code_and_no_system_turn(project, con):
    row = {"data_source": "s", "prompt": [{"role": "system", "content": "Think."}, *TURN], "ability": "code"}
    told = {"reward_model": {"ground_truth": "{}", "style": "rule"}, "extra_info": {"index": 0, "split": "train"}}
    write(con, project, AM_RL, [row | told | LABELS | {"prompt_id": "p", "pass_rate": 0.5}])
    found = only(prompts(open_release("other"), "train", con))
    assert (found["tests"], found["reference"], found["messages"]) == ("{}", None, TURN)
    with pytest.raises(DataError, match="am_rl has no samples; these have: am_1_4m"):
        samples(open_release("other"), "train", con)


def test_pairs_are_two_texts(project, con):
    says = {name: [{"role": "assistant", "content": name}] for name in ("chosen", "rejected")}
    sources = dict.fromkeys(("question_source", "chosen_source", "rejected_source"), "s")
    scores = {"chosen_score": 1.0, "rejected_score": 0.0, "chosen_tokens": 1, "rejected_tokens": 1}
    ids = {"chosen_sample_id": "a", "rejected_sample_id": "b", "prompt_id": "p", "category": "math"}
    write(con, project, AM_PREFERENCE, [{"prompt": TURN, **says, **sources, **scores, **ids, **LABELS}])
    found = only(pairs(open_release("other"), "train", con))
    assert (found["messages"], found["chosen"], found["rejected"]) == (TURN, "chosen", "rejected")


@pytest.mark.parametrize(
    ("dataset", "config", "sentence"),
    [
        (
            "sumz",
            "default",
            r"release data/release/sumz is missing .*sums.*dvc repro release@sumz",
        ),
        ("sums", "level_1", r"no config 'level_1'.*default"),
    ],
)
def test_what_is_not_there_is_told_with_the_nearest_name(project, dataset, config, sentence):
    with pytest.raises(DataError, match=sentence):
        open_release(dataset, config)


def test_a_release_of_another_schema_is_refused(project):
    path = project / "data/release/sums/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["schema"] = [column for column in manifest["schema"] if column["name"] != "prompt_id"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="of another version: it has 'prompt_id' not at all, wanted string"):
        open_release("sums")


def test_an_unknown_or_empty_split_is_refused(project, con):
    with pytest.raises(DataError, match=r"no split 'dev'.*validation"):
        samples(open_release("sums"), "dev", con)
    write(con, project, AM_RL, [])
    with pytest.raises(DataError, match=r"split 'train' is empty; give it a share in datasets\.other\.splits"):
        prompts(open_release("other"), "train", con)

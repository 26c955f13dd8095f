"""A good selection passes; each planted fault fails, and its sentence names the row."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import params as params_module
from curation import tables
from curation import validate as module
from curation.expectations import Judge
from curation.hashing import digest
from curation.params import Validate
from curation.validate import main, report_markdown, validate
from curation.validate_frames import Selected
from curation.validate_turns import turn_faults
from schemas.annotations import ANNOTATIONS
from schemas.drops import DROPS
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES
from schemas.scores import SCORES
from schemas.selections import SELECTIONS
from schemas.verdicts import VERDICTS

GOOD = [("apples", "math", 1.0), ("bees", "science", 5.0), ("cats", "chat", None), ("dogs", "code", 1.0)]
TABLES = {
    "selections": SELECTIONS,
    "prompts": PROMPTS,
    "responses": RESPONSES,
    "annotations": ANNOTATIONS,
    "verdicts": VERDICTS,
    "scores": SCORES,
    "contaminated": DROPS,
}
LOADED = params_module.load()


def bounds(**named: dict[str, float]) -> Validate:
    """The block validate with bounds by dataset."""
    return replace(LOADED.validate, **{"rows_min": {}, "dropped_share_max": {}, **named})


PARAMS = replace(LOADED, validate=bounds(rows_min={"am-1-4m": 2}, dropped_share_max={"am-1-4m": 0.5}))


@pytest.fixture(scope="module")
def judge():
    """Importing Great Expectations takes seconds."""
    return Judge()


def sample_id(name):
    return digest("sample", name)


def prompt_id(name):
    return digest("prompt", name)


def sample_rows(name, category, score, prompt=None):
    """What the tables hold of one selected sample."""
    ids = {"sample_id": sample_id(name), "prompt_id": prompt_id(prompt or name)}
    told = {"source": "school", "source_row": name, "licence": "MIT", "priority": 1}
    told["messages"] = [{"role": "user", "content": f"How many {name}?"}]
    flags = {"well_formed": True, "language_mixed": False, "boxed": False, "repetition": 1, "frequent_ngrams": 0}
    status = "unverified" if score is None else "verified"
    return {
        "selections": {**ids, "dataset": "demo", "config": "default", "role": "response", "split": "train"},
        "annotations": {
            "prompt_id": ids["prompt_id"],
            "group_id": digest("group", prompt or name),
            "label": "Math",
            "difficulty": "easy",
            "annotator": "rules",
            "num_turns": 1,
            "length_words": 2,
            "verifiable": True,
        },
        "prompts": {**told, "record_id": digest("record", name), "prompt_id": ids["prompt_id"], "category": category},
        "responses": {
            **ids,
            "teacher": "t",
            "sample_index": 0,
            "reasoning": "I count.",
            "answer": "7",
            "well_formed": True,
        },
        "verdicts": {
            **ids,
            "teacher": "t",
            "category": category,
            "verifier": "v",
            "version": "1",
            "status": status,
            "score": score,
        },
        "scores": {**ids, **flags, "teacher": "t", "reasoning_tokens": 0, "answer_tokens": 3},
    }


def good_tables():
    """Rows of a selection without fault, by table and name."""
    samples = {name: sample_rows(name, category, score) for name, category, score in GOOD}
    rows = {table: {name: sample[table] for name, sample in samples.items()} for table in samples["apples"]}
    return {**rows, "contaminated": {}}


def drop_row(stage, name):
    return {"stage": stage, "reason": "some", "prompt_id": prompt_id(name), "sample_id": sample_id(name)}


def findings(con, judge, rows, dataset="am-1-4m", params=PARAMS, dropped_share=0.2):
    relations = {name: tables.from_rows(con, list(rows[name].values()), table) for name, table in TABLES.items()}
    faults = turn_faults(con, relations["prompts"], relations.pop("responses"), thinking_teachers=["t"])
    selected = Selected(dropped_share=dropped_share, faults=faults, **relations)
    return validate(selected, params, dataset=dataset, judge=judge, con=con)


def failed(found):
    return {f"{one.suite}/{one.column}": one for one in found if not one.success}


def bad_id(rows):
    for table in ("selections", "verdicts", "scores"):
        rows[table]["apples"]["sample_id"] = "Apples"


def unknown_split(rows):
    rows["selections"]["apples"]["split"] = "dev"


def straddling(rows):
    add(rows, "apples-again", "math", 1.0, prompt="apples")
    rows["selections"]["apples-again"]["split"] = "test"


def add(rows, name, *columns, **keywords):
    """Add a sample; the prompt's row stays the one that is there."""
    for table, row in sample_rows(name, *columns, **keywords).items():
        if table not in ("prompts", "annotations"):
            rows[table][name] = row


def duplicate(rows):
    rows["selections"]["twice"] = rows["selections"]["apples"]


def unknown_prompt(rows):
    del rows["prompts"]["apples"]


def without_verdict(rows):
    del rows["verdicts"]["apples"]


def without_scores(rows):
    del rows["scores"]["apples"]


def contaminated(rows):
    rows["contaminated"]["apples"] = drop_row("decontaminate", "apples")


def failing(rows):
    rows["verdicts"]["apples"]["score"] = 0.5


def beyond_the_scale(rows):
    rows["verdicts"]["bees"]["score"] = 6.0


def broken_rule(rows):
    rows["scores"]["apples"]["reason"] = "repetition"


def empty_answer(rows):
    rows["scores"]["apples"]["answer_tokens"] = 0


def second_response(rows):
    add(rows, "apples-again", "math", 1.0, prompt="apples")


def two_users(rows):
    rows["prompts"]["apples"]["messages"] *= 2


def empty_turn(rows):
    rows["prompts"]["apples"]["messages"] = [{"role": "user", "content": " \n"}]


def second_think(rows):
    rows["responses"]["apples"]["reasoning"] = "I <think> again."


def no_think(rows):
    rows["responses"]["apples"]["reasoning"] = None


def straddling_group(rows):
    add(rows, "figs", "math", 1.0, prompt="figs")
    rows["prompts"]["figs"] = sample_rows("figs", "math", 1.0)["prompts"]
    rows["annotations"]["figs"] = {**rows["annotations"]["apples"], "prompt_id": prompt_id("figs")}
    rows["selections"]["figs"]["split"] = "test"


# A fault, the expectations of am-1-4m and of am-40m that it breaks, and the row that the sentence names.
FAULTS = [
    (bad_id, {"samples/sample_id"}, {"samples/sample_id"}, "Apples (Apples)"),
    (unknown_split, {"rows/split"}, {"rows/split"}, f"{sample_id('apples')} (dev)"),
    (straddling_group, {"rows/splits_of_group"}, {"rows/splits_of_group"}, f"{sample_id('apples')} (2)"),
    (straddling, {"rows/splits_of_group", "rows/splits_of_prompt", "am_1_4m/responses_of_prompt"}, {"rows/splits_of_group", "rows/splits_of_prompt"}, f"{sample_id('apples')} (2)"),
    (duplicate, {"rows/copies"}, {"rows/copies"}, f"{sample_id('apples')} (2)"),
    (unknown_prompt, {"rows/category"}, {"rows/category"}, f"{sample_id('apples')} (null)"),
    (without_verdict, {"samples/status"}, {"samples/status"}, f"{sample_id('apples')} (null)"),
    (without_scores, {"samples/answer_tokens"}, {"samples/answer_tokens"}, f"{sample_id('apples')} (null)"),
    (contaminated, {"rows/contaminated"}, {"rows/contaminated"}, f"{sample_id('apples')} (True)"),
    (failing, {"am_1_4m/passed"}, set(), f"{sample_id('apples')} (False)"),
    (beyond_the_scale, {"samples/score_share"}, {"samples/score_share"}, f"{sample_id('bees')} (1.2)"),
    (broken_rule, {"am_1_4m/rules_kept"}, {"am_40m/rules_kept"}, f"{sample_id('apples')} (False)"),
    (empty_answer, {"samples/answer_tokens"}, {"samples/answer_tokens"}, f"{sample_id('apples')} (0)"),
    (two_users, {"rows/roles_alternate"}, {"rows/roles_alternate"}, f"{sample_id('apples')} (False)"),
    (empty_turn, {"rows/empty_turns"}, {"rows/empty_turns"}, f"{sample_id('apples')} (1)"),
    (second_think, {"rows/think_faults"}, {"rows/think_faults"}, f"{sample_id('apples')} (1)"),
    (no_think, {"rows/think_faults"}, {"rows/think_faults"}, f"{sample_id('apples')} (1)"),
    (second_response, {"am_1_4m/responses_of_prompt"}, set(), f"{sample_id('apples')} (2)"),
]  # fmt: skip


@pytest.mark.parametrize("dataset", ["am-1-4m", "am-40m"])
def test_a_good_selection_passes(con, judge, dataset):
    found = findings(con, judge, good_tables(), dataset)
    assert failed(found) == {}
    assert {one.suite for one in found} == {"rows", "samples", "figures", dataset.replace("-", "_")}
    assert all(one.rows == (1 if one.suite == "figures" else len(GOOD)) and not one.failed_rows for one in found)


@pytest.mark.parametrize(("fault", "strict", "wide", "named"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_fault_fails_and_its_sentence_names_the_row(con, judge, fault, strict, wide, named):
    rows = good_tables()
    fault(rows)
    found = failed(findings(con, judge, rows))
    assert set(found) == strict
    assert any(named in one.sentence and one.sentence.startswith("am-1-4m: ") for one in found.values())
    assert set(failed(findings(con, judge, rows, "am-40m"))) == wide


def test_too_few_rows_fail_and_the_sentence_names_both_numbers(con, judge):
    params = replace(PARAMS, validate=bounds(rows_min={"am-1-4m": 5}))
    found = failed(findings(con, judge, good_tables(), params=params))
    assert "wanted {'min_value': 5.0}); first: am-1-4m (4)" in found.pop("figures/rows").sentence
    assert found == {}


def test_a_recipe_that_drops_too_much_fails(con, judge):
    found = failed(findings(con, judge, good_tables(), dropped_share=0.6))
    assert "first: am-1-4m (0.6)" in found.pop("figures/dropped_share").sentence
    assert found == {}


@pytest.mark.parametrize("frame_rows", [1, 500])
@pytest.mark.parametrize(("allowed", "wanted"), [(0.25, set()), (0.2, {"rows/think_faults"})])
def test_some_broken_think_tags_may_be_allowed_whatever_the_size_of_frames(
    con, judge, monkeypatch, frame_rows, allowed, wanted
):
    monkeypatch.setattr(module, "FRAME_ROWS", frame_rows)
    rows = good_tables()
    second_think(rows)
    params = replace(PARAMS, validate=bounds(think_faults_share_max={"am-1-4m": allowed}))
    assert set(failed(findings(con, judge, rows, params=params))) == wanted


def test_splits_far_from_their_shares_fail(con, judge):
    rows = good_tables()
    for number in range(40):
        for table, row in sample_rows(f"more-{number}", "math", 1.0).items():
            rows[table][f"more-{number}"] = row
        rows["selections"][f"more-{number}"]["split"] = "test"
    assert set(failed(findings(con, judge, rows))) == {"figures/split_deviation"}


def test_prompts_are_judged_by_the_rules_of_all_rows_alone(con, judge):
    rows = good_tables()
    for row in rows["selections"].values():
        row["sample_id"] = None
    rows["selections"]["bees"]["split"] = "dev"
    levels = replace(PARAMS.datasets["am-40m"], recipe="am_difficulty_rl", layout="am_difficulty_rl")
    params = replace(PARAMS, datasets={**PARAMS.datasets, "levels": levels})
    found = failed(findings(con, judge, rows, dataset="levels", params=params))
    assert f"first: {prompt_id('bees')} (dev)" in found.pop("rows/split").sentence
    assert found == {}


def test_an_unverified_sample_stands_only_where_the_dataset_allows_it(con, judge):
    block = PARAMS.datasets["am-1-4m"]
    strict = replace(block, values={**block.values, "keep_unverified": False})
    params = replace(PARAMS, datasets={"am-1-4m": strict})
    (found,) = failed(findings(con, judge, good_tables(), params=params)).values()
    assert (found.column, found.examples) == ("status", (f"{sample_id('cats')} (unverified)",))


@pytest.mark.parametrize(("allow_empty", "wanted"), [(True, set()), (False, {"figures/rows"})])
def test_an_empty_selection_passes_only_where_it_is_a_stated_outcome(con, judge, allow_empty, wanted):
    block = replace(PARAMS.datasets["am-1-4m"], allow_empty=allow_empty)
    params = replace(PARAMS, datasets={"am-1-4m": block}, validate=bounds())
    rows = {**good_tables(), "selections": {}}
    found = findings(con, judge, rows, params=params)
    assert set(failed(found)) == wanted
    assert {one.outcome for one in found if one.suite != "figures"} == {"not applicable"}


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), frame_rows=st.integers(2, 6))
def test_findings_depend_neither_on_order_nor_on_the_size_of_frames(con, judge, data, frame_rows):
    rows = good_tables()
    for fault in (failing, contaminated, duplicate, second_response):
        fault(rows)
    wanted = findings(con, judge, rows)
    shuffled = {table: dict(data.draw(st.permutations(list(named.items())))) for table, named in rows.items()}
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(module, "FRAME_ROWS", frame_rows)
        assert findings(con, judge, shuffled) == wanted


def test_the_report_tells_every_expectation_by_dataset(con, judge):
    found = findings(con, judge, good_tables())
    text = report_markdown(found)
    assert text.startswith("# Validation\n\n## am-1-4m\n")
    assert "| rows | No prompt overlaps a benchmark. | holds | 4 | 0 |  |" in text
    assert "| figures | The dataset has at least validate.rows_min rows. | holds | 1 | 0 | 4 |" in text
    assert text.count("\n| ") == len(found) + 2


def change(rows_min):
    """Leave the tiny project one dataset, with the given bounds."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["datasets"] = {"am-1-4m": params["datasets"]["am-1-4m"]}
    params["validate"] |= {"rows_min": rows_min, "dropped_share_max": {}}
    params["publish"]["datasets"] = {}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def test_the_stage_writes_a_report_a_dataset_the_same_for_the_same_rows(tiny_project, judge):
    change({})
    written = []
    for _ in range(2):
        assert main([]) == 0
        written.append({path.name: path.read_bytes() for path in Path("data/validate").iterdir()})
    assert sorted(written[0]) == ["am-1-4m.json", "report.md"]
    assert written[0] == written[1]
    assert all(one["success"] for one in json.loads(written[0]["am-1-4m.json"]))


def test_a_failed_expectation_stops_the_stage_and_leaves_no_report(tiny_project, judge, capsys):
    change({"am-1-4m": 500})
    assert main([]) == 1
    assert "error: validate: am-1-4m: The dataset has at least validate.rows_min rows." in capsys.readouterr().err
    assert not Path("data/validate").exists()


def test_bounds_of_a_dataset_that_is_not_there_are_told(tiny_project, capsys):
    change({"am-14m": 500})
    assert main([]) == 1
    told = capsys.readouterr().err
    assert "error: validate: rows_min names the dataset 'am-14m'; nearest: am-1-4m" in told

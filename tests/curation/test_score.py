"""Figures of responses and the rules on them, with a tokenizer of words."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import tables
from curation.hashing import digest
from curation.memo import Memo
from curation.params import Score, Scorer, ScoreRules
from curation.score import FIGURES, Scored, lengths, score
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES
from schemas.scores import SCORES

RULES = ScoreRules(
    perplexity_max=None,
    repetition_max=4,
    frequent_ngrams_max=3,
    require_well_formed=True,
    require_same_language=True,
    tokens_max=None,
    require_boxed=False,
)
CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "fixtures/score/rules.jsonl").read_text(encoding="utf-8").splitlines()
]
WORDS = st.lists(st.sampled_from(["w1", "w2", "w3", "然后", "\\boxed{w4}"]), max_size=12).map(" ".join)


@pytest.fixture
def params(tiny_model):
    return Score(
        tokenizer=str(tiny_model),
        scorer=None,
        repetition_words=3,
        ngram_tokens=4,
        rules=RULES,
        batch_rows=3,
    )


@pytest.fixture
def run_score(con, params, tmp_path_factory, monkeypatch):
    """Score responses given in Python, with a memo of its own and no scratch left from before."""
    monkeypatch.setenv("CURATE_HOME", str(tmp_path_factory.mktemp("home")))

    def run(responses, turns=("w1",), params=params, executor="local") -> Scored:
        scratch = tmp_path_factory.mktemp("scratch")
        given = tables.from_rows(con, responses, RESPONSES)
        prompts = tables.from_rows(con, [prompt(turns)], PROMPTS)
        return score(given, prompts, params, con=con, scratch=scratch, executor=executor)

    return run


def prompt(turns):
    messages = [{"role": "user" if i % 2 == 0 else "assistant", "content": turn} for i, turn in enumerate(turns)]
    system = {"role": "system", "content": "w9"}
    return {"record_id": "r", "prompt_id": "p", "category": "math", "messages": [system, *messages], "priority": 1}


def response(index, answer, **columns):
    ids = {"sample_id": digest(str(index)), "prompt_id": "p", "teacher": "t", "sample_index": index}
    return {**ids, "reasoning": None, "answer": answer, "well_formed": True, **columns}


def by_index(relation, column):
    """A column of the result by sample_id."""
    return dict(relation.project(f"sample_id, {column}").fetchall())


@pytest.mark.parametrize("case", CASES, ids=[case["title"] for case in CASES])
def test_golden_cases(case, run_score):
    responses = [response(index, **row) for index, row in enumerate(case["responses"])]
    result = run_score(responses, case["prompt"])
    reasons = by_index(result.dropped, "reason")
    assert [reasons.get(row["sample_id"]) for row in responses] == case["reasons"]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=st.lists(st.tuples(WORDS, st.booleans()), min_size=1, max_size=6), data=st.data())
def test_nothing_is_lost_and_order_does_not_matter(run_score, answers, data):
    rows = [response(index, answer, well_formed=well) for index, (answer, well) in enumerate(answers)]
    result = run_score(rows)
    scores, dropped = result.scores.order("sample_id").fetchall(), result.dropped.order("sample_id").fetchall()
    reasons = by_index(result.scores, "reason")
    assert len(scores) == len(rows)
    assert {name for name, reason in reasons.items() if reason} == {row[3] for row in dropped}
    again = run_score(data.draw(st.permutations(rows)))
    assert again.scores.order("sample_id").fetchall() == scores


def test_the_result_has_the_columns_of_the_contract(run_score):
    result = run_score([response(0, "w1 w2 \\boxed{w3}", reasoning="w5 w6 w7")])
    assert set(result.scores.columns) == set(SCORES.column_names)
    wanted = {"boxed": True, "reasoning_tokens": 3, "repetition": 1, "frequent_ngrams": 1, "perplexity": None}
    row = dict(zip(result.scores.columns, result.scores.fetchall()[0], strict=True))
    assert {name: row[name] for name in wanted} == wanted


def test_drops_carry_the_figure_that_decided(run_score):
    result = run_score([response(0, "w1 w2 w3 " * 6), response(1, "w1", well_formed=False)])
    assert result.dropped.order("reason").project("reason, figure").fetchall() == [
        ("malformed", None),
        ("repetition", 6.0),
    ]


def test_a_box_and_a_length_are_asked_for_where_params_say_so(run_score, params):
    strict = replace(params, rules=replace(RULES, require_boxed=True, tokens_max=5))
    rows = [
        response(0, "w1 w2"),
        response(1, "\\boxed{w1}"),
        response(2, "\\boxed{w1} w2 w3", reasoning="w4 w5"),
        response(3, "w1", well_formed=False),
    ]
    dropped = run_score(rows, params=strict).dropped
    found = {row["sample_id"]: (row["reason"], row["figure"]) for row in dropped.to_arrow_table().to_pylist()}
    tokens = sum(by_index(run_score(rows).scores, name)[digest("2")] for name in ("reasoning_tokens", "answer_tokens"))
    assert found == {
        digest("0"): ("no_box", None),
        digest("2"): ("too_long", tokens),
        digest("3"): ("malformed", None),
    }


def test_a_threshold_moves_without_reckoning_again(run_score, params, con, capsys):
    rows = [response(index, f"w{index + 1} w2 w3 " * 5) for index in range(4)]
    first = by_index(run_score(rows).scores, "reason")
    loose = replace(params, rules=replace(RULES, repetition_max=None, frequent_ngrams_max=None))
    capsys.readouterr()
    second = by_index(run_score(rows, params=loose).scores, "reason")
    assert (set(first.values()), set(second.values())) == ({"repetition"}, {None})
    assert "score:" not in capsys.readouterr().err


def test_equal_texts_are_reckoned_once(run_score, con, tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_HOME", str(tmp_path))
    result = run_score([response(index, "w1 w2") for index in range(5)])
    assert tables.count(result.scores) == 5
    assert tables.count(Memo(tmp_path / "memo/score", FIGURES).rows(con)) == 1


def test_a_scorer_gives_perplexities_and_its_rule_drops(run_score, params, tiny_model):
    rows = [response(index, f"w{index + 1} w2 w3") for index in range(4)]
    scorer = Scorer("transformers", str(tiny_model), None)
    scored = replace(params, scorer=scorer, rules=replace(RULES, perplexity_max=1e9))
    figures = by_index(run_score(rows, params=scored).scores, "perplexity")
    middle = sorted(figures.values())[1]
    strict = replace(scored, rules=replace(RULES, perplexity_max=middle))
    dropped = by_index(run_score(rows, params=strict).dropped, "figure")
    assert dropped == {name: figure for name, figure in figures.items() if figure > middle}


def test_lengths_fall_into_buckets_that_double(run_score):
    rows = [response(index, " ".join(["w1"] * length)) for index, length in enumerate([0, 1, 2, 3, 4, 7])]
    assert lengths(run_score(rows).scores) == [("000000-000001", 2), ("000002-000003", 2), ("000004-000007", 2)]


@pytest.mark.filterwarnings("ignore")  # Ray warns of its own coming defaults
def test_ray_scores_alike(run_score, tmp_path, monkeypatch):
    rows = [response(index, f"w1 w2 w{index}") for index in range(5)]
    local = by_index(run_score(rows).scores, "answer_tokens")
    monkeypatch.setenv("CURATE_HOME", str(tmp_path))
    assert by_index(run_score(rows, executor="ray").scores, "answer_tokens") == local

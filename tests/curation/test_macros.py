"""The macros of the catalog agree with the Python that they follow."""

import shutil

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import catalog, macros
from curation.explain import explain
from curation.text import split_response

FORMATS = ("think_answer", "think", "plain")
PIECES = ("<think>", "</think>", "<answer>", "</answer>", " ", "\n", "\u00a0", "\u2028", "\x1c", "x", "é𝄞", "'", "\\")
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=20)
turns = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]), "content": texts})


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as con:
        for statement in macros.of_text():
            con.execute(statement)
        yield con


def parts(text: str | None) -> tuple[str | None, str | None]:
    """Reasoning and answer by the first format that the text follows, in Python."""
    if text is None:
        return None, None
    split = [split_response(text, one) for one in FORMATS]
    found = next((one for one in split if one.reasoning is not None), split[-1])
    return found.reasoning, found.answer


@settings(max_examples=300, deadline=None)
@given(text=texts)
def test_a_response_is_split_as_in_python(con, text):
    row = con.execute("SELECT s.reasoning, s.answer FROM (SELECT split_response(?::VARCHAR) AS s)", [text]).fetchall()
    assert row == [parts(text)]


@settings(max_examples=100, deadline=None)
@given(messages=st.lists(turns, max_size=4) | st.none())
def test_the_last_assistant_turn_is_what_is_split(con, messages):
    said = [turn["content"] for turn in messages or [] if turn["role"] == "assistant"]
    sql = "SELECT think(m), answer(m) FROM (SELECT ?::STRUCT(role VARCHAR, content VARCHAR)[] AS m)"
    assert con.execute(sql, [messages]).fetchall() == [parts(said[-1] if said else None)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<think>2+2</think>\n<answer>4</answer>", ("2+2", "4")),
        (" <think>2+2</think>4", ("2+2", "4")),
        ("4", (None, "4")),
        ("<think>2+2</think><answer>4", (None, "<think>2+2</think><answer>4")),
        ("", (None, "")),
    ],
)
def test_every_format_has_an_answer(con, text, wanted):
    row = con.execute("SELECT s.reasoning, s.answer FROM (SELECT split_response(?) AS s)", [text]).fetchall()
    assert row == [wanted] == [parts(text)]


def test_turns_with_more_fields_than_these_are_read(tiny_project):
    with catalog.connect() as con:
        assert con.execute("SELECT think(messages), answer(messages) FROM am_1_4m").fetchall() == [(None, "7")]


def _rows(con: duckdb.DuckDBPyConnection, wanted: str, columns: str) -> list[tuple[object, ...]]:
    return con.execute(f"SELECT {columns} FROM explain(?)", [wanted]).fetchall()


@pytest.mark.parametrize("name", ["apples", "twin", "walk", "add", "short"])
def test_a_record_has_a_row_for_each_stage_that_the_command_tells_of(tiny_project, ids, name):
    told = explain(ids("record", name)).partition("stages\n")[2].partition("\n\n")[0]
    with catalog.connect() as con:
        rows = _rows(con, ids("record", name), "stage, outcome, reason, record_id")
    stages = [
        (stage, f"{outcome}: {reason}" if reason else outcome) for stage, outcome, reason, record in rows if record
    ]
    assert [line.split()[0] for line in told.splitlines()] == [stage for stage, _ in stages]
    assert all(said in line for line, (_, said) in zip(told.splitlines(), stages, strict=True))


def test_a_drop_tells_its_figure_and_its_evidence(tiny_project, ids):
    with catalog.connect() as con:
        last = _rows(con, ids("prompt", "twin"), "stage, reason, figure, evidence_id")[-1]
    assert last == ("deduplicate", "near_duplicate", 0.93, ids("record", "apples"))


def test_a_sample_has_its_own_judgements_and_no_others(tiny_project, ids):
    with catalog.connect() as con:
        rows = _rows(con, ids("sample", "wrong"), "stage, outcome, reason, figure, sample_id")
        right = _rows(con, ids("sample", "right"), "stage, outcome, dataset")
    own = [row[:4] for row in rows if row[4]]
    assert own == [
        ("distill", "kept", None, None),
        ("verify", "verified", None, 0.0),
        ("score", "dropped", "repetition", 21.0),
    ]
    assert ("select", "selected", "am-1-4m") in right


def test_a_prompt_has_its_samples_and_the_datasets_decisions(tiny_project, ids):
    with catalog.connect() as con:
        rows = _rows(con, ids("prompt", "add"), "stage, outcome, reason, sample_id, dataset")
    of_select = [(reason, sample) for stage, _, reason, sample, _ in rows if stage == "select"]
    assert sorted(of_select) == [("failed", ids("sample", "failed")), ("unverified", ids("sample", "ready"))]
    assert ("distill", "dropped", "over_budget", ids("sample", "never"), None) in rows


def test_a_questions_drops_and_the_first_characters_of_an_id_are_found(tiny_project, ids):
    with catalog.connect() as con:
        assert _rows(con, "aime24/60", "stage, record_id") == [("decontaminate", ids("record", "walk"))]
        assert _rows(con, ids("record", "short")[:8], "reason")[-1] == ("too_short",)
        assert _rows(con, "no such id", "*") == []


def test_explain_is_there_before_the_later_stages_have_run(tiny_project, ids):
    for stage in ("annotate", "distill", "verify", "score", "grade", "select"):
        shutil.rmtree(f"data/{stage}")
    with catalog.connect() as con:
        assert [stage for (stage,) in _rows(con, ids("record", "apples"), "stage")] == [
            "ingest",
            "clean",
            "deduplicate",
            "decontaminate",
        ]


def test_a_drop_of_several_responses_speaks_of_those_without_a_fate_of_their_own(shared_drop, ids):
    with catalog.connect() as con:
        wanted = [ids("sample", "wrong"), ids("prompt", "apples"), ids("sample", "right")]
        found = [_rows(con, one, "dataset, reason, sample_id") for one in wanted]
    assert [("mine", "not_chosen", None) in rows for rows in found] == [True, True, False]

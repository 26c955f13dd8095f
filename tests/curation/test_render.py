"""Tables fit their width, texts keep their words."""

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from curation import render

CELLS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=200))


def _wide(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else not unicodedata.combining(char) for char in text)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5), st.integers(10, 100))
def test_no_row_is_wider_than_the_terminal(rows, max_columns):
    lines = render.table(("one", "two", "three"), rows, max_columns=max_columns).split("\n")
    assert len(lines) >= 2 + len(rows)
    assert all(_wide(line) <= max_columns for line in lines if not line.startswith("(not shown"))


def test_numbers_stand_right_and_null_is_said():
    table = render.table(("name", "rows"), [("a", 12345), ("b", None)], max_columns=40)
    assert table.split("\n") == ["name   rows", "────  ─────", "a     12345", "b      null"]


def test_nested_values_are_shown_as_json():
    assert render.cell([{"role": "user", "content": None}]) == '[{"role": "user", "content": null}]'


def test_columns_without_room_are_named():
    table = render.table(("id", "text", "answer"), [("x" * 20, "y" * 20, "z" * 20)], max_columns=20)
    assert table.split("\n")[-1] == "(not shown, no room: answer)"
    assert "xxxxxxxx…  yyyyyyyy…" in table


def test_control_characters_do_not_reach_the_terminal():
    assert "\x1b" not in render.table(("a",), [("\x1b[31mred",)], max_columns=40)


def test_markdown_escapes_what_would_break_a_cell():
    assert render.markdown(("a", "b"), [("x|y", None)]) == "| a | b |\n| --- | --- |\n| x\\|y |  |"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")))
def test_marking_changes_no_word(own, other):
    marked = render.marked(" ".join(own), " ".join(other))
    assert marked.replace("[", "").replace("]", "").split() == own
    assert ("[" in render.marked(" ".join(own), " ".join(own))) is False


def test_the_nearest_names_are_offered_else_all():
    assert render.nearest("scoress", ["scores", "grades"]) == "nearest: scores"
    assert render.nearest("x", []) == "there are: none"


def test_rows_come_as_table_csv_or_json():
    rows = [("a,b", 1), ("c", None)]
    assert render.rows_as("csv", ("x", "y"), rows) == 'x,y\n"a,b",1\nc,'
    assert render.rows_as("json", ("x", "y"), rows).splitlines()[1] == '{"x": "c", "y": null}'
    assert render.rows_as("table", ("x", "y"), rows).splitlines()[2] == "a,b     1"

"""Statistics on the card are short tables."""

from curation.card import _figure_table, _pivot, _without_repeats


def test_a_table_of_figures_leaves_out_what_says_nothing():
    row = {"config": "default", "category": "math", "rows": 1200, "rows_share": 0.5, "perplexity_mean": None}
    assert _figure_table([row], ("category",)) == (
        "| category | rows | rows_share |\n| --- | --- | --- |\n| math | 1,200 | 50.0% |"
    )
    assert "| config | category |" in _figure_table([row, {**row, "config": "other"}], ("category",))
    assert _figure_table([], ("category",)) == ""


def test_bins_stand_side_by_side_in_their_order():
    rows = [
        {"config": "default", "teacher": teacher, "bin": name, "prompts": prompts}
        for teacher, name, prompts in [("b", "1", 3), ("a", "0", 1), ("a", "to 0.25", 2)]
    ]
    assert _pivot(rows, "bin", "prompts", ("teacher",), ["0", "to 0.25", "below 1", "1"]).splitlines() == [
        *["| teacher | 0 | to 0.25 | 1 |", "| --- | --- | --- | --- |", "| a | 1 | 2 |  |", "| b |  |  | 3 |"]
    ]


def test_totals_of_a_config_that_one_teacher_wrote_are_not_repeated():
    rows = [
        {"config": config, "role": role, "teacher": teacher}
        for config in ("one", "two")
        for role, teacher in [("all", "all"), ("response", "a"), *([("response", "b")] if config == "two" else [])]
    ]
    assert [row["teacher"] for row in _without_repeats(rows)] == ["a", "all", "a", "b"]

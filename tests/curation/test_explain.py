"""The life of every kind of row is told as it was agreed; ids may be short; what is not there is said."""

import shutil
from pathlib import Path

import pytest

from curation import tables
from curation.errors import DataError
from curation.explain import explain
from curation.hashing import digest
from curation.query import query
from schemas.drops import DROPS
from schemas.responses import RESPONSES

GOLDEN = Path(__file__).parents[1] / "fixtures" / "explain"
CASES = [
    ("duplicate", digest("record", "twin")),
    ("winner", digest("record", "apples")),
    ("contaminated-prompt", digest("prompt", "walk")),
    ("code-prompt", digest("prompt", "add")),
    ("released-sample", digest("sample", "right")),
    ("failed-code-sample", digest("sample", "failed")),
    ("over-budget-request", digest("sample", "never")),
    ("benchmark-question", "aime24/60"),
    ("unreadable-line", "data/sources/school.jsonl:7"),
]


@pytest.mark.parametrize(("title", "wanted"), CASES, ids=[title for title, _ in CASES])
def test_a_life_is_told_as_agreed(tiny_project, title, wanted):
    assert explain(wanted) == (GOLDEN / f"{title}.txt").read_text().rstrip("\n")


@pytest.mark.parametrize(("title", "wanted"), CASES[:7], ids=[title for title, _ in CASES[:7]])
def test_six_characters_of_an_id_are_enough(tiny_project, title, wanted):
    assert explain(wanted[:6]) == explain(wanted.upper())
    assert explain(f"{wanted[:9]}…") == explain(wanted), "as a table shows it"


def test_a_record_is_found_by_its_place_in_the_source(tiny_project, ids):
    assert explain("school.jsonl:twin") == explain(ids("record", "twin"))


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("ffffff", "explain: no record, prompt, sample or benchmark question 'ffffff'. Ids stand"),
        ("abc", "explain: no record, prompt, sample or benchmark question 'abc'. At least 6 characters"),
        ("school.jsonl:99", "explain: no record, prompt, sample or benchmark question 'school.jsonl:99'. Ids"),
    ],
)
def test_what_is_not_there_is_one_sentence(tiny_project, wanted, sentence):
    with pytest.raises(DataError) as caught:
        explain(wanted)
    assert str(caught.value).startswith(sentence)


def test_a_place_that_two_records_share_lists_both(tiny_project, con):
    folder = Path("data/ingest/prompts")
    rows = con.read_parquet(f"{folder}/*.parquet").query("rows", "SELECT * REPLACE ('7' AS source_row) FROM rows")
    table = rows.to_arrow_table()
    con.from_arrow(table).write_parquet(f"{folder}/00000.parquet")
    with pytest.raises(DataError, match=r"'7' stands for 5 ids \(record .*\); give more characters"):
        explain("7")


def test_long_texts_are_shortened_unless_all_is_wanted(tiny_project, con, ids):
    long = {
        "sample_id": ids("sample", "long"),
        "prompt_id": ids("prompt", "add"),
        "teacher": "small",
        "sample_index": 1,
    }
    row = {**long, "answer": "x = 1\n" * 500, "well_formed": True}
    tables.write(tables.from_rows(con, [row], RESPONSES), Path("data/distill/responses"), RESPONSES)
    assert "… (3,000 characters)" in explain(ids("sample", "long"))
    assert explain(ids("sample", "long"), full=True).count("x = 1") == 500


def test_a_ready_response_is_followed_to_the_prompt_that_won(tiny_project, con, ids):
    old = con.read_parquet("data/ingest/responses/*.parquet")
    moved = old.query("old", f"SELECT * REPLACE ('{ids('sample', 'old')}' AS sample_id) FROM old").to_arrow_table()
    con.from_arrow(moved).write_parquet("data/ingest/responses/00000.parquet")
    told = explain(ids("sample", "old"))
    assert told.splitlines()[0].endswith("moved with its record to the prompt that won:")
    assert f"sample {ids('sample', 'ready')}" in told


def test_a_record_that_ingest_dropped_is_known_by_its_drop(tiny_project, con, ids):
    row = {
        "stage": "ingest",
        "reason": "bad_record",
        "num_units": 1,
        "record_id": ids("record", "bad"),
        "evidence_id": "school.jsonl:3",
    }
    tables.write(tables.from_rows(con, [row], DROPS), Path("data/ingest/drops"), DROPS)
    assert explain(ids("record", "bad")).splitlines()[-1] == "  ingest: bad_record, school.jsonl:3"


def test_later_stages_that_have_not_run_are_said_so(tiny_project, ids):
    for stage in ("annotate", "distill", "verify", "score", "grade", "select", "release"):
        shutil.rmtree(Path("data") / stage)
    told = explain(ids("record", "apples"))
    assert "  annotate       has not run" in told
    assert "verdict" not in told


def test_many_rows_are_cut_and_counted(tiny_project, con, ids):
    row = {"stage": "clean", "reason": "too_short", "evidence_id": "rule", "num_units": 1}
    rows = [{**row, "record_id": digest("record", str(number))} for number in range(25)]
    tables.write(tables.from_rows(con, rows, DROPS), Path("data/clean/drops"), DROPS)
    assert explain("rule").splitlines()[-1] == "  … and 5 more; curate query lists all"


def test_every_id_that_a_table_holds_can_be_explained(tiny_project, capsys):
    query(
        "SELECT DISTINCT unnest([record_id, prompt_id, sample_id]) AS id FROM drops UNION SELECT sample_id FROM responses",
        output_format="csv",
    )
    found = [one for one in capsys.readouterr().out.split()[1:] if one != '""']
    assert len(found) == 13
    assert all(one in explain(one) for one in found)


def test_a_drop_of_several_responses_speaks_of_those_without_a_fate_of_their_own(shared_drop, ids):
    told = f"mine: 2 responses of the prompt are out: not_chosen, lost to {ids('sample', 'right')}"
    assert told in explain(ids("sample", "wrong"))
    assert told in explain(ids("prompt", "apples"))
    assert told not in explain(ids("sample", "right"))

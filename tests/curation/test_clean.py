"""Rules on a single prompt, and that none is lost by them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import tables
from curation.clean import Subject, clean, find
from curation.hashing import digest
from curation.params import Clean
from schemas.prompts import PROMPTS

PARAMS = Clean(0.3, 2, 50, ["en", "zh"], drop_urls=True, drop_tables=True, drop_images=True)
CASES = [
    ("What is 7 + 5?", None),
    ("求方程 x + 3 = 7 的解。", None),
    ("  \n", "empty"),
    ("Given the following:", "incomplete"),
    ("Fix this:\n```python\nprint(1)", "incomplete"),
    ("Hello", "too_short"),
    ("word " * 60, "too_long"),
    ("Summarize https://example.org/page please.", "url"),
    ("Mend this program.\n```python\nget('https://example.org')\n```", None),
    ("Sum it:\n| a | b |\n|---|---|\n| 1 | 2 |", "table"),
    ("What is x in the figure below?", "image_reference"),
    ("Say what ![plot](a.png) shows.", "image_reference"),
    ("★★★★☆☆☆☆ rate ★★★★ this", "unicode_ratio"),
]


@pytest.mark.parametrize(("text", "reason"), CASES)
def test_the_first_rule_that_speaks_drops(text, reason):
    finding = find(Subject(text, text), PARAMS)
    assert (finding and finding.reason) == reason


@settings(max_examples=20, deadline=None)
@given(texts=st.lists(st.sampled_from([text for text, _ in CASES])), order=st.randoms())
def test_nothing_is_lost_cleaning_twice_changes_nothing_and_order_does_not_matter(texts, order):
    con = tables.connect(memory_gb=1)
    fixed = {"source": "s", "category": "chat", "licence": "MIT", "priority": 1}
    rows = [
        {"record_id": digest(str(n)), "prompt_id": digest("p", str(n)), "source_row": str(n), "messages": [{"role": "user", "content": text}], **fixed}
        for n, text in enumerate(texts)
    ]  # fmt: skip

    def fates(relation):
        result = clean(relation, PARAMS)
        return result, {row[0] for row in result.kept.fetchall()}, {row[0] for row in result.dropped.fetchall()}

    result, kept, dropped = fates(tables.from_rows(con, rows, PROMPTS))
    assert kept | dropped == {row["record_id"] for row in rows}
    assert not kept & dropped
    assert fates(result.kept)[1:] == (kept, set())
    order.shuffle(rows)
    assert fates(tables.from_rows(con, rows, PROMPTS))[1:] == (kept, dropped)

"""Labels by rules, and which math goes because no answer can be compared."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import tables
from curation.annotate import DIFFICULTIES, LABELS, annotate, difficulty, label, unverifiable
from curation.hashing import digest
from curation.params import CATEGORIES, Annotate
from schemas.prompts import PROMPTS

PARAMS = Annotate("rules", drop_proofs=True, drop_multi_part=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Prove that there are infinitely many primes.", "proof"),
        ("证明根号二是无理数", "proof"),
        ("Let f(x) = x^2. (a) Find f(2). (b) Find f(3).", "multi_part"),
        ("(i) Factor 91.\n(ii) Factor 119.", "multi_part"),
        ("Which is prime?\nA) 4\nB) 7", None),
        ("Follow these rules:\n1. Sort the numbers.\n2. Print them.", None),
        ("What is 7 + 5?", None),
    ],
)
def test_math_without_one_answer_is_told(text, reason):
    found = unverifiable(text, PARAMS)
    assert (found and found[0]) == reason


@given(st.sampled_from(CATEGORIES), st.text())
def test_labels_and_difficulties_are_of_the_sets(category, text):
    assert label(category, text) in LABELS
    assert difficulty(category, text) in DIFFICULTIES


@settings(max_examples=20, deadline=None)
@given(
    texts=st.lists(st.sampled_from(["Prove it.", "What is 2 + 2?", "(a) One. (b) Two.", "Why?"])), order=st.randoms()
)
def test_nothing_is_lost_and_order_does_not_matter(texts, order):
    con = tables.connect(memory_gb=1)
    fixed = {"source": "s", "category": "math", "licence": "MIT", "priority": 1}
    rows = [
        {"record_id": digest(str(n)), "prompt_id": digest("p", str(n)), "source_row": str(n), "messages": [{"role": "user", "content": text}], **fixed}
        for n, text in enumerate(texts)
    ]  # fmt: skip

    def fates(given_rows):
        result = annotate(tables.from_rows(con, given_rows, PROMPTS), PARAMS)
        kept = {row[0] for row in result.kept.fetchall()}
        assert tables.count(result.annotations) == len(kept)
        return kept, {row[0] for row in result.dropped.fetchall()}

    kept, dropped = fates(rows)
    assert kept | dropped == {row["record_id"] for row in rows}
    assert not kept & dropped
    order.shuffle(rows)
    assert fates(rows) == (kept, dropped)

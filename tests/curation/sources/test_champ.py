"""champ: every problem, with a reference where its answer can be compared."""

from collections import Counter

import pytest

from curation.sources.champ import final_answer, records


def test_there_is_one_record_per_problem_with_its_licence() -> None:
    made = list(records())
    assert len(made) == len({r["id"] for r in made}) == 270
    assert all(r["prompt"] and "@@" not in r["prompt"] and r["licence"] == "MIT" for r in made)


def test_judgements_and_answers_in_words_are_told_from_expressions() -> None:
    kinds = Counter("none" if r["reference"] is None else r["reference"] for r in records())
    assert (kinds["Yes"], kinds["No"], kinds["none"]) == (9, 24, 37)


@pytest.mark.parametrize(
    ("phrase", "reference"),
    [
        ("144", "144"),
        ("0 is the only possible value", "0"),
        ("At most 0 integer-valued zeros (i.e., no integer zeros)", "0"),
        ("The limit exists and is equal to (a+3b)/2", "(a+3b)/2"),
        ("5/14, or approximately 35.7%", "5/14"),
        ("sum_(i=1)^n i^3, or equivalently (n(n+1)/2)^2", "(n(n+1)/2)^2"),
        ("1, 4 and 9", "1, 4, 9"),
        ("x=±1", r"x=\pm 1"),
        # Not one expression.
        ("x=0, y=2 and x=9, y=11", None),
        ("(x=8, y=2), (x=2, y=8)", None),
        ("a(1±sqrt(2)), a(1±sqrt(5))/2", None),
        ("x(x-1)(x-2)...(x-2022)", None),
        ("The limit does not exist", None),
    ],
)
def test_the_expression_is_taken_out_of_the_phrase(phrase: str, reference: str | None) -> None:
    assert final_answer(phrase) == reference


def test_every_expression_is_read_by_the_math_verifier_library() -> None:
    from math_verify import parse

    references = {r["reference"] for r in records()} - {None, "Yes", "No"}
    assert [r for r in references if len(parse(f"\\boxed{{{r}}}")) != 2] == []

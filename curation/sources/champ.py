"""The 270 competition problems of CHAMP (Mao, Kim, Zhou: arXiv 2401.06961), from the package champ-dataset (MIT).

CHAMP states an answer as a phrase for people ("0 is the only possible value", "C(10, 5), or
equivalently 252"). The reference is the expression in it where a math verifier can compare
one, `Yes` or `No` for a judgement, and None for the rest ("No integer solutions"); no problem
is left out, so that the stage annotate can drop judgements and proofs with a reason.

Example record:
    {"id": "P_Combinatorics_2", "category": "math", "reference": "252", "licence": "MIT",
     "prompt": "How many strings of length 5 using the digits {0, 1, ..., 9} ..."}
"""

import re
from collections.abc import Iterator
from typing import Any

_REMARK = re.compile(r"\s*\((?:i\.e\.,|none|no) .*\)$|, or approximately .*$")
_EQUIVALENT = re.compile(r"^.*, or (?:equivalently|an equivalent form such as) ")
_LEAD_IN = re.compile(
    r"^(?:The limit exists and is equal to|The only possible value for the limit is|At (?:most|least)) "
)
_CLOSING = re.compile(
    r" (?:is the only possible value|values|pairs|inequalities|roots|times|numbers?|integer-valued (?:zeros|roots))$"
)
_BINOMIAL = re.compile(r"\bC\(([^,()]+), ([^,()]+)\)")
# Tuples of values, an expression with ± inside, or an ellipsis: no verifier compares these.
_SEVERAL = re.compile(r"\(x=|\d±|\.\.\.")
_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{3,}")


def records() -> Iterator[dict[str, Any]]:
    """Make one record per problem, in CHAMP's order."""
    import champ_dataset

    for problem in champ_dataset.load("v0").problems.values():
        yield {
            "id": problem.identifier,
            "prompt": problem.text,
            "category": "math",
            "reference": final_answer(problem.answer),
            "licence": "MIT",
        }


def final_answer(answer: str) -> str | None:
    r"""Take the expression out of CHAMP's answer phrase; None where there is none to compare.

    Example:
        >>> final_answer("C(10, 5), or equivalently 252")
        '252'
        >>> final_answer("C(n+1, 2m+1)")
        '\\binom{n+1}{2m+1}'
        >>> final_answer("1 and 19")
        '1, 19'
        >>> final_answer("No integer solutions")
    """
    text = answer
    for pattern in (_REMARK, _EQUIVALENT, _LEAD_IN, _CLOSING):
        text = pattern.sub("", text)
    if text in ("Yes", "No"):
        return text
    if "=" not in text or "," not in text:
        text = re.sub(r" (?:and|or) ", ", ", text)
    text = _BINOMIAL.sub(r"\\binom{\1}{\2}", text)
    comparable = not _SEVERAL.search(text) and not _WORD.search(text.replace("sqrt", ""))
    return text.replace("±", r"\pm ") if comparable else None

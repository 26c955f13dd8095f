"""annotate: prompts -> the same + label, difficulty and length; math that cannot be verified is dropped.

In: `prompts` of decontaminate. Out: `prompts`, `annotations`, `drops`. The unit is the prompt. Reasons,
for math only: `proof`, `multi_part`.

The annotator `rules` is ours and makes no claim beyond a spread that recipes can use: the label
follows category and words, the difficulty a count of what a solver has to hold. R1 asks a model for both;
its prompts are not published. Multiple-choice questions in math are kept as they are: rewriting
them (R6 7.2 step 1, R7 8.2 step 5e) needs a model.

Example row of annotations: {"prompt_id": "9ab2...", "label": "Math", "difficulty": "easy",
"annotator": "rules", "num_turns": 1, "length_words": 6, "verifiable": true}

Reference: R1 (arXiv 2503.19633) 2.3 steps 2 and 3, with Magpie's label set (references 12.1); R6
(arXiv 2505.02142) 7.2 step 2; AM-Thinking-v1, R7 (arXiv 2505.08311) 8.2 step 5d.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curation.hashing import digest
from curation.params import Annotate
from curation.similarity.wording import names
from curation.stage import Run, run_stage
from curation.tables import BATCH_ROWS, Relation, count
from curation.text import prompt_text, words
from schemas.annotations import ANNOTATIONS
from schemas.prompts import PROMPTS

LABELS = (
    "Information seeking", "Reasoning", "Planning", "Editing", "Coding & Debugging", "Math", "Role playing",
    "Data analysis", "Creative writing", "Advice seeking", "Brainstorming", "Others",
)  # fmt: skip
DIFFICULTIES = ("very easy", "easy", "medium", "hard", "very hard")

# First match labels a prompt that is neither math, code nor science.
_LABEL_WORDS = (
    ("Editing", r"\b(?:rewrite|edit|proofread|rephrase|paraphrase|correct the|translate|shorten)\b|改写|翻译|润色"),
    ("Role playing", r"\b(?:act as|pretend|you are an? \w+|role.?play)\b|扮演"),
    ("Brainstorming", r"\b(?:brainstorm|ideas?|suggest (?:some|three|five|\d+)|names? for)\b|点子|主意"),
    (
        "Creative writing",
        r"\b(?:poem|story|haiku|song|lyrics|write an? \w*\s*(?:tale|letter|speech|essay))\b|写一[首篇个]|故事|诗",
    ),
    ("Planning", r"\b(?:plan|schedule|itinerary|agenda|steps? to|how (?:do|can|should) i)\b|计划|安排"),
    ("Advice seeking", r"\b(?:should i|advice|recommend|tips?|help me)\b|建议|怎么办"),
    ("Data analysis", r"\b(?:dataset|csv|average of|chart|statistics)\b|统计"),
    ("Reasoning", r"\b(?:why|explain|compare|difference between|argue)\b|为什么|解释|区别"),
)
# What is asked for, not what a text tells: "The results show that", "80-proof" and 身份证明 are no proofs.
_PROOF = re.compile(
    r"\b(?:dis)?prove (?:that|it|or disprove|the following)\b"
    r"|(?:\A|[.?!;:,)$\n]|\b(?:and|also|then|please|hence|thus))\s*(?:prove|disprove|show that)\b"
    r"|\b(?:you|(?:asked|required|task is|try) to) show that\b"
    r"|\b(?:give|write|find|provide|construct|complete|sketch) (?:an? |the |your )?(?:\w+ )?proof\b"
    r"|(?:\A|[。，；：！？、.,;:!?$）)\n]|[请试并可法])\s*证明|求证",
    re.IGNORECASE,
)
_PARTS = re.compile(
    r"(?:^|[\n.?;:,。？；：，$]|\band)\s*(?:[(（]([1-4])|[(（]?(?:([a-d])|(i{1,3}|iv)))[)）](?=\s|[\u4e00-\u9fff$])",
    re.IGNORECASE,
)
_TASK = r"\b(?:find|compute|calculate|evaluate|determine|simplify|solve|factor|expand|list|write|sketch|prove|show)\b|求|计算|证明|写出"
_ASKS = re.compile(rf"{_TASK}|[?？]|\b(?:what|how|which)\b", re.IGNORECASE)
# "Find: (a) f(2) (b) f(3)" asks twice, "Find f such that: (1) ... (2) ..." once.
_STEM = re.compile(
    rf"(?:{_TASK})(?:(?!\bsuch that\b|\bwhere\b|satisf|conditions?\b|propert|满足|条件)[^.?!。？！])*\Z", re.IGNORECASE
)
_CHOICES = re.compile(r"(?:^|\n)\s*\(?A[).:]\s.*\n\s*\(?B[).:]\s", re.DOTALL)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_DECISIONS = pa.schema(
    [
        *ANNOTATIONS.arrow_schema,
        pa.field("reason", pa.string()),
        pa.field("figure", pa.float64()),
        pa.field("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class Annotated:
    """What annotate makes of its prompts."""

    kept: Relation
    """Columns of `prompts`."""
    annotations: Relation
    """Columns of `annotations`, for the kept prompts."""
    dropped: Relation
    """`record_id`, `prompt_id`, `reason`, `figure`, `detail`."""


def annotate(prompts: Relation, params: Annotate) -> Annotated:
    """Label prompts by rules and drop the math that no verifier can judge.

    Args:
        prompts: One row per prompt; all columns of `prompts`.
        params: Which drops hold.
    """
    decided = pa.Table.from_batches(_decisions(prompts, params), schema=_DECISIONS)
    kept = prompts.query("prompts", "SELECT prompts.* FROM prompts JOIN decided USING (prompt_id) WHERE reason IS NULL")
    dropped = prompts.query(
        "prompts",
        """
        SELECT prompts.record_id, prompt_id, reason, figure, detail
        FROM prompts JOIN decided USING (prompt_id)
        WHERE reason IS NOT NULL
        """,
    )
    labelled = prompts.query(
        "prompts", "SELECT decided.* FROM prompts JOIN decided USING (prompt_id) WHERE reason IS NULL"
    )
    return Annotated(kept, labelled, dropped)


def label(category: str, text: str) -> str:
    """Magpie's label for a prompt: by its category where that decides, else by the first words that match.

    Example:
        >>> label("chat", "Write a poem about rain."), label("math", "What is 2 + 2?")
        ('Creative writing', 'Math')
    """
    fixed = {"math": "Math", "code": "Coding & Debugging", "science": "Reasoning"}
    if category in fixed:
        return fixed[category]
    for name, pattern in _LABEL_WORDS:
        if re.search(pattern, text, re.IGNORECASE):
            return name
    return "Information seeking" if "?" in text or "？" in text else "Others"


def difficulty(category: str, text: str) -> str:
    """One of five levels, by what a solver has to hold: words, numbers, and the kind of task.

    A point each for 15, 40, 80 and 160 words and for the 3rd, 6th and 10th number; code that has
    a point gets one more. 0 points are very easy, 1 is easy, 2 and 3 are medium, 4 and 5 hard, 6
    and more very hard.

    Example:
        >>> difficulty("math", "What is 7 + 5?")
        'very easy'
    """
    num_words, num_numbers = len(words(text)), len(_NUMBER.findall(text))
    points = sum(num_words >= bound for bound in (15, 40, 80, 160)) + sum(num_numbers >= bound for bound in (3, 6, 10))
    return DIFFICULTIES[min((points + (category == "code")) // 2 + (points > 0), 4)]


def group_id(text: str) -> str:
    """Hash of the words of a prompt, its numbers and names masked: what one template makes is one group.

    Such prompts are near-duplicates that deduplicate keeps, as their answers differ; one split holds them all.

    Example:
        >>> group_id("Tom has 3 apples and Ann has 12.") == group_id("Tom has 7 apples and Eve has 1.")
        True
    """
    masked = {name.lower() for name in names(text)}
    kept = ("0" if any(map(str.isdigit, word)) else "_" if word in masked else word for word in words(text))
    return digest("group", " ".join(kept))


def unverifiable(text: str, params: Annotate) -> tuple[str, float | None, str] | None:
    """Reason, figure and detail why a math prompt has no one answer to compare; None where it has.

    Multi-part means that parts (a) and (b), (i) and (ii) or (1) and (2), each at the start of a line or
    clause, are both asked for. The choices of a multiple-choice question and the conditions of one
    question are no parts.
    """
    proof = _PROOF.search(text) if params.drop_proofs else None
    if proof:
        return "proof", None, proof[0]
    if params.drop_multi_part and not _CHOICES.search(text):
        for group in (1, 2, 3):
            parts = _asked_parts(text, [match for match in _PARTS.finditer(text) if match[group]], group)
            if parts[:2] in (["a", "b"], ["i", "ii"], ["1", "2"]):
                return "multi_part", float(len(parts)), ", ".join(parts)
    return None


def _asked_parts(text: str, marks: Sequence[re.Match[str]], group: int) -> list[str]:
    """Names of the marked parts that ask for something, all of them where the words before the first do."""
    if not marks:
        return []
    stem_asks = _STEM.search(text[: marks[0].start()])
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    asked = [mark for mark, end in zip(marks, ends, strict=True) if stem_asks or _ASKS.search(text[mark.end() : end])]
    return sorted({mark[group].lower() for mark in asked})


def _decisions(prompts: Relation, params: Annotate) -> Iterator[pa.RecordBatch]:
    for batch in prompts.to_arrow_reader(BATCH_ROWS):
        yield pa.RecordBatch.from_pylist([_decision(row, params) for row in batch.to_pylist()], schema=_DECISIONS)


def _decision(row: Mapping[str, Any], params: Annotate) -> dict[str, Any]:
    """The annotation of one prompt, and whether it goes."""
    text = prompt_text(row["messages"])
    found = unverifiable(text, params) if row["category"] == "math" else None
    reason, figure, detail = found or (None, None, None)
    return {
        "prompt_id": row["prompt_id"],
        "group_id": group_id(text),
        "label": label(row["category"], text),
        "difficulty": difficulty(row["category"], text),
        "annotator": params.annotator,
        "num_turns": sum(message["role"] != "system" for message in row["messages"]),
        "length_words": len(words(text)),
        "verifiable": any(row[name] for name in ("reference", "tests", "constraints")),
        "reason": reason,
        "figure": figure,
        "detail": detail,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Label prompts and drop math that cannot be verified. Example: python -m curation.annotate"""
    return run_stage("annotate", _run)


def _run(run: Run) -> None:
    prompts = run.read("decontaminate", PROMPTS)
    result = annotate(prompts, run.params.annotate)
    kept = run.write(PROMPTS, result.kept)
    annotated = run.write(ANNOTATIONS, result.annotations)
    assert annotated == kept
    run.account(unit="prompt", rows_in=count(prompts), rows_kept=kept, dropped=run.write_drops(result.dropped))


if __name__ == "__main__":
    sys.exit(main())

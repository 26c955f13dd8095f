"""clean: prompts -> kept + drops, by rules on a single prompt; fills the language tag.

In: `prompts` of ingest. Out: `prompts` and `drops`. The unit is the record. Rules stand in `RULES`, in
order; the first that speaks drops the record. Reasons: `empty`, `incomplete`, `too_short`,
`too_long`, `url`, `table`, `image_reference`, `unicode_ratio`, `language`.

Text inside code fences is left out of the rules on URLs, tables and images: a program may hold
all three. Whether a prompt is complete was asked of a model in R5; here it is a few stated rules.

Example row of drops: {"stage": "clean", "reason": "url", "figure": null, "record_id": "1f0c...",
"detail": "https://example.org/plot"}

Reference: R1 (arXiv 2503.19633) Fig. 1; DeepDistill, R5 (arXiv 2504.17565) 6.2 steps 2 to 4;
AM-Thinking-v1, R7 (arXiv 2505.08311) 8.2 steps 2 and 3.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from curation.params import Clean
from curation.stage import Kept, Run, run_stage
from curation.tables import BATCH_ROWS, Relation, count
from curation.text import language, prompt_text, words
from schemas.prompts import PROMPTS

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)
_TABLES = (
    re.compile(r"^\s*\|.*\|\s*\n\s*\|[\s:|-]*-[\s:|-]*\|", re.MULTILINE),
    re.compile(r"<table\b", re.IGNORECASE),
    re.compile(r"\\begin\{tabular\}"),
)
_IMAGES = (
    re.compile(r"!\[[^\]]*\]\([^)]*\)"),
    re.compile(r"<img\b|\\includegraphics|\[asy\]|<image>", re.IGNORECASE),
    re.compile(
        r"\b(?:in|from|see|shown in|as in|of) the (?:\w+ )?(?:figure|picture|image|diagram|photo|graph)"
        r"(?: (?:below|above|shown|on the (?:left|right)))?\b",
        re.IGNORECASE,
    ),
    re.compile(r"(?:如|见|下)图"),
)
_UNFINISHED = re.compile(
    r"(?:\.\.\.|\u2026|[,:;\uff0c\uff1a\uff1b(\[{]|\b(?:and|or|the|a|an|of|to|with|following))\s*\Z", re.IGNORECASE
)
_CJK = re.compile(r"[\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef]")
_DECISIONS = pa.schema(
    [
        ("record_id", pa.string()),
        ("language", pa.string()),
        ("reason", pa.string()),
        ("figure", pa.float64()),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class Subject:
    """A prompt as the rules look at it."""

    text: str
    last_turn: str
    """The user turn that is to be answered."""

    @cached_property
    def prose(self) -> str:
        """The text without code fences."""
        return _FENCE.sub(" ", self.text)

    @cached_property
    def num_words(self) -> int:
        """Words of all turns."""
        return len(words(self.text))


@dataclass(frozen=True)
class Finding:
    """Why a rule drops a prompt."""

    reason: str
    figure: float | None = None
    detail: str | None = None


Rule = Callable[[Subject, Clean], Finding | None]


def clean(prompts: Relation, params: Clean) -> Kept:
    """Drop the prompts that a rule speaks against, and tag the others' language.

    Args:
        prompts: One row per record. Reads `record_id` and `messages`.
        params: Which rules hold, and their bounds.

    Returns:
        `kept`: the columns of `prompts`, `language` filled. `dropped`: `record_id`, `prompt_id`,
        `reason`, `figure`, `detail`.
    """
    read = prompts.query("prompts", "SELECT record_id, messages FROM prompts")
    decided = pa.Table.from_batches(_decisions(read, params), schema=_DECISIONS)
    kept = prompts.query(
        "prompts",
        """
        SELECT prompts.* REPLACE (decided.language AS language)
        FROM prompts JOIN decided USING (record_id)
        WHERE decided.reason IS NULL
        """,
    )
    dropped = prompts.query(
        "prompts",
        """
        SELECT prompts.record_id, prompts.prompt_id, decided.reason, decided.figure, decided.detail
        FROM prompts JOIN decided USING (record_id)
        WHERE decided.reason IS NOT NULL
        """,
    )
    return Kept(kept, dropped)


def _decisions(read: Relation, params: Clean) -> Iterator[pa.RecordBatch]:
    """What the rules say of every prompt, batch by batch."""
    for batch in read.to_arrow_reader(BATCH_ROWS):
        rows = []
        for row in batch.to_pylist():
            subject = Subject(prompt_text(row["messages"]), row["messages"][-1]["content"] if row["messages"] else "")
            finding = find(subject, params)
            told = vars(finding) if finding else {"reason": None, "figure": None, "detail": None}
            rows.append({"record_id": row["record_id"], "language": language(subject.text), **told})
        yield pa.RecordBatch.from_pylist(rows, schema=_DECISIONS)


def _empty(subject: Subject, params: Clean) -> Finding | None:
    return None if subject.last_turn.strip() else Finding("empty")


def _incomplete(subject: Subject, params: Clean) -> Finding | None:
    if subject.text.count("```") % 2:
        return Finding("incomplete", detail="a code fence is not closed")
    match = _UNFINISHED.search(subject.last_turn)
    return Finding("incomplete", detail=f"ends with {subject.last_turn[-20:]!r}") if match else None


def _too_short(subject: Subject, params: Clean) -> Finding | None:
    return Finding("too_short", float(subject.num_words)) if subject.num_words < params.words_min else None


def _too_long(subject: Subject, params: Clean) -> Finding | None:
    return Finding("too_long", float(subject.num_words)) if subject.num_words > params.words_max else None


def _url(subject: Subject, params: Clean) -> Finding | None:
    match = _URL.search(subject.prose) if params.drop_urls else None
    return Finding("url", detail=match[0][:200]) if match else None


def _table(subject: Subject, params: Clean) -> Finding | None:
    return _first_match("table", _TABLES, subject) if params.drop_tables else None


def _image_reference(subject: Subject, params: Clean) -> Finding | None:
    return _first_match("image_reference", _IMAGES, subject) if params.drop_images else None


def _unicode_ratio(subject: Subject, params: Clean) -> Finding | None:
    """Share of non-ASCII characters; Chinese ones are left out where Chinese is kept."""
    counted = [char for char in subject.text if not char.isspace()]
    foreign = [char for char in counted if not char.isascii() and not ("zh" in params.languages and _CJK.match(char))]
    ratio = round(len(foreign) / max(len(counted), 1), 6)
    return Finding("unicode_ratio", ratio) if ratio > params.unicode_ratio_max else None


def _language(subject: Subject, params: Clean) -> Finding | None:
    found = language(subject.text)
    return None if found in params.languages else Finding("language", detail=found)


def _first_match(reason: str, patterns: Sequence[re.Pattern[str]], subject: Subject) -> Finding | None:
    matches = (pattern.search(subject.prose) for pattern in patterns)
    return next((Finding(reason, detail=match[0].strip()[:200]) for match in matches if match), None)


RULES: tuple[Rule, ...] = (
    _empty,
    _incomplete,
    _too_short,
    _too_long,
    _url,
    _table,
    _image_reference,
    _unicode_ratio,
    _language,
)


def find(subject: Subject, params: Clean, rules: Sequence[Rule] = RULES) -> Finding | None:
    """What the first rule that speaks says of a prompt; None where all are silent."""
    return next((finding for rule in rules if (finding := rule(subject, params))), None)


def main(argv: Sequence[str] | None = None) -> int:
    """Drop prompts that no teacher should be asked. Example: python -m curation.clean"""
    return run_stage("clean", _run)


def _run(run: Run) -> None:
    prompts = run.read("ingest", PROMPTS)
    result = clean(prompts, run.params.clean)
    kept = run.write(PROMPTS, result.kept)
    run.account(unit="record", rows_in=count(prompts), rows_kept=kept, dropped=run.write_drops(result.dropped))


if __name__ == "__main__":
    sys.exit(main())

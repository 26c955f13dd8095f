r"""clean: `prompts` -> kept + dropped, by rules on single prompts.

In: `prompts` of ingest. Out: `prompts` with `language` filled, `drops`. The unit is the record. The
rules stand in `RULES`; the first that matches drops, so the order is part of the result. Reasons:
`empty`, `incomplete`, `too_short`, `too_long`, `url`, `table`, `image_reference`, `language`,
`unicode_ratio`. The figure is the number of words or the ratio; the detail quotes what was found.

Code is not prose: fenced blocks and inline code are left out before looking for URLs, tables and
images. Code that stands bare is prose to us. Not covered: DeepDistill finds incomplete
queries with a model; ours are the cases that a rule can tell. Asymptote figures ([asy]) are kept:
they can be read.

Example row (of drops): {"stage": "clean", "reason": "image_reference", "figure": null,
"record_id": "5e0b...", "prompt_id": "9ab2...", "detail": "in the figure"}

Reference: DeepDistill (arXiv 2504.17565, R5) 6.2 steps 2 to 4; AM-Thinking-v1 (arXiv 2505.08311,
R7) 8.2 steps 2 and 3; R1 (arXiv 2503.19633) 2.3 step 11, languages.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curation import tables, text
from curation.params import Clean
from curation.progress import progress
from curation.stage import Kept, Run, run_stage
from curation.tables import Relation, count
from schemas.prompts import PROMPTS

DETAIL_CHARACTERS = 100

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([^{}\n]+)\}")
# A last line that announces what then does not come: "Given the following:", "the code below:"; a lone
# "Translate to French:" too. A sentence to be completed ("Below 7, a pH is called:") is whole.
_DANGLING = re.compile(
    r"(?:\b(?:following|below|as follows|given)\b[^.?!:\n]*(?<!\bis)(?<!\bare)(?<!\bequals)(?<!\bcalled):"
    r"|\A\s*(?:please )?(?:summari[sz]e|translate|rewrite|rephrase|paraphrase|proofread|correct|shorten|explain)\b[^.?!:\n]{0,40}:"
    r"|(?:如下|以下|下列)[^。？！:：\n]*[:：])\s*\Z",
    re.IGNORECASE,
)
_TRUNCATED = re.compile(r"[\[(<]\s*(?:truncated|continued|cut off|\.\.\.|…)\s*[\])>]\s*\Z", re.IGNORECASE)
_URL = re.compile(r"(?:https?|ftp)://[^\s<>\"')\]}]+|\bwww\.[\w-]+\.[^\s<>\"')\]}]+", re.IGNORECASE)
_TABLE = re.compile(
    r"^[^\n|]*\|[^\n]*\n(?=[^\n]*\|)[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$"  # Markdown: head, rule
    r"|<table\b[^>]*>.*?<t[rhd]\b"
    r"|\\begin\{(?:tabular[*xy]?|longtable)\}",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
# The graph of a function and a graph G are spoken of, not shown.
_DRAWN = r"(?:figure|diagram|picture|image|photo|photograph|illustration|drawing|sketch|graph(?! (?:of|with|[a-z])\b)|chart|screenshot)"
_IMAGE = re.compile(
    r"!\[[^\]\n]*\]\([^)\n]*\)|<img\b|<image>|\\includegraphics"
    rf"|\b(?:shown|seen|see|given (?:in|on|by)|illustrated|depicted|displayed|drawn|pictured|refer(?:ring)? to|look at|based on)"
    rf" (?:in |on |at |by )?(?:the|this) (?:\w+ )?{_DRAWN}\b"
    rf"|\b(?:the|this|following|attached|accompanying|adjacent) {_DRAWN} (?:is )?(?:shown|(?:below|above)(?! (?:(?:an|the|[a-z])\b|\$))|at right|at left|to the (?:right|left))\b"
    r"|\b(?:in|from|on) the (?:(?:accompanying|adjacent|attached|following|given) )?(?:figure|diagram|picture|photo)\b(?! (?:albums?|books?|frames?)\b)"
    r"|\b(?:in|see|from) fig(?:ure|\.) ?\d"
    rf"|\b(?:the )?(?:attached|accompanying|adjacent) {_DRAWN}\b"
    # Not 例如图书馆 (such as libraries), 线上图书 (books online), 有向图中 (in a directed graph).
    r"|如图(?![书像片形表])|如?(?:下|上|左|右)图(?!书)|(?<![向单全权分通个子地])图中",
    re.IGNORECASE,
)
_CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")


@dataclass(frozen=True)
class Prompt:
    """A prompt as the rules look at it."""

    turns: tuple[str, ...]
    """Contents of the user turns."""
    whole: str
    """All turns."""
    prose: str
    """All turns without code in fences and backticks."""
    num_words: int
    language: str


@dataclass(frozen=True)
class Finding:
    """Why a rule drops a prompt."""

    figure: float | None
    detail: str


Rule = Callable[[Prompt, Clean], Finding | None]


def _empty(prompt: Prompt, params: Clean) -> Finding | None:
    for number, turn in enumerate(prompt.turns, start=1):
        if not any(character.isalnum() for character in turn):
            return Finding(None, f"user turn {number} of {len(prompt.turns)} has no letter and no digit: {turn!r}")
    return None


def _incomplete(prompt: Prompt, params: Clean) -> Finding | None:
    """The last turn announces what does not come, is marked as cut off, or leaves something open."""
    asked = prompt.turns[-1]
    ending = _DANGLING.search(asked) or _TRUNCATED.search(asked)
    if ending:
        return Finding(None, f"ends with {ending[0]!r}")
    if len(_FENCE.findall(asked)) % 2 and asked.count("```") % 2:
        return Finding(None, "a code fence is not closed")
    opened = Counter[str]()
    for verb, name in _ENVIRONMENT.findall(_CODE.sub(" ", asked)):
        opened[name] += 1 if verb == "begin" else -1
    unbalanced = next((name for name, open_now in opened.items() if open_now), None)
    return Finding(None, f"\\begin and \\end of {unbalanced} do not match") if unbalanced else None


def _too_short(prompt: Prompt, params: Clean) -> Finding | None:
    if prompt.num_words >= params.words_min:
        return None
    return Finding(prompt.num_words, f"wanted at least {params.words_min} words")


def _too_long(prompt: Prompt, params: Clean) -> Finding | None:
    if prompt.num_words <= params.words_max:
        return None
    return Finding(prompt.num_words, f"wanted at most {params.words_max} words")


def _url(prompt: Prompt, params: Clean) -> Finding | None:
    return _found(_URL, prompt) if params.drop_urls else None


def _table(prompt: Prompt, params: Clean) -> Finding | None:
    return _found(_TABLE, prompt) if params.drop_tables else None


def _image_reference(prompt: Prompt, params: Clean) -> Finding | None:
    return _found(_IMAGE, prompt) if params.drop_images else None


def _found(pattern: re.Pattern[str], prompt: Prompt) -> Finding | None:
    match = pattern.search(prompt.prose)
    return Finding(None, match[0]) if match else None


def _unicode_ratio(prompt: Prompt, params: Clean) -> Finding | None:
    ratio = unicode_ratio(prompt.whole, params.languages)
    if ratio <= params.unicode_ratio_max:
        return None
    return Finding(ratio, f"wanted at most {params.unicode_ratio_max}")


def unicode_ratio(whole: str, languages: Sequence[str]) -> float:
    """Share of the characters that are neither ASCII nor of the script of a wanted language.

    Chinese punctuation and full-width forms are of the Chinese script; `other` takes any letter.

    Example:
        >>> unicode_ratio("a≤b∧c≥d，好", ["en"]), unicode_ratio("a≤b∧c≥d，好", ["en", "zh"])
        (0.555556, 0.333333)
    """
    if whole.isascii():
        return 0.0
    foreign = [character for character in whole if not character.isascii()]
    if "zh" in languages:
        foreign = [character for character in foreign if not _CHINESE.match(character)]
    if "other" in languages:
        foreign = [character for character in foreign if not character.isalpha()]
    return round(len(foreign) / len(whole), 6)


def _language(prompt: Prompt, params: Clean) -> Finding | None:
    if prompt.language in params.languages:
        return None
    return Finding(None, f"{prompt.language}, wanted one of {', '.join(params.languages)}")


RULES: tuple[tuple[str, Rule], ...] = (
    ("empty", _empty),
    ("incomplete", _incomplete),
    ("too_short", _too_short),
    ("too_long", _too_long),
    ("url", _url),
    ("table", _table),
    ("image_reference", _image_reference),
    ("language", _language),
    ("unicode_ratio", _unicode_ratio),
)
"""Reason and rule; the first that matches drops."""

_FINDINGS = pa.schema(
    [
        ("record_id", pa.string()),
        ("prompt_id", pa.string()),
        ("language", pa.string()),
        ("reason", pa.string()),
        ("figure", pa.float64()),
        ("detail", pa.string()),
    ]
)


def clean(prompts: Relation, params: Clean, *, rules: Sequence[tuple[str, Rule]] = RULES) -> Kept:
    """Drop prompts that a rule matches, and tell the language of the others.

    The texts stream twice, once for the rules and once when the result is written; ids and
    findings are held.

    Args:
        prompts: One row per record. Reads `record_id`, `prompt_id`, `messages`.
        params: The rules' bounds and switches.
        rules: Reason and rule, in order.
    """
    findings = pa.concat_tables([_FINDINGS.empty_table(), *_findings(prompts, params, rules)])
    kept = prompts.query(
        "prompts",
        """
        SELECT prompts.* REPLACE (findings.language AS language)
        FROM prompts JOIN findings USING (record_id)
        WHERE reason IS NULL
        """,
    )
    dropped = prompts.query(
        "prompts",
        "SELECT record_id, prompt_id, reason, figure, detail FROM findings WHERE reason IS NOT NULL",
    )
    return Kept(kept, dropped)


def _findings(prompts: Relation, params: Clean, rules: Sequence[tuple[str, Rule]]) -> Iterator[pa.Table]:
    looked_at = prompts.project("record_id, prompt_id, messages")
    with progress("clean", count(prompts), "prompts") as shown:
        for batch in looked_at.to_arrow_reader(tables.BATCH_ROWS):
            yield pa.Table.from_pylist([_finding(row, params, rules) for row in batch.to_pylist()], schema=_FINDINGS)
            shown.update(batch.num_rows)


def _finding(row: Mapping[str, Any], params: Clean, rules: Sequence[tuple[str, Rule]]) -> dict[str, Any]:
    """The first rule that matches a prompt, or none, and the prompt's language."""
    prompt = look_at(row["messages"])
    told = {"record_id": row["record_id"], "prompt_id": row["prompt_id"], "language": prompt.language}
    for reason, rule in rules:
        finding = rule(prompt, params)
        if finding:
            return {**told, "reason": reason, "figure": finding.figure, "detail": finding.detail[:DETAIL_CHARACTERS]}
    return told


def look_at(messages: Sequence[Mapping[str, str]]) -> Prompt:
    """Derive from a prompt's messages what the rules read."""
    whole = text.prompt_text(messages)
    return Prompt(
        turns=tuple(message["content"] for message in messages if message["role"] == "user"),
        whole=whole,
        prose=_CODE.sub(" ", whole) if "`" in whole else whole,
        num_words=len(text.words(whole)),
        language=text.language(whole),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Drop prompts that are empty, cut off, or hold URLs, tables, images or symbol soup."""
    return run_stage("clean", _run)


def _run(run: Run) -> None:
    prompts = run.read("ingest", PROMPTS)
    result = clean(prompts, run.params.clean)
    kept = run.write(PROMPTS, result.kept)
    run.account(unit="record", rows_in=count(prompts), rows_kept=kept, dropped=run.write_drops(result.dropped))


if __name__ == "__main__":
    sys.exit(main())

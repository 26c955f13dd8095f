"""What a prompt says, cut into the pieces that decide whether another prompt says the same.

All pieces but `text` are taken from text with its white space folded, so that two prompts with one
`prompt_id` have equal pieces.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from curation.hashing import fold
from curation.text import prompt_text, words

_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"\d+(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?|[{_CJK}]|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[^\w\s]|_+")
_CODE = re.compile(r"```(.*?)```", re.DOTALL)
_QUOTED = re.compile(r"\"([^\"]+)\"|\u201c([^\u201d]+)\u201d|`([^`]+)`|(?<!\w)'([^']+)'(?!\w)")
_CHOICE = re.compile(r"(?:^|\s)\(?([A-H])[).:]\s")
_MINUS = re.compile(r"(?<![^\W\d_])[-\u2212]|[-\u2212](?![^\W\d_])")
# A star that multiplies, a factorial, and !=; other stars and exclamation marks are layout and punctuation.
_OPERATOR = re.compile(
    r"(?<=[\d)\]])\s?(\*+|!)|(\*+)(?=\s?[\d(\[])|(?<=\b[^\W\d_])\s?(\*+)(?=\s?[^\W\d_]\b)|(?<=\b[^\W\d_])(!)|(!)(?==)"
)
_DIRECTIONS = {"from": "from", "to": "to", "into": "to", "onto": "to", "by": "by"}
_SENTENCE = re.compile(r"(?<=[.?!:])\s+|(?<=[\u3002\uff1f\uff01])|\n+")
_ARTICLE = re.compile(r"\bA(?=\s[a-z0-9])")
PUNCTUATION = frozenset(
    ".,;:!?\"'`\u2018\u2019\u201c\u201d\u2026$*#-\u2212\u2013\u2014\u3001\u3002\uff0c\uff1a\uff1b\uff01\uff1f"
)
"""Signs that may differ between two prompts that say the same; those that calculate are counted apart."""


@cache
def word_list(name: str) -> frozenset[str]:
    """One of the lists in data/, which its README explains."""
    return frozenset((Path(__file__).parent / "data" / f"{name}.txt").read_text(encoding="utf-8").split())


@dataclass(frozen=True)
class Wording:
    """The pieces of one prompt."""

    text: str
    """All messages in NFC, line breaks kept."""
    words: tuple[str, ...]
    """All words, lower-cased."""
    numbers: tuple[str, ...]
    """Numbers in digits, in order; 1,000 is 1000 and 2.50 is 2.5."""
    symbols: tuple[str, ...]
    """Signs that are no punctuation, in order, then the stars and exclamation marks that calculate, and the minus signs."""
    letters: tuple[str, ...]
    """Single letters, in order: names of variables, labels."""
    quoted: tuple[str, ...]
    """Texts in quotation marks or backticks, in order."""
    code: tuple[str, ...]
    """Fenced blocks."""
    choices: tuple[str, ...]
    """Texts of the choices A), B) ..."""
    turns: tuple[str, ...]
    """Roles of the messages, system left out."""


def wording(messages: Sequence[Mapping[str, str]]) -> Wording:
    """Cut a prompt into its pieces.

    Example:
        >>> wording([{"role": "user", "content": "Is x - 1,000 < 5.0?"}]).numbers
        ('1000', '5')
    """
    whole = prompt_text(messages)
    text = fold(whole)
    tokens = _TOKEN.findall(unicodedata.normalize("NFKC", _ARTICLE.sub("a", text)))
    signs = [token for token in tokens if not token[0].isalnum() and token not in PUNCTUATION]
    operators = ["".join(found) for found in _OPERATOR.findall(text)]
    return Wording(
        text=unicodedata.normalize("NFC", whole),
        words=tuple(words(text)),
        numbers=tuple(_number(token) for token in tokens if token[0].isdigit()),
        symbols=(*signs, *operators, "-" * len(_MINUS.findall(text))),
        letters=tuple(token for token in tokens if _is_letter(token)),
        quoted=tuple(fold(next(filter(None, found))).lower() for found in _QUOTED.findall(text)),
        code=tuple(fold(block) for block in _CODE.findall(text)),
        choices=_choices(text),
        turns=tuple(message["role"] for message in messages if message["role"] != "system"),
    )


def _number(token: str) -> str:
    """A number as it is compared; leading zeros stay, since they count in codes and binary strings."""
    plain = token.replace(",", "")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _is_letter(token: str) -> bool:
    return len(token) == 1 and token.isalpha() and token not in ("a", "I") and not re.match(f"[{_CJK}]", token)


def _choices(text: str) -> tuple[str, ...]:
    """Texts of labelled choices, which must run from A in order, two at least."""
    marks = list(_CHOICE.finditer(text))
    if len(marks) < 2 or [mark[1] for mark in marks] != [chr(ord("A") + index) for index in range(len(marks))]:
        return ()
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    return tuple(fold(text[mark.end() : end]).lower() for mark, end in zip(marks, ends, strict=True))


def content_words(text: str) -> tuple[str, ...]:
    """Stems of the words that carry meaning, in order.

    Example:
        >>> content_words("Find how many boxes are in the two stacked crates.")
        ('box', 'two', 'stack', 'crat')
    """
    return tuple(_stem(word) for word in words(text) if word not in word_list("function_words"))


def decisive_words(text: str) -> tuple[str, ...]:
    """The words, sorted, of which one more or less makes another problem."""
    return tuple(sorted(word for word in words(text) if word in word_list("decisive_words")))


def objects(text: str) -> tuple[str, ...]:
    """The content words, sorted, that follow a preposition: what has which role.

    Example:
        >>> objects("How do I convert miles to kilometres?"), objects("Convert kilometres into miles.")
        (('kilometr',), ('mil',))
    """
    found, follows = [], False
    for word in words(text):
        follows = follows or word in word_list("prepositions")
        if follows and word not in word_list("function_words") | word_list("prepositions"):
            found.append(_stem(word))
            follows = False
    return tuple(sorted(found))


def directions(text: str) -> dict[str, frozenset[str]]:
    """The content words that follow from, to or by, with which of them.

    Example:
        >>> {word: sorted(found) for word, found in directions("The price rose by 20 from 50.").items()}
        {'20': ['by'], '50': ['from']}
    """
    found: dict[str, frozenset[str]] = {}
    current = None
    for word in words(text):
        if word in word_list("prepositions"):
            current = _DIRECTIONS.get(word)
        elif current and word not in word_list("function_words"):
            found[_stem(word)] = found.get(_stem(word), frozenset()) | {current}
            current = None
    return found


def names(text: str, *, at_start: bool = False) -> tuple[str, ...]:
    """Capitalized words, in order.

    Args:
        text: Text.
        at_start: Whether to count content words that begin a sentence, most of which are no names.

    Example:
        >>> names("Is Bob older than Alice? Then he leaves on Monday.")
        ('Bob', 'Alice', 'Monday')
    """
    found = []
    for sentence in sentences(text):
        tokens = [token for token in _TOKEN.findall(sentence) if token[0].isalnum()]
        counted = tokens if at_start and content_words(" ".join(tokens[:1])) else tokens[1:]
        found += [token for token in counted if token[0].isupper() and len(token) > 1]
    return tuple(found)


def sentences(text: str) -> list[str]:
    """A text's sentences and lines, white space folded, empty ones left out."""
    return [folded for part in _SENTENCE.split(text) if part and (folded := fold(part))]


def _stem(word: str) -> str:
    """A word without its commonest English endings; crude, and the same for both sides of a comparison."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word.removesuffix(ending)
    return word

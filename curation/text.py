"""Text of prompts and responses: the response format, rendering, words, scripts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Response format of the reports (R4 Fig. 3; R7 5.1.3): the blocks in this order, white space between.
_THINK_ANSWER = re.compile(r"\A\s*<think>(.*?)</think>\s*<answer>(.*?)</answer>\s*\Z", re.DOTALL)
_THINK = re.compile(r"\A\s*<think>(.*?)</think>(.*)\Z", re.DOTALL)
_CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_]+(?:['\u2019][^\W_]+)*")


@dataclass(frozen=True)
class Parts:
    """A response, split."""

    reasoning: str | None
    answer: str
    well_formed: bool


def split_response(text: str, response_format: str) -> Parts:
    """Split a teacher's text by its response format.

    `think_answer` wants both parts in tags, `think` the thinking alone, with the answer after it. Text
    that does not follow is all answer, and not well formed. A `plain` text is all answer, well formed where
    it is not empty.

    Example:
        >>> split_response("<think>2+2</think> <answer>4</answer>", "think_answer")
        Parts(reasoning='2+2', answer='4', well_formed=True)
    """
    if response_format == "plain":
        return Parts(None, text, bool(text.strip()))
    match = (_THINK if response_format == "think" else _THINK_ANSWER).match(text)
    if match is None or "<think>" in match[1] or "<answer>" in match[2]:
        return Parts(None, text, False)
    return Parts(match[1], match[2], bool(match[1].strip() and match[2].strip()))


def join_response(reasoning: str | None, answer: str) -> str:
    """The full text of a response, as the published 1.4M records write it (references 11.1)."""
    if reasoning is None:
        return answer
    return f"<think>{reasoning}</think>\n<answer>{answer}</answer>"


def prompt_text(messages: Sequence[Mapping[str, str]]) -> str:
    """The turns of a prompt as one text, for hashing into n-grams and for embedding."""
    return "\n".join(message["content"] for message in messages)


def words(text: str) -> list[str]:
    """Lower-cased words; each Chinese character is one.

    Example:
        >>> words("It's 7 kg, 对吗?")
        ["it's", '7', 'kg', '对', '吗']
    """
    return _WORD.findall(text.lower())


def language(text: str) -> str:
    """en, zh or other, by the share of scripts among the letters (R1 2.3 step 11; rule ours).

    Example:
        >>> language("求 x 的值"), language("Solve for x."), language("Найди x")
        ('zh', 'en', 'other')
    """
    letters = [char for char in text if char.isalpha()]
    if not letters:
        return "en"
    chinese = sum(1 for char in letters if _CJK.match(char))
    if chinese / len(letters) > 0.3:
        return "zh"
    return "en" if sum(char.isascii() for char in letters) / len(letters) > 0.7 else "other"

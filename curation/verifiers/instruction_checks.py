"""The checks of IFEval (arXiv 2311.07911), each a function of the response and named arguments.

A check says whether a text follows an instruction, or None where the text does not let it say:
words of a language without spaces, case of a script without case. Arguments have IFEval's
names and are valid (see `curation.verifiers.instructions`). All checks are strict: the text is
taken as it is. All are deterministic, take time linear in the text and load nothing.

Where they differ from the published checkers, and why, stands in docs/verifiers/instructions.md.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from curation.text import words

# Scripts whose words or sentences no space or full stop divides.
UNDIVIDED_SCRIPTS = {"THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "HIRAGANA", "KATAKANA"}
UNDIVIDED_SHARE_MAX = 0.1
MAIN_SHARE_MIN = 0.5
# A script that stands for one language, and those that several share.
SCRIPTS = {
    "LATIN": "af ca cs cy da de en es et fi fr hr hu id it lt lv nl no pl pt ro sk sl so sq sv sw tl tr vi",
    "CYRILLIC": "bg mk ru uk",
    "ARABIC": "ar fa ur",
    "DEVANAGARI": "hi mr ne",
    "BENGALI": "as bn",
    "CJK": "zh", "KANA": "ja", "HANGUL": "ko", "THAI": "th", "LAO": "lo", "KHMER": "km", "MYANMAR": "my",
    "GURMUKHI": "pa", "GUJARATI": "gu", "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml",
    "SINHALA": "si", "HEBREW": "he", "GREEK": "el", "GEORGIAN": "ka", "ARMENIAN": "hy",
}  # fmt: skip
SCRIPT_OF_LANGUAGE = {language: script for script, languages in SCRIPTS.items() for language in languages.split()}

_COMMAS = re.compile("[,，、،]")
_FENCE = re.compile(r"^[ \t]*```.*?(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)
_BULLET = re.compile(r"^[ \t]*[*-][ \t]+\S", re.MULTILINE)
_HIGHLIGHT = re.compile(r"\*\*([^\n*]+)\*\*|\*([^\n*]+)\*")
_PLACEHOLDER = re.compile(r"\[[^\[\]\n]*\]")
_TITLE = re.compile(r"<<([^<>\n]+)>>")
_JSON_FENCE = re.compile(r"\A```(?:json)?\s*\n(.*)\n```\Z", re.DOTALL | re.IGNORECASE)
_CASED_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|cf|Fig|approx|Jr|Sr)|\b[A-Z])\Z")
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]*_]*+(?=\s|\Z)|[。！？]+[”’」』）]*|\n[ \t]*\n")
_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_QUOTES = (('"', '"'), ("“", "”"))


def _holds(number: int, relation: str, limit: int) -> bool:
    return number < limit if relation == "less than" else number >= limit


def _script_counts(text: str) -> Counter[str]:
    """Letters by script, as the first word of their Unicode name says it."""
    counts: Counter[str] = Counter()
    for char, count in Counter(text).items():
        if char.isalpha():
            counts[unicodedata.name(char, "UNKNOWN").split()[0]] += count
    return counts


def _is_undivided(text: str) -> bool:
    """Whether too much of a text is in a script that does not divide words and sentences."""
    counts = _script_counts(text)
    undivided = sum(counts[script] for script in UNDIVIDED_SCRIPTS)
    return undivided > UNDIVIDED_SHARE_MAX * counts.total()


def _main_script(text: str) -> str | None:
    """The script of most letters; KANA for Japanese; None where there is no majority."""
    counts = _script_counts(text)
    kana = counts.pop("HIRAGANA", 0) + counts.pop("KATAKANA", 0)
    if kana > UNDIVIDED_SHARE_MAX * (kana + counts["CJK"]):
        counts["KANA"] = kana + counts.pop("CJK", 0)
    script, count = max(counts.items(), key=lambda item: item[1], default=("", 0))
    return script if count > MAIN_SHARE_MIN * counts.total() else None


def _has_case(text: str) -> bool:
    return text.upper() != text.lower()


def keywords_existence(text: str, keywords: Sequence[str]) -> bool:
    """Every keyword stands in the text, in any case."""
    return all(keyword.casefold() in text.casefold() for keyword in keywords)


def keywords_frequency(text: str, keyword: str, frequency: int, relation: str) -> bool:
    """A keyword stands in the text less than, or at least, so many times."""
    return _holds(text.casefold().count(keyword.casefold()), relation, frequency)


def forbidden_words(text: str, forbidden_words: Sequence[str]) -> bool:
    """None of the words stands in the text as a whole word."""
    return not any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in forbidden_words)


def letter_frequency(text: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    """A letter, in either case, stands in the text less than, or at least, so many times."""
    return _holds(text.lower().count(letter.lower()), let_relation, let_frequency)


def response_language(text: str, language: str) -> bool | None:
    """The text is in a language, as far as its script tells: Latin letters cannot be told apart."""
    wanted, found = SCRIPT_OF_LANGUAGE[language], _main_script(text)
    if found is None:
        return None
    if found != wanted:
        return False
    return True if len(SCRIPTS[wanted].split()) == 1 else None


def number_sentences(text: str, num_sentences: int, relation: str) -> bool | None:
    """The text has less than, or at least, so many sentences."""
    return None if _is_undivided(text) else _holds(len(sentences(text)), relation, num_sentences)


def sentences(text: str) -> list[str]:
    """Sentences: they end at . ! ? before white space, at 。！？ and at an empty line.

    None ends before a lower-case letter, nor at the full stop of an abbreviation or an initial.

    Example:
        >>> sentences("Dr. Lee paid $3.50, e.g. for tea. Did he? Yes!")
        ['Dr. Lee paid $3.50, e.g. for tea.', 'Did he?', 'Yes!']
    """
    parts, start = [], 0
    for match in _SENTENCE_END.finditer(text):
        if _ends_sentence(match, text[max(start, match.start() - 12) : match.start()]):
            parts.append(text[start : match.end()])
            start = match.end()
    parts.append(text[start:])
    return [part.strip() for part in parts if any(char.isalnum() for char in part)]


def _ends_sentence(match: re.Match[str], before: str) -> bool:
    if not match[0].strip():
        return True
    after = match.string[match.end() : match.end() + 2].strip()
    return not after[:1].islower() and not (match[0] == "." and _ABBREVIATION.search(before))


def number_paragraphs(text: str, num_paragraphs: int) -> bool:
    """The text has so many paragraphs, divided by ***, none of them empty between two dividers."""
    parts = [part.strip() for part in re.split(r"\*\*\*", text)]
    return all(parts[1:-1]) and sum(map(bool, parts)) == num_paragraphs


def number_words(text: str, num_words: int, relation: str) -> bool | None:
    """The text has less than, or at least, so many words; a Chinese character is one."""
    return None if _is_undivided(text) else _holds(len(words(text)), relation, num_words)


def nth_paragraph_first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool | None:
    """Of so many paragraphs, divided by empty lines, the nth begins with a word; None for a paragraph out of range."""
    if not 1 <= nth_paragraph <= num_paragraphs:
        return None
    paragraphs = [part for part in re.split(r"\n[ \t]*\n", text) if part.strip()]
    if len(paragraphs) != num_paragraphs:
        return False
    if _is_undivided(text):
        return None
    return words(paragraphs[nth_paragraph - 1])[: len(words(first_word))] == words(first_word)


def number_placeholders(text: str, num_placeholders: int) -> bool:
    """The text has at least so many placeholders in square brackets, such as [name]."""
    return len(_PLACEHOLDER.findall(text)) >= num_placeholders


def postscript(text: str, postscript_marker: str) -> bool:
    """The text has a postscript that begins with P.S. or P.P.S, or with another marker."""
    letters = [re.escape(letter) for letter in postscript_marker.replace(" ", "").rstrip(".")]
    marker = r"\s?".join(letters)
    return re.search(rf"(?<![\w.]){marker}(?!\w)", text, re.IGNORECASE) is not None


def number_bullet_lists(text: str, num_bullets: int) -> bool:
    """The text has exactly so many bullet points, lines that begin with "* " or "- ", code blocks aside."""
    return len(_BULLET.findall(_FENCE.sub("", text))) == num_bullets


def constrained_response(text: str) -> bool:
    """The text gives one of the three allowed answers: "My answer is yes.", "... no.", "... maybe."."""
    return any(answer in text for answer in _ANSWERS)


def number_highlighted_sections(text: str, num_highlights: int) -> bool:
    """The text has at least so many sections *highlighted* or **so**."""
    found = [first or second for first, second in _HIGHLIGHT.findall(text)]
    return sum(bool(section.strip()) for section in found) >= num_highlights


def multiple_sections(text: str, section_spliter: str, num_sections: int) -> bool:
    """The text has at least so many section heads, a word and a number such as Section 1."""
    return len(re.findall(rf"(?<!\w){re.escape(section_spliter)}\s?\d+", text)) >= num_sections


def json_format(text: str) -> bool | None:
    """All of the text is JSON, in a code fence or not; None where it is nested too deep to be read."""
    fenced = _JSON_FENCE.match(text.strip())
    try:
        json.loads(fenced[1] if fenced else text)
    except ValueError:
        return False
    except RecursionError:
        return None
    return True


def title(text: str) -> bool:
    """The text has a title in double angular brackets, such as <<poem of joy>>."""
    return any(found.strip() for found in _TITLE.findall(text))


def two_responses(text: str) -> bool:
    """The text has two different responses, divided by six asterisks."""
    parts = [part.strip() for part in text.split("******")]
    given = [part for part in parts if part]
    return all(parts[1:-1]) and len(given) == 2 and given[0] != given[1]


def repeat_prompt(text: str, prompt_to_repeat: str) -> bool:
    """The text begins with the prompt, word for word, in any case."""
    return text.strip().casefold().startswith(prompt_to_repeat.strip().casefold())


def end_checker(text: str, end_phrase: str) -> bool:
    """The text ends with a phrase, and nothing but a closing quotation mark after it."""
    return text.strip().strip('"').casefold().endswith(end_phrase.strip().casefold())


def quotation(text: str) -> bool:
    """All of the text stands in double quotation marks, straight or curved."""
    text = text.strip()
    return any(len(text) > 1 and text[0] == opening and text[-1] == closing for opening, closing in _QUOTES)


def capital_word_frequency(text: str, capital_frequency: int, capital_relation: str) -> bool | None:
    """The text has less than, or at least, so many words all in capitals; None where no letter has case."""
    if not _has_case(text):
        return None
    number = sum(word.isupper() for word in _CASED_WORD.findall(text))
    return _holds(number, capital_relation, capital_frequency)


def english_capital(text: str) -> bool | None:
    """All letters are capitals, and Latin; None where no letter has case."""
    return None if not _has_case(text) else text == text.upper() and _main_script(text) == "LATIN"


def english_lowercase(text: str) -> bool | None:
    """All letters are small, and Latin; None where no letter has case."""
    return None if not _has_case(text) else text == text.lower() and _main_script(text) == "LATIN"


def no_comma(text: str) -> bool:
    """The text has no comma, Chinese and Arabic ones included."""
    return _COMMAS.search(text) is None

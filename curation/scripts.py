"""Writing systems in a text, to tell a response that falls into another language.

No report has such a rule (R1 2.3 annotates the language only); this one is ours. Latin and Greek
letters never count, since formulas and code are written in them: a Chinese prompt answered in
English isn't found, an English prompt answered with Chinese words is.
"""

import re

LETTERS_MIN = 2
"""Letters of a script from which on it counts as used (ours): one may be an example or a symbol."""
_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("han", re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")),
    ("kana", re.compile("[\u3041-\u30ff]")),
    ("hangul", re.compile("[\u1100-\u11ff\uac00-\ud7af]")),
    ("cyrillic", re.compile("[\u0400-\u052f]")),
    ("arabic", re.compile("[\u0620-\u06ff]")),
    ("hebrew", re.compile("[\u05d0-\u05ea]")),
    ("devanagari", re.compile("[\u0900-\u097f]")),
    ("thai", re.compile("[\u0e01-\u0e3a]")),
)


def scripts(text: str) -> frozenset[str]:
    """Scripts other than Latin and Greek of which the text holds a letter at all."""
    if text.isascii():
        return frozenset()
    return frozenset(name for name, letter in _SCRIPTS if letter.search(text))


def mixes_scripts(response: str, prompt: str) -> bool:
    """Whether a response uses a script that its prompt holds no letter of.

    Example:
        >>> mixes_scripts("First we 计算 the sum.", "What is 3 + 4?")
        True
        >>> mixes_scripts("首先 let x = 3", "求 x 的值")
        False
    """
    foreign = scripts(response) - scripts(prompt)
    return any(len(letter.findall(response)) >= LETTERS_MIN for name, letter in _SCRIPTS if name in foreign)

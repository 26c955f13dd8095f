r"""The final answer inside a response's text: its last box, last number, last line.

All of it takes time linear in the text and needs no library. What counts as the final answer
is the last one that the text states, as R7 8.4 does with boxes (AM-Thinking-v1, arXiv
2505.08311).
"""

import re

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BOX = r"\boxed"
_LIST = re.compile(r"\[[^\[\]]+\]")
_MARKS = "*_-=#`~$. "
_DELIMITERS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))
_TEXT_COMMAND = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
# A sign belongs to a number only where neither a word nor another number stands before it.
_NUMBER = re.compile(
    r"(?<![\w.])[-\u2212]?"
    r"(?:\\[dt]?frac\{\d+\}\{\d+\}|(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:/\d+)?|\.\d+)"
    r"(?:\\?%)?"
)


def last_boxed(text: str) -> str | None:
    r"""The content of the last \boxed{}; None where there is none or the last one is not closed.

    Example:
        >>> last_boxed(r"\boxed{3}, no: \boxed{\frac{1}{2}}.")
        '\\frac{1}{2}'
    """
    start = text.rfind(_BOX)
    opening = text.find("{", start)
    if start < 0 or opening < 0 or text[start + len(_BOX) : opening].strip():
        return None
    depth = 0
    for match in _BRACE.finditer(text, opening):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return text[opening + 1 : match.start()].strip()
    return None


def last_number(text: str) -> str | None:
    r"""The last number as it is written; 3/4, \frac{3}{4}, 4,800 and 5% are one number each.

    Example:
        >>> last_number("3 bags of 1,200 g each, so 3/4 of 4,800.")
        '4,800'
    """
    found = _NUMBER.findall(text)
    return found[-1] if found else None


def last_list(text: str) -> str | None:
    """The last list in square brackets.

    Example:
        >>> last_list("Sorted: [1, 2, 3].")
        '[1, 2, 3]'
    """
    found = _LIST.findall(text)
    return found[-1] if found else None


def last_line(text: str) -> str:
    """The last line that holds more than marks of Markdown; empty where none does."""
    lines = (line.strip() for line in reversed(text.splitlines()))
    return next((line for line in lines if line.strip(_MARKS)), "")


def undelimited(text: str) -> str:
    r"""The text without a full stop after it and math delimiters around it.

    Example:
        >>> undelimited(r"\( x^2 \).")
        'x^2'
    """
    text = text.strip()
    if text.endswith(".") and not text.endswith(".."):
        text = text[:-1].rstrip()
    for opening, closing in _DELIMITERS:
        inner = text[len(opening) : -len(closing)]
        if text.startswith(opening) and text.endswith(closing) and inner and opening not in inner:
            return inner.strip()
    return text


def bare(text: str) -> str:
    r"""The text without math delimiters, text commands and a full stop, white space folded.

    Example:
        >>> bare(r"$\text{No solution}$.")
        'No solution'
    """
    return " ".join(_TEXT_COMMAND.sub(r"\1", undelimited(text)).split())

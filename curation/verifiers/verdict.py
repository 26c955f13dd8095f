"""What goes into a verifier and what comes out of it, for curation and for rewards alike.

A verdict holds a raw score or the reason why there is none. It never says "passed": a
threshold from params decides that in the stage grade.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One response with all that is needed to verify it."""

    messages: tuple[tuple[str, str], ...]
    """(role, content) of the prompt's turns."""
    answer: str
    """The response's answer part; the whole text where it has no parts."""
    reference: str | None = None
    """Trusted answer."""
    tests: str | None = None
    """Test cases as JSON (docs/schemas.md)."""
    constraints: str | None = None
    """IFEval constraints as JSON."""


@dataclass(frozen=True)
class Verdict:
    """What a verifier found of one task."""

    score: float | None
    """Raw score in the verifier's scale; None where it could not verify."""
    why: str | None = None
    """Code of the reason why there is no score: `timeout`, `no_reference`, ...; None with a score."""
    detail: str | None = None
    """Evidence as JSON."""

    @property
    def status(self) -> str:
        """`verified` or `unverified`."""
        return "unverified" if self.score is None else "verified"

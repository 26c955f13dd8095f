"""Semantic versions of a dataset, proposed from what changed between two of its releases.

major  the released columns (names, types, which may be null), the dataset's own block of params, or the text of its
       recipe: who reads or chose the rows has to look again
minor  rows were added, removed, changed or moved to another split
patch  the rows are equal: the card, documentation of columns, other params, the layout of shards

The first version is 1.0.0. A dataset's `allow_empty` and the comments of a recipe decide no row and count for nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from curation.errors import ParamsError

FIRST = "1.0.0"
Bump: TypeAlias = Literal["major", "minor", "patch"]
Manifest: TypeAlias = Mapping[str, Any]
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_DECIDES_NO_ROW = "allow_empty"


class Version(NamedTuple):
    """Three numbers, compared from the left."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        """As it is written: 1.2.3."""
        return f"{self.major}.{self.minor}.{self.patch}"

    def bumped(self, bump: Bump) -> "Version":
        """The next version of a kind.

        Example:
            >>> str(parse("1.2.3").bumped("minor"))
            '1.3.0'
        """
        if bump == "major":
            return Version(self.major + 1, 0, 0)
        return Version(self.major, self.minor + 1, 0) if bump == "minor" else self._replace(patch=self.patch + 1)


@dataclass(frozen=True)
class Change:
    """What differs between two releases, as far as it decides the version."""

    schema: tuple[str, ...] = ()
    """Columns that one side lacks, or has with another type."""
    recipe: tuple[str, ...] = ()
    """Keys of the dataset's own block, and `recipe's text`."""
    rows: bool = False
    metadata: bool = False
    """Whether anything else differs: files, card, other params."""


@dataclass(frozen=True)
class Proposal:
    """The least version that a release may have, and why."""

    version: str
    bump: Bump | None
    """None of a first version, and where nothing changed."""
    because: str
    previous: str | None = None


def parse(text: str) -> Version:
    """Read a version.

    Raises:
        ParamsError: It is not three numbers with dots.
    """
    if not (found := _VERSION.fullmatch(text)):
        raise ParamsError(f"versions: {text!r} is no version; wanted three numbers, as in {FIRST}")
    return Version(*map(int, found.groups()))


def latest_before(version: str, known: Sequence[str]) -> str | None:
    """The highest of some versions that is below another.

    Example:
        >>> latest_before("1.1.0", ["1.0.0", "1.0.2", "1.1.0"]), latest_before("1.0.0", ["1.0.0"])
        ('1.0.2', None)
    """
    return max((name for name in known if parse(name) < parse(version)), key=parse, default=None)


def changed(old: Manifest, new: Manifest, *, rows: bool, recipe_text: bool = False) -> Change:
    """Compare what two manifests say; whether rows or the recipe's text differ is known from elsewhere."""
    before, after = (_columns(manifest) for manifest in (old, new))
    columns = sorted(name for name in before | after if before.get(name) != after.get(name))
    one, other = (dict(manifest["params"].get("dataset", {})) for manifest in (old, new))
    keys = sorted(name for name in one | other if one.get(name) != other.get(name) and name != _DECIDES_NO_ROW)
    return Change(tuple(columns), (*keys, *(["recipe's text"] if recipe_text else [])), rows, metadata=old != new)


def propose(previous: str | None, change: Change) -> Proposal:
    """The version that follows `previous`, None where there is none yet.

    Example:
        >>> propose("1.2.3", Change(rows=True, metadata=True))
        Proposal(version='1.3.0', bump='minor', because='rows differ', previous='1.2.3')
    """
    if previous is None:
        return Proposal(FIRST, None, "it is the first version")
    because, bump = _because(change)
    version = str(parse(previous).bumped(bump)) if bump else previous
    return Proposal(version, bump, because, previous)


def check(dataset: str, version: str, proposal: Proposal) -> None:
    """Refuse a version that promises less than the change is.

    Raises:
        ParamsError: It is below the proposed one.
    """
    if parse(version) < parse(proposal.version):
        after = f" after {proposal.previous}" if proposal.previous else ""
        raise ParamsError(
            f"publish: {dataset} cannot be version {version}: {proposal.because}, so that the diff proposes "
            f"{proposal.version}{after}. Set publish.datasets.{dataset}: {proposal.version}, or a higher one"
        )


def _because(change: Change) -> tuple[str, Bump | None]:
    if change.schema:
        return f"columns differ ({', '.join(change.schema)})", "major"
    if change.recipe:
        return f"the recipe differs ({', '.join(change.recipe)})", "major"
    if change.rows:
        return "rows differ", "minor"
    return ("the rows are equal and the rest differs", "patch") if change.metadata else ("nothing differs", None)


def _columns(manifest: Manifest) -> dict[str, tuple[str, bool]]:
    return {one["name"]: (str(one["type"]), bool(one["nullable"])) for one in manifest["schema"]}

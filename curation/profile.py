"""Profiles: full sets of values for params.yaml, listed, compared and put in force.

What is in force is params.yaml alone; a profile is copied there byte for byte, comments included.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from curation import params, render
from curation.errors import ParamsError

PARAMS = Path("params.yaml")
PROFILES = Path("profiles")


@dataclass(frozen=True)
class Profile:
    """A file of profiles/."""

    name: str
    description: str
    """Its first comment line."""
    in_force: bool
    """Whether params.yaml has the same values."""


@dataclass(frozen=True)
class Change:
    """A value that differs; a side that has no such key is None."""

    key: str
    """Where the value stands, with dots; in a list of named things the name, else the index."""
    old: str | None
    new: str | None


def profiles() -> list[Profile]:
    """All profiles, and which of them is in force."""
    current = _values(PARAMS) if PARAMS.exists() else None
    return [
        Profile(path.stem, _description(path), _values(path) == current) for path in sorted(_folder().glob("*.yaml"))
    ]


def differences(name: str) -> list[Change]:
    """What would change in params.yaml.

    Raises:
        ParamsError: There is no such profile, or it or params.yaml is wrong.
    """
    new = _flat(_checked(_path(name)))
    old = _flat(_values(PARAMS)) if PARAMS.exists() else {}
    return [
        Change(key, old.get(key), new.get(key))
        for key in [*old, *(key for key in new if key not in old)]
        if old.get(key) != new.get(key)
    ]


def write(name: str) -> None:
    """Make params.yaml an exact copy of a profile, at once."""
    path = _path(name)
    _checked(path)
    part = PARAMS.with_name(f".{uuid.uuid4().hex}.yaml")
    part.write_bytes(path.read_bytes())
    part.replace(PARAMS)


def listing() -> str:
    """The profiles as text; a star marks the one in force."""
    found = profiles()
    rows = [("*" if one.in_force else "", one.name, one.description) for one in found]
    note = "" if any(one.in_force for one in found) else "\nparams.yaml equals none of them."
    return render.table(("", "profile", "what it is for"), rows, max_columns=render.width()) + note


def changes(name: str) -> str:
    """The differences as text, a line each."""
    lines = [_line(change) for change in differences(name)]
    return "\n".join(lines) if lines else f"params.yaml has the values of {name} already."


def _line(change: Change) -> str:
    if change.old is None:
        return f"+ {change.key}: {change.new}"
    return f"- {change.key}: {change.old}" if change.new is None else f"  {change.key}: {change.old} -> {change.new}"


def _folder() -> Path:
    if not PROFILES.is_dir():
        raise ParamsError(
            f"profile: no folder {PROFILES}/ in {Path.cwd()}. Run from the root of a project that has profiles."
        )
    return PROFILES


def _path(name: str) -> Path:
    path = _folder() / f"{name}.yaml"
    if not path.exists():
        raise ParamsError(
            f"profile: no profile {name!r}; {render.nearest(name, sorted(one.stem for one in PROFILES.glob('*.yaml')))}"
        )
    return path


def _description(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.lstrip("# ") if first.startswith("#") else ""


def _values(path: Path) -> Any:
    """A file's values, unchecked: a params.yaml with an error can still be compared and replaced."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ParamsError(f"profile: {path} is not YAML: {' '.join(str(error).split())}") from error


def _checked(path: Path) -> Any:
    params.load(path)
    return _values(path)


def _flat(values: Any) -> dict[str, str]:
    """Values by dotted key, as YAML writes them on one line."""
    return {".".join(key): _inline(value) for key, value in _leaves(values, ())}


def _leaves(value: Any, key: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*key, str(name)))
    elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        for position, one in enumerate(value):
            yield from _leaves(one, (*key, str(one.get("name", position))))
    else:
        yield key, value


def _inline(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")

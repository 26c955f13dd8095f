"""A diff for people: text for a terminal, Markdown for a changelog, a page of HTML.

All three show the same parts: the headline figures, the drift, and a few rows with what changed in them.
"""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from curation import render
from curation.diff.changes import SIDES
from curation.diff.compare import Diff
from curation.diff.drift import DISTANCE
from curation.diff.rows import Row
from curation.diff.words import Segment, value_diff

MARKS = {"added": "+", "removed": "\N{MINUS SIGN}", "modified": "~"}
DRIFT_HEADER = ("column", "figure", "from", "to")
CELL_COLUMNS = 100
STYLE = (
    "body{font:15px/1.5 sans-serif;margin:2em auto;max-width:70em;padding:0 1em}table{border-collapse:collapse}"
    "td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #ccc;vertical-align:top}pre{white-space:pre-wrap}"
    "del{background:#fdd}ins{background:#dfd;text-decoration:none}"
)


@dataclass(frozen=True)
class Shown:
    """One row that differs, as it is shown."""

    title: str
    """Mark, key, and of a row that left why."""
    cells: tuple[tuple[str, tuple[Segment, ...]], ...]
    """Places in the row, each with its segments."""


def text(diff: Diff) -> str:
    """The diff for a terminal."""
    width = render.width()
    parts = ["\n".join(f"{label:<9} {told}".rstrip() for label, told in headline(diff))]
    if figures := drift_rows(diff):
        parts.append(render.table(DRIFT_HEADER, figures, max_columns=width))
    for shown in (show(diff, row) for row in diff.samples):
        cells = [f"    {place}  {marked(segments)}" for place, segments in shown.cells]
        parts.append("\n".join([shown.title, *cells]))
    return "\n\n".join(parts)


def markdown(diff: Diff) -> str:
    """The diff in GitHub's Markdown."""
    title, *lines = headline(diff)
    parts = [f"## {title[1]}", "\n".join(f"- {label.strip()}: {told}" for label, told in lines)]
    if figures := drift_rows(diff):
        parts.append(render.markdown(DRIFT_HEADER, figures))
    for shown in (show(diff, row) for row in diff.samples):
        cells = [(place, marked(segments)) for place, segments in shown.cells]
        parts.append(f"### {shown.title}")
        if cells:
            parts.append(render.markdown(("column", "value"), cells))
    return "\n\n".join(parts)


def page(diff: Diff) -> str:
    """The diff as one page of HTML that loads nothing."""
    title, *lines = headline(diff)
    parts = [f"<h1>{html.escape(title[1])}</h1>", _html_table((), lines)]
    if figures := drift_rows(diff):
        parts += ["<h2>Drift</h2>", _html_table(DRIFT_HEADER, figures)]
    for shown in (show(diff, row) for row in diff.samples):
        rows = "".join(f"<tr><th>{html.escape(p)}</th><td><pre>{_html(s)}</pre></td></tr>" for p, s in shown.cells)
        parts.append(f"<h3>{html.escape(shown.title)}</h3><table>{rows}</table>")
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>{html.escape(title[1])}</title><style>{STYLE}</style>'
    return f"<!doctype html>\n<html><head>{head}</head><body>\n{body}\n</body></html>"


def headline(diff: Diff) -> list[tuple[str, str]]:
    """The figures in a line each, those that are nothing left out."""
    before, after = diff.rows
    counts = [(MARKS["added"], diff.added, "added"), (MARKS["removed"], diff.removed, "removed")]
    counts += [(MARKS["modified"], diff.modified, "changed")]
    lines = [
        ("diff", f"{diff.from_name} → {diff.to_name}"),
        ("rows", f"{before:,} → {after:,}, key {', '.join(diff.key)}"),
        (
            "changes",
            "   ".join(f"{mark} {number:,} {word}" for mark, number, word in counts) if diff.different else "equal",
        ),
        ("columns", _counted(diff.columns.items())),
        ("schema", " · ".join(_schema_change(*change) for change in diff.schema)),
        ("splits", " · ".join(f"{old} → {new} {number:,}" for old, new, number in diff.moves)),
        ("left for", _counted((reason or "no drop tells", number) for reason, number in diff.reasons)),
    ]
    return [(label, told) for label, told in lines if told]


def _counted(pairs: Iterable[tuple[str, int]]) -> str:
    return " · ".join(f"{name} {number:,}" for name, number in pairs)


def _schema_change(name: str, old: str | None, new: str | None) -> str:
    if old is None:
        return f"+ {name} {new}"
    return f"{MARKS['removed']} {name} {old}" if new is None else f"{name} {old} → {new}"


def drift_rows(diff: Diff) -> list[tuple[str, str, str, str]]:
    """The figures that differ."""
    told = [one for one in diff.drift if one.from_value != one.to_value and (one.figure, one.to_value) != (DISTANCE, 0)]
    return [(one.column, one.figure, _figure(one.from_value), _figure(one.to_value)) for one in told]


def _figure(value: float | None) -> str:
    return "" if value is None else render.cell(value)


def show(diff: Diff, row: Row) -> Shown:
    """A row with what changed in it; of one on one side only the values that it has."""
    kind = row["diff_type"]
    old, new = (
        {name.removeprefix(f"{side}_"): value for name, value in row.items() if name.startswith(f"{side}_")}
        for side in SIDES
    )
    own = old if kind == "removed" else new
    key = ", ".join(render.cell(own[name.replace("config", "@config") if diff.places else name]) for name in diff.key)
    why = f": {row['reason']}" if row["reason"] else ""
    title = f"{MARKS[kind]} {key}{why}"
    if kind == "modified":
        places = [one for name in row["changed_columns"] for one in value_diff(name, old[name], new[name])]
        return Shown(title, tuple((place.removeprefix("@"), tuple(segments)) for place, segments in places))
    told = {name.removeprefix("@"): value for name, value in own.items() if value is not None}
    cells = [(name, value) for name, value in told.items() if name not in diff.key]
    return Shown(
        title, tuple((name, (("=", render.shorten(render.cell(value), CELL_COLUMNS)),)) for name, value in cells)
    )


def marked(segments: Sequence[Segment]) -> str:
    """Segments as one text: [-old-] and {+new+}."""
    frames = {"=": "{}", "-": "[-{}-]", "+": "{{+{}+}}"}
    return " ".join("".join(frames[kind].format(told.rstrip()) + _blank_after(told) for kind, told in segments).split())


def _blank_after(told: str) -> str:
    return " " if told[-1:].isspace() else ""


def _html(segments: Sequence[Segment]) -> str:
    tags = {"=": "{}", "-": "<del>{}</del>", "+": "<ins>{}</ins>"}
    return "".join(tags[kind].format(html.escape(told)) for kind, told in segments)


def _html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"<tr>{''.join(f'<th>{name}</th>' for name in header)}</tr>"] if header else []
    lines += [f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>"

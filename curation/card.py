"""The dataset card of a release: front matter that the Hub reads (see `front_matter`), and figures for people.

Everything comes from the manifest, the released rows, and the statistics that select wrote of these rows' ids.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import yaml

from curation.front_matter import front_matter
from curation.layouts.am_40m import CATEGORY_NAMES
from curation.layouts.named import LAYOUTS
from curation.statistics import ALL, BREAKDOWNS, CV_BINS, PASS_RATE_BINS, Rows

# Columns of the statistics that are figures, in the order in which a table has them.
FIGURES = (
    *("rows", "rows_share", "prompts", "prompts_share", "tokens", "tokens_share", "tokens_mean", "tokens_median"),
    *("tokens_p90", "tokens_max", "perplexity_mean", "perplexity_median", "pass_rate"),
)


def card(
    manifest: Mapping[str, Any], statistics: Mapping[str, Rows], con: duckdb.DuckDBPyConnection, root: Path
) -> str:
    """The whole README.md of a release.

    Args:
        manifest: As release wrote it.
        statistics: Tables of `curation.statistics`, as select wrote them.
        con: Any connection; only the release's own files are read.
        root: Folder of the release.
    """
    front = yaml.safe_dump(front_matter(manifest, con, root), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n{_body(manifest, statistics, con, root)}"


def _body(
    manifest: Mapping[str, Any], statistics: Mapping[str, Rows], con: duckdb.DuckDBPyConnection, root: Path
) -> str:
    released = _released(root)
    what = next(layout.what for layout in LAYOUTS if layout.name == manifest["layout"])
    sections = [
        f"# {manifest['dataset']}",
        f"{what} Built by Curate; release `{manifest['release_id']}`.",
        "## Rows",
        _query_table(con, f"SELECT config, split, count(*) AS rows FROM {released} GROUP BY ALL ORDER BY ALL")
        if manifest["sources"]
        else "None: the selection dropped every candidate. The reasons stand under *What was left out*.",
        *_figures(_as_released(statistics, manifest["layout"])),
        "## Sources",
        _table(manifest["sources"], ("name", "licence", "num_rows", "revision")),
        "## Teachers",
        "A teacher without a model is the tag of responses that came with their source.",
        _table(manifest["teachers"], ("name", "model", "roles", "num_samples")),
        "## Verifiers",
        _table(manifest["verifiers"], ("name", "version", "num_samples", "num_verified")),
        "## What was left out",
        "The config `drops` holds every row that a stage or the selection dropped, with its reason.",
        _query_table(
            con,
            f"SELECT stage, reason, sum(num_units)::BIGINT AS rows FROM '{root}/drops/*.parquet' GROUP BY ALL ORDER BY rows DESC, stage, reason",
        ),
        "## Columns",
        _table(manifest["schema"], ("name", "type", "doc")),
        "## Use",
        '    from datasets import load_dataset\n    rows = load_dataset("<this folder or repository>", split="train")',
    ]
    return "\n\n".join(sections) + "\n"


def _as_released(statistics: Mapping[str, Rows], layout: str) -> dict[str, Rows]:
    """The statistics with the categories' names of the released rows."""
    names = CATEGORY_NAMES if layout == "am_40m" else {}
    return {
        name: [
            {**row, "category": names.get(row["category"], row["category"])} if "category" in row else row
            for row in rows
        ]
        for name, rows in statistics.items()
    }


def _figures(statistics: Mapping[str, Rows]) -> list[str]:
    """Headings, sentences and tables of the statistics; those without rows are left out."""
    kinds = [{**row, "of": column} for name, column in BREAKDOWNS if name != "sources" for row in statistics[name]]
    figures = (
        ("Categories", "", _figure_table(statistics["categories"], ("category",))),
        (
            "Tokens",
            "Reasoning and answer together. A teacher's pass rate is over all of its responses to the prompts here.",
            _figure_table(_without_repeats(statistics.get("responses", [])), ("role", "teacher", "category")),
        ),
        ("Lengths", "Rows by tokens.", _pivot(statistics.get("lengths", []), "category", "rows", ("bucket",))),
        ("Prompts", "", _figure_table(kinds, ("of", "name"))),
        (
            "Pass rates",
            "Prompts by the share of a teacher's verified responses that pass.",
            _pivot(
                statistics["pass_rates"],
                "bin",
                "prompts",
                ("category", "teacher"),
                [name for name, _ in PASS_RATE_BINS],
            ),
        ),
        (
            "Spread of scores",
            "Prompts by the coefficient of variation (1/n) of a teacher's scores.",
            _pivot(statistics["spreads"], "bin", "prompts", ("category", "teacher"), [name for name, _ in CV_BINS]),
        ),
    )
    return [part for title, told, table in figures if table for part in (f"## {title}", told, table) if part]


def _without_repeats(responses: Rows) -> Rows:
    """The rows without a config's totals where one teacher wrote all of it."""
    writers = {(row["config"], row["role"], row["teacher"]) for row in responses if row["teacher"] != ALL}
    num_writers = Counter(config for config, _, _ in writers)
    return [row for row in responses if row["teacher"] != ALL or num_writers[row["config"]] > 1]


def _telling(rows: Rows, names: Sequence[str]) -> list[str]:
    """The columns that say what a row is of, less a config or role that a reader takes for granted."""
    granted = {"config": {"default"}, "role": {ALL, "response"}}
    return [name for name in ("config", *names) if not {row[name] for row in rows} <= granted.get(name, set())]


def _figure_table(rows: Rows, names: Sequence[str]) -> str:
    """A table of statistics: what a row is of, then its figures; a figure that no row has is left out."""
    if not rows:
        return ""
    figures = [name for name in FIGURES if any(row.get(name) is not None for row in rows)]
    shares = [name for name in figures if name.endswith("_share") or name == "pass_rate"]
    told = [row | {name: f"{row[name]:.1%}" for name in shares if row[name] is not None} for row in rows]
    return _table(told, [*_telling(rows, names), *figures])


def _pivot(rows: Rows, across: str, figure: str, names: Sequence[str], order: Iterable[str] = ()) -> str:
    """A table with a column for each value of `across`, in the order given or their own."""
    if not rows:
        return ""
    found = sorted({row[across] for row in rows})
    columns = [name for name in order or found if name in found]
    keys = _telling(rows, names)
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in keys)
        lines.setdefault(key, dict(zip(keys, key, strict=True)) | dict.fromkeys(columns))[row[across]] = row[figure]
    return _table([lines[key] for key in sorted(lines)], [*keys, *columns])


def _released(root: Path) -> str:
    """SQL for all released rows; `config` and `split` come from the file's place and name."""
    place = "regexp_extract(filename, '([^/]+)/([a-z]+)-[0-9]+\\.parquet$', {})"
    return (
        f"(SELECT *, CASE {place.format(1)} WHEN 'data' THEN 'default' ELSE {place.format(1)} END AS config, "
        f"{place.format(2)} AS split FROM read_parquet('{root}/**/*-*.parquet', filename = true))"
    )


def _query_table(con: duckdb.DuckDBPyConnection, sql: str) -> str:
    relation = con.sql(sql)
    return _table([dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()], relation.columns)


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """A Markdown table of some columns."""
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    lines += [f"| {' | '.join(_cell(row[name]) for name in columns)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return f"{value:,}" if isinstance(value, int | float) else str(value).replace("|", "\\|")

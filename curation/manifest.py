"""What identifies a release and where its rows come from: the contents of manifest.json.

Files with rows, bytes and hashes; the schema; sources with licences; teachers and verifiers behind the rows; the params
that decide them. `release_id` is the digest of the files' hashes, the schema and these params.
"""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curation import hashing
from curation import params as params_module
from curation.layouts.layout import quoted
from curation.layouts.named import layout_of
from curation.params import Params
from curation.stage import Run
from curation.tables import Relation
from schemas.prompts import PROMPTS
from schemas.verdicts import VERDICTS


def manifest_of(run: Run, selected: Relation) -> dict[str, Any]:
    """All that identifies a release, and where its rows come from."""
    assert run.dataset is not None
    dataset = run.params.datasets[run.dataset]
    values = _params_behind(run.params, run.dataset)
    files = [file_entry(run.part, path) for path in sorted(run.part.rglob("*.parquet"))]
    layout = layout_of(dataset)
    schema = [
        {"name": c.name, "type": str(c.type), "nullable": c.nullable, "doc": c.doc}
        for c in layout.table(dataset).columns
    ]
    behind = _samples_behind(run, selected)
    return {
        "dataset": run.dataset,
        "release_id": hashing.digest_json([[file["sha256"] for file in files], schema, values]),
        "layout": dataset.layout,
        "schema": schema,
        "files": files,
        "sources": _sources(run, selected),
        "teachers": _teachers(run, behind),
        "verifiers": _verifiers(run, behind),
        "params": values,
    }


def file_entry(root: Path, path: Path) -> dict[str, Any]:
    """One file's entry: place, config, split, rows, bytes, hash."""
    name = path.relative_to(root).as_posix()
    config = {"data": "default"}.get(path.parent.name, path.parent.name)
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "path": name,
        "config": config,
        "split": "train" if config == "drops" else path.name.rsplit("-", 1)[0],
        "rows": pq.read_metadata(path).num_rows,
        "bytes": path.stat().st_size,
        "sha256": sha256,
    }


def _params_behind(params: Params, dataset: str) -> dict[str, Any]:
    """The params that decide a dataset's rows, as plain values."""
    values = params_module.dump(params)
    apart = ["resources", "datasets", "validate", "release", "publish"]
    apart += ["base", "sft", "anneal", "preference", "rl", "evaluate"]  # what is done with the rows later
    kept = {name: block for name, block in values.items() if name not in apart}
    return {**kept, "dataset": values["datasets"][dataset]}


def _sources(run: Run, selected: Relation) -> list[dict[str, Any]]:
    """Sources of the selected prompts, with licence and number of selected rows."""
    prompts = run.read("annotate", PROMPTS)
    rows = selected.query(
        "selected",
        """
        SELECT source, licence, count(*) AS num_rows
        FROM selected JOIN prompts USING (prompt_id)
        GROUP BY ALL ORDER BY ALL
        """,
    ).fetchall()
    revisions = {source.name: source.revision for source in run.params.ingest.sources}
    return [
        {"name": name, "licence": licence, "num_rows": num, "revision": revisions.get(name)}
        for name, licence, num in rows
    ]


def _samples_behind(run: Run, selected: Relation) -> Relation:
    """Verdicts of the selected samples; of selected prompts, those of all samples in the dataset's scope."""
    verdicts = run.read("verify", VERDICTS)
    dataset = run.params.datasets[str(run.dataset)]
    if layout_of(dataset).unit == "sample":
        return selected.query(
            "selected", "SELECT verdicts.* FROM verdicts SEMI JOIN selected ON selected.sample_id = verdicts.sample_id"
        )
    in_scope = [name for role in dataset.values["roles"] for name in run.params.roles[role]]
    return selected.query(
        "selected",
        f"""
        SELECT verdicts.* FROM verdicts SEMI JOIN selected ON selected.prompt_id = verdicts.prompt_id
        WHERE verdicts.teacher IN ({quoted(in_scope)})
        """,
    )


def _teachers(run: Run, behind: Relation) -> list[dict[str, Any]]:
    """Teachers and response tags behind a release, with their settings where we asked them."""
    rows = behind.query(
        "behind", "SELECT teacher, count(*) AS num_samples FROM behind GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    teachers = {teacher.name: teacher for teacher in run.params.teachers}
    roles = run.params.roles
    return [
        {
            "name": name,
            "model": teachers[name].model if name in teachers else None,
            "revision": teachers[name].revision if name in teachers else None,
            "roles": sorted(role for role, names in roles.items() if name in names),
            "num_samples": num,
        }
        for name, num in rows
    ]


def _verifiers(run: Run, behind: Relation) -> list[dict[str, Any]]:
    """Verifiers behind a release, with their versions."""
    rows = behind.query(
        "behind",
        """
        SELECT verifier, version, count(*), count(*) FILTER (status = 'verified')
        FROM behind GROUP BY ALL ORDER BY ALL
        """,
    ).fetchall()
    names = ("name", "version", "num_samples", "num_verified")
    return [dict(zip(names, row, strict=True)) for row in rows]

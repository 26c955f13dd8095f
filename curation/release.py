"""release: selection + text -> `data/release/<dataset>`: Parquet splits, drops, manifest and card.

In: everything before it. Out: `data/<split>-00000.parquet` in the published layout (references 11),
ordered by its key, a folder of that kind for each further config; `drops/`: every row that an earlier
stage or this dataset's selection left out; `sidecar/`: hashes of the rows, from which a diff is made;
`manifest.json`; `README.md`. The unit is the selected row; nothing is dropped.

`release_id` covers data, schema and params. Clocks, hosts and git stand in the receipt of a
frozen version, not here: two rebuilds with equal rows are equal.

Example of a row of am-40m: {"question": "What is 7 + 5?", "answer": "12", "question_source":
"arithmetic", "answer_source": "smollm2-plain", "category": "math", "ground_truth": "12",
"pass_rate_plain": 0.75, "verify_score": 1.0, ..., "sample_id": "1f0c..."}
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curation import hashing, sidecar, tables
from curation import params as params_module
from curation.card import card
from curation.errors import DataError
from curation.layouts.layout import quoted
from curation.layouts.named import layout_of
from curation.params import Params
from curation.stage import DATA, Run, run_stage
from curation.statistics import Rows
from curation.tables import Relation, count
from schemas.annotations import ANNOTATIONS
from schemas.drops import DROPS
from schemas.grades import GRADES
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES
from schemas.scores import SCORES
from schemas.selections import SELECTIONS
from schemas.verdicts import VERDICTS

DROPPING_STAGES = ("ingest", "clean", "deduplicate", "decontaminate", "annotate", "distill", "score")
MANIFEST = "manifest.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Write one dataset's release. Example: python -m curation.release am-40m"""
    parser = argparse.ArgumentParser(prog="release", description=main.__doc__)
    parser.add_argument("dataset", help="a key of params.datasets")
    return run_stage("release", _run, dataset=parser.parse_args(argv).dataset)


def _run(run: Run) -> None:
    assert run.dataset is not None
    selected = run.read(f"select/{run.dataset}", SELECTIONS)
    splits = selected.query("selected", "SELECT DISTINCT config, split FROM selected ORDER BY ALL").fetchall()
    for config, split in splits or [("default", "train")]:  # an empty release can be opened, too
        _write_split(run, selected, config, split)
    dropped = _all_drops(run)
    tables.write(dropped, run.part / "drops", DROPS, published=True)
    manifest = _manifest(run, selected)
    told = card(manifest, _statistics(run), run.con, run.part)
    run.part.joinpath("README.md").write_text(told, encoding="utf-8")
    run.write_json(MANIFEST, {**manifest, "sidecars": _write_sidecars(run, manifest["files"])})
    rows = sum(file["rows"] for file in manifest["files"] if file["config"] != "drops")
    layout = layout_of(run.params.datasets[run.dataset])
    run.account(unit="selection", rows_in=count(selected), rows_kept=rows * layout.selections_per_row)


def _statistics(run: Run) -> dict[str, Rows]:
    """The statistics that select wrote beside the selection."""
    path = DATA / "select" / str(run.dataset) / "statistics.json"
    if not path.exists():
        raise DataError(f"release: {path} is missing. Run the stage that writes it: dvc repro -f select@{run.dataset}")
    statistics: dict[str, Rows] = json.loads(path.read_text(encoding="utf-8"))
    return statistics


def _write_split(run: Run, selected: Relation, config: str, split: str) -> None:
    """Write the shards of one split of one config."""
    assert run.dataset is not None
    dataset = run.params.datasets[run.dataset]
    selected = selected.query("selected", f"FROM selected WHERE config = '{config}' AND split = '{split}'")
    prompts, annotations = run.read("annotate", PROMPTS), run.read("annotate", ANNOTATIONS)
    responses, verdicts = run.read("distill", RESPONSES), run.read("verify", VERDICTS)
    scores, grades = run.read("score", SCORES), run.read("grade", GRADES)
    layout = layout_of(dataset)
    rows = selected.query("selected", layout.sql(dataset, run.params))
    folder = run.part / ("data" if config == "default" else config)
    release = run.params.release
    tables.write(
        rows,
        folder,
        layout.table(dataset),
        shard_rows=release.shard_rows,
        row_group_rows=release.row_group_rows,
        prefix=f"{split}-",
        published=True,
    )


def _write_sidecars(run: Run, files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write the hashes of the rows of every split; returns their entries in the manifest."""
    dataset = run.params.datasets[str(run.dataset)]
    key = layout_of(dataset).table(dataset).key
    root = run.part / "sidecar"
    for config, split in sorted({(file["config"], file["split"]) for file in files if file["config"] != "drops"}):
        shards = [run.part / file["path"] for file in files if (file["config"], file["split"]) == (config, split)]
        rows = run.con.sql(f"FROM {sidecar.read_sql(shards)}")
        sidecar.write(rows, root / config, split=split, key=key)
    return [_file(run.part, path) for path in sorted(root.rglob("*.parquet"))]


def _all_drops(run: Run) -> Relation:
    """Drops of every stage before select, and of this dataset's selection."""
    folders = [DATA / stage / "drops" for stage in DROPPING_STAGES] + [DATA / "select" / str(run.dataset) / "drops"]
    shards = [str(shard) for folder in folders for shard in sorted(folder.glob("*.parquet"))]
    return run.con.read_parquet(shards)


def _manifest(run: Run, selected: Relation) -> dict[str, Any]:
    """All that identifies a release, and where its rows come from."""
    assert run.dataset is not None
    dataset = run.params.datasets[run.dataset]
    values = _params_behind(run.params, run.dataset)
    files = [_file(run.part, path) for path in sorted(run.part.rglob("*.parquet"))]
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


def _file(root: Path, path: Path) -> dict[str, Any]:
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
    apart = ("resources", "datasets", "validate", "release", "publish")
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


if __name__ == "__main__":
    sys.exit(main())

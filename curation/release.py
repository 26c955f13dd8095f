"""release: selection + text -> `data/release/<dataset>`: Parquet splits, drops, manifest and card.

In: everything before it. Out: `data/<split>-00000.parquet` in the published layout (references 11),
ordered by its key or on a base (see `base`), a folder of that kind for each further config; `drops/`: every
row that an earlier stage or this dataset's selection left out; `sidecar/`: hashes of the rows, from which a
diff is made; `manifest.json`; `README.md`; `croissant.json`. The unit is the selected row; nothing is dropped.

`release_id` covers data, schema and params. Clocks, hosts and git stand in the receipt of a
frozen version, not here: two rebuilds with equal rows are equal.

Example of a row of am-40m: {"question": "What is 7 + 5?", "answer": "12", "question_source":
"arithmetic", "answer_source": "smollm2-plain", "category": "math", "ground_truth": "12",
"pass_rate_plain": 0.75, "verify_score": 1.0, ..., "sample_id": "1f0c..."}
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from curation import sidecar, tables
from curation.base import base_of, write_on_base
from curation.card import card
from curation.croissant import CROISSANT, croissant
from curation.errors import DataError
from curation.front_matter import languages
from curation.layouts.named import layout_of
from curation.licences import LICENCE_FILE, OTHER, licence_text, strictest_licence
from curation.manifest import file_entry, manifest_of
from curation.places import DATA, MANIFEST
from curation.stage import Run, run_stage
from curation.statistics import Rows
from curation.tables import Relation, count
from schemas.annotations import ANNOTATIONS
from schemas.drops import DROPPING_STAGES, DROPS
from schemas.grades import GRADES
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES
from schemas.scores import SCORES
from schemas.selections import SELECTIONS
from schemas.verdicts import VERDICTS


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
    manifest = manifest_of(run, selected)
    _describe(run, manifest)
    run.write_json(MANIFEST, {**manifest, "sidecars": _write_sidecars(run, manifest["files"])})
    rows = sum(file["rows"] for file in manifest["files"] if file["config"] != "drops")
    layout = layout_of(run.params.datasets[run.dataset])
    run.account(unit="selection", rows_in=count(selected), rows_kept=rows * layout.selections_per_row)


def _describe(run: Run, manifest: dict[str, Any]) -> None:
    """Write what tells people and programs of the files: the card, croissant.json, and which licence `other` is."""
    dataset = run.params.datasets[str(run.dataset)]
    layout = layout_of(dataset)
    told = card(manifest, _statistics(run), run.con, run.part)
    run.part.joinpath("README.md").write_text(told, encoding="utf-8")
    if strictest_licence([source["licence"] for source in manifest["sources"]]) == OTHER:
        run.part.joinpath(LICENCE_FILE).write_text(licence_text(manifest["sources"]), encoding="utf-8")
    spoken = languages(manifest, run.con, run.part)
    key = layout.table(dataset).key
    run.write_json(CROISSANT, croissant(manifest, what=layout.what, languages=spoken, key=key, root=run.part))


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
    place = "data" if config == "default" else config
    folder, table = run.part / place, layout.table(dataset)
    release = run.params.release
    base = base_of(run.dataset, release.base.get(run.dataset))
    if shards := sorted((base / place).glob(f"{split}-*.parquet")) if base else []:
        write_on_base(rows, shards, folder, table, release=release, con=run.con)
        return
    tables.write(
        rows,
        folder,
        table,
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
    return [file_entry(run.part, path) for path in sorted(root.rglob("*.parquet"))]


def _all_drops(run: Run) -> Relation:
    """Drops of every stage before select, and of this dataset's selection."""
    folders = [DATA / stage / "drops" for stage in DROPPING_STAGES] + [DATA / "select" / str(run.dataset) / "drops"]
    shards = [str(shard) for folder in folders for shard in sorted(folder.glob("*.parquet"))]
    return run.con.read_parquet(shards)


if __name__ == "__main__":
    sys.exit(main())

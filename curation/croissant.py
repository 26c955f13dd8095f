"""croissant.json of a release: its files, configs and columns in the vocabulary of MLCommons Croissant 1.0 (JSON-LD).

Generated from the manifest and the footers of the files, as the card is: a FileObject with size and hash for each Parquet
file with rows or drops, a FileSet and a RecordSet for each config, nested columns as fields within fields. The
sidecars are not described: they repeat no column. `version` is told where it is known, in frozen versions.

Where a release lies is not told: paths are relative, and a version is the same wherever it is published.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.front_matter import TAGS, configs_of, files_of
from curation.licences import LICENCE_FILE, OTHER, strictest_licence
from schemas.drops import DROPS

CROISSANT = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
ENCODING = "application/x-parquet"
# The terms of the standard, as its readers want them spelled.
_TERMS = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet", "format"),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
    *("repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
)
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}
DATA_TYPES = {
    pa.string(): "sc:Text",
    pa.bool_(): "sc:Boolean",
    pa.int32(): "cr:Int32",
    pa.int64(): "cr:Int64",
    pa.float64(): "cr:Float64",
}

Json = dict[str, Any]
Manifest = Mapping[str, Any]


def croissant(manifest: Manifest, *, what: str, languages: Sequence[str], key: Sequence[str], root: Path) -> Json:
    """The whole croissant.json of a release.

    Args:
        manifest: As release wrote it.
        what: The sentence about the rows on the card.
        languages: Of the rows, by their codes.
        key: Columns that tell the rows apart.
        root: Folder of the release, for the types of the columns.
    """
    configs = configs_of(manifest)
    sets = [one for config in configs for one in _record_sets(manifest, config, () if config == "drops" else key, root)]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": manifest["dataset"],
        "description": f"{what} Built by Curate; release {manifest['release_id']}.",
        "identifier": manifest["release_id"],
        "license": _licence([source["licence"] for source in manifest["sources"]]),
        "inLanguage": list(languages),
        "keywords": list(TAGS),
        "distribution": [*map(_file_object, manifest["files"]), *(_file_set(manifest, config) for config in configs)],
        "recordSet": sets,
    }


def add_version(folder: Path, version: str) -> None:
    """Tell in a release's croissant.json under which version it is frozen; where it has none, do nothing."""
    path = folder / CROISSANT
    if path.exists():
        path.write_bytes(_text({**_read(path), "version": version}))


def unversioned(path: Path) -> bytes:
    """The bytes of a croissant.json as release wrote it, before it was frozen."""
    return _text({name: value for name, value in _read(path).items() if name != "version"})


def _read(path: Path) -> Json:
    told: Json = json.loads(path.read_bytes())
    return told


def _text(told: Json) -> bytes:
    return (json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _licence(licences: Sequence[str]) -> str | Json:
    """The licence's address; where it is none of the known ones, the file that says what it is."""
    strictest = strictest_licence(licences)
    if strictest == OTHER:
        return {"@type": "sc:CreativeWork", "name": OTHER, "url": LICENCE_FILE}
    return f"https://spdx.org/licenses/{strictest}.html"


def _file_object(file: Mapping[str, Any]) -> Json:
    return {
        "@type": "cr:FileObject",
        "@id": file["path"],
        "name": file["path"],
        "contentUrl": file["path"],
        "contentSize": f"{file['bytes']} B",
        "encodingFormat": ENCODING,
        "sha256": file["sha256"],
    }


def _file_set(manifest: Manifest, config: str) -> Json:
    """All shards of a config, which its fields are read from."""
    files = [file for split in files_of(manifest, config).values() for file in split]
    return {
        "@type": "cr:FileSet",
        "@id": _files_id(config),
        "name": _files_id(config),
        "encodingFormat": ENCODING,
        "includes": sorted({f"{Path(file['path']).parent.as_posix()}/*.parquet" for file in files}),
    }


def _record_sets(manifest: Manifest, config: str, key: Sequence[str], root: Path) -> list[Json]:
    """The splits of a config, which stand in the names of its files, and its rows; drops have no splits."""
    splits = files_of(manifest, config)
    told = {c.name: c.doc for c in DROPS.columns} if config == "drops" else _docs(manifest)
    schema = pq.read_schema(root / next(iter(splits.values()))[0]["path"])
    fields = [_field(config, column, told.get(column.name)) for column in schema]
    rows = {"@type": "cr:RecordSet", "@id": config, "name": config}
    if config == "drops":
        return [{**rows, "description": "What was left out, with its reason.", "field": fields}]
    return [
        _splits(config, list(splits)),
        {
            **rows,
            "description": f"Rows of the config {config}.",
            "key": [{"@id": f"{config}/{name}"} for name in key],
            "field": [_split_field(config, list(splits)), *fields],
        },
    ]


def _docs(manifest: Manifest) -> dict[str, str]:
    return {column["name"]: column["doc"] for column in manifest["schema"]}


def _splits(config: str, splits: Sequence[str]) -> Json:
    name = f"{config}_splits"
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"Splits of the config {config}.",
        "dataType": "cr:Split",
        "key": {"@id": f"{name}/name"},
        "field": [{"@type": "cr:Field", "@id": f"{name}/name", "dataType": "sc:Text"}],
        "data": [{f"{name}/name": split} for split in splits],
    }


def _split_field(config: str, splits: Sequence[str]) -> Json:
    return {
        "@type": "cr:Field",
        "@id": f"{config}/split",
        "name": f"{config}/split",
        "description": "Split of the row.",
        "dataType": "sc:Text",
        "source": {
            "fileSet": {"@id": _files_id(config)},
            "extract": {"fileProperty": "filename"},
            "transform": {"regex": f"^({'|'.join(splits)})(?:-.*)?$"},
        },
        "references": {"field": {"@id": f"{config}_splits/name"}},
    }


def _field(config: str, column: pa.Field, told: str | None) -> Json:
    """One column; what is nested within it is reached by its path from the column."""
    source = {"fileSet": {"@id": _files_id(config)}, "extract": {"column": column.name}}
    field = _typed(f"{config}/{column.name}", column.type, source, ())
    return {**field, "description": told} if told else field


def _typed(name: str, kind: pa.DataType, source: Json, path: Sequence[str]) -> Json:
    """A field of a type: lists are repeated, structs have fields within."""
    repeated = {"repeated": True} if pa.types.is_list(kind) else {}
    inner = kind.value_type if repeated else kind
    field = {"@type": "cr:Field", "@id": name, "name": name, **repeated}
    if pa.types.is_struct(inner):
        within = [_typed(f"{name}/{one.name}", one.type, source, (*path, one.name)) for one in inner]
        return {**field, "subField": within}
    place = {"transform": [{"jsonPath": step} for step in path]} if path else {}
    return {**field, "dataType": DATA_TYPES[inner], "source": {**source, **place}}


def _files_id(config: str) -> str:
    return f"{config}-files"

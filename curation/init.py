"""A new project: params.yaml with a comment for every value, dvc.yaml, and a place for sources.

The pipeline is the installed package; the project holds what a user decides. It is made beside
its place and renamed, so a failure leaves nothing.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from curation import guess, params
from curation.adapters.files import fixed_folder
from curation.errors import DataError, InstallError
from curation.guess import BenchmarkWish, SourceWish
from curation.params import CATEGORIES, Benchmark, Columns, Source

COMMENT_COLUMN = 26
TEMPLATES = Path(__file__).parent / "templates"
EXAMPLE = "data/sources/example.jsonl"
# Work in the network is none of a pipeline's business; outputs are links into the cache, not copies.
DVC_CONFIG = "[core]\n    analytics = false\n{more}[cache]\n    type = reflink,hardlink,copy\n"
BUDGET = "  # Most prompts answered per category; null: all. What is over is dropped as over_budget."
T = TypeVar("T", Source, Benchmark)


@dataclass(frozen=True)
class Options:
    """What a new project is about."""

    sources: Sequence[SourceWish] = ()
    """None: a file of 20 small prompts is put into the project."""
    benchmarks: Sequence[BenchmarkWish] = ()
    prompt_budget: int = 20
    """Most prompts answered per category."""
    git: bool = True
    """Whether it is a git repository."""


def init(folder: Path, options: Options) -> list[str]:
    """Make a project that `dvc repro` can run at once; returns what was guessed, a sentence each.

    Raises:
        DataError: The folder is not empty, or a source cannot be read.
        InstallError: git is wanted and not installed.
        ParamsError: A column is not there, or none is known to hold the prompt.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"init: {folder} is not an empty folder; name a new one")
    if options.git and shutil.which("git") is None:
        raise InstallError("init: git is not installed; install it, or make the project without it: --no-git")
    sources = [guess.guess_source(wish, priority=10 * place) for place, wish in enumerate(options.sources, start=1)]
    benchmarks = [guess.guess_benchmark(wish) for wish in options.benchmarks]
    files = _files(
        folder,
        _placed([one.made for one in sources], folder) if sources else [_example()],
        _placed([one.made for one in benchmarks], folder),
        options.prompt_budget,
    )
    _write(folder, files, git=options.git)
    notes = [*(one.notes for one in sources), *(one.notes for one in benchmarks)]
    return list(itertools.chain.from_iterable(notes))


def next_steps(folder: Path) -> str:
    """What to type now; the environment comes first where its programs are not on the path."""
    programs = Path(sys.executable).parent
    found = shutil.which("dvc")
    activate = "" if found and Path(found).parent == programs else f"source {programs / 'activate'}\n  "
    return f"next:\n  {activate}cd {folder}\n  dvc repro\n  curate funnel"


def _files(
    folder: Path, sources: Sequence[Source], benchmarks: Sequence[Benchmark], prompt_budget: int
) -> dict[str, str]:
    """The project's files by path, checked as the stages will read them."""
    tags = [source.name for source in sources if source.columns.response]
    roles = {"teacher": ["smollm2"], **({"ready": tags} if tags else {})}
    texts = {
        "@sources@": "\n".join(map(_source_block, sources)),
        "@benchmarks@": _benchmarks_block(benchmarks),
        "@roles@": "\n".join(f"  {role}: {_flow(names)}" for role, names in roles.items()),
        "@names@": _flow(list(reversed(roles))),
        "@budget@": f"{BUDGET}\n  prompt_budget: {_flow(dict.fromkeys(CATEGORIES, prompt_budget))}",
    }
    params_text = _template("params.yaml", texts)
    params.parse(yaml.safe_load(params_text), where="the new params.yaml")
    deps = {
        "@sources@": ", ".join(_deps(folder, [source.path or "" for source in sources])),
        "@benchmarks@, ": "".join(f"{dep}, " for dep in _deps(folder, [benchmark.path for benchmark in benchmarks])),
    }
    files = {"params.yaml": params_text, "dvc.yaml": _template("pipeline.yaml", deps)}
    files |= {".gitignore": _template("gitignore", {}), "README.md": _template("project.md", {})}
    return files | ({EXAMPLE: _template("example.jsonl", {})} if sources[0].path == EXAMPLE else {})


def _deps(folder: Path, paths: Sequence[str]) -> list[str]:
    """What DVC watches, as JSON texts: files, and the folders of patterns."""
    for path in paths:
        if folder.is_relative_to(os.path.normpath(folder / fixed_folder(path))):
            told = os.path.relpath(folder / path)
            raise DataError(
                f"init: the folder of {told} would hold the project, and DVC would watch it; make the project elsewhere"
            )
    return [json.dumps(dep) for dep in dict.fromkeys(map(fixed_folder, paths))]


def _write(folder: Path, files: dict[str, str], *, git: bool) -> None:
    """Write the files beside their place, make the folder a repository of git and DVC, and rename it."""
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        for name, text in files.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_text(text, encoding="utf-8")
        if git:
            _run(part, "git", "init", "--quiet")
        _run(part, sys.executable, "-m", "dvc", "init", "--quiet", *(() if git else ("--no-scm",)))
        (part / ".dvc" / "config").write_text(DVC_CONFIG.format(more="" if git else "    no_scm = True\n"))
        shutil.copytree(TEMPLATES / "plots", part / ".dvc" / "plots")
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except OSError as error:
        raise DataError(f"init: cannot write {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _run(folder: Path, *command: str) -> None:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallError(f"init: {' '.join(command)} failed: {(done.stderr or done.stdout).strip()}")


def _placed(made: Sequence[T], folder: Path) -> list[T]:
    """The same with names that differ, and with paths as seen from the project: absolute ones stay."""
    taken: set[str] = set()
    placed = []
    for one in made:
        name, number = one.name, 2
        while name in taken:
            name, number = f"{one.name}-{number}", number + 1
        taken.add(name)
        path = one.path or ""
        placed.append(replace(one, name=name, path=path if Path(path).is_absolute() else os.path.relpath(path, folder)))
    return placed


def _example() -> Source:
    columns = Columns(id="id", prompt="prompt", reference="reference", category="category")
    return Source(name="example", kind="file", path=EXAMPLE, licence="Apache-2.0", priority=10, columns=columns)


def _source_block(source: Source) -> str:
    """A source as an item of YAML's list, with what its values mean."""
    columns = {field.name: value for field in fields(Columns) if (value := getattr(source.columns, field.name))}
    lines = [
        ("name", source.name, "goes into the ids of its records"),
        ("kind", source.kind, "file, hub or generator"),
        ("path", source.path, "JSONL, JSON, CSV or Parquet, also .gz and .zst; a pattern names several"),
        ("licence", source.licence, "SPDX identifier, or a short name"),
        ("priority", source.priority, "when duplicates meet, the record of the smaller one wins"),
        ("category", source.category, f"of all its prompts; it picks the verifier: {', '.join(CATEGORIES)}"),
        ("columns", columns, "our field: the file's column; a dot reaches into a struct"),
        ("response_tag", source.name if columns.get("response") else None, "who wrote the ready responses"),
        ("reference_pattern", source.reference_pattern, "its first group is the reference"),
    ]
    told = [(f"{name}: {_flow(value)}", meaning) for name, value, meaning in lines if value is not None]
    return "    - " + "\n      ".join(f"{setting:<{COMMENT_COLUMN - 6}}  # {meaning}" for setting, meaning in told)


def _benchmarks_block(benchmarks: Sequence[Benchmark]) -> str:
    told = "a file that you add here has to be a dep of the stage decontaminate in dvc.yaml, too"
    items = [{name: value for name, value in vars(one).items() if value is not None} for one in benchmarks]
    lines = [f"  benchmarks:               # {told}", *(f"    - {_flow(item)}" for item in items)]
    return "\n".join(lines) if items else f"  benchmarks: []            # {told}"


def _flow(value: Any) -> str:
    """A value as YAML on one line; a comment may stand after it."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9)
    return text.removesuffix("\n").removesuffix("\n...")


def _template(name: str, texts: dict[str, str]) -> str:
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    for mark, value in texts.items():
        text = text.replace(mark, value)
    return text

"""params.yaml as frozen values: one block per stage, unknown and missing keys rejected.

What is in force is params.yaml alone; profiles/ hold full sets of values for it. A default
that no report states is ours; docs/params.md says which are. Thresholds carry their source there.
"""

import difflib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from curation.errors import ParamsError
from curation.thresholds import check_thresholds
from curation.training_params import Base, Evaluate, Preference, Rl, Sft

Category = Literal["math", "code", "science", "instruction", "multi_turn", "chat"]
CATEGORIES: tuple[Category, ...] = ("math", "code", "science", "instruction", "multi_turn", "chat")
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9.]+)*$")]
Thresholds = dict[Category, float]
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_STRICT)
class Resources:
    """What a stage may use of the machine."""

    memory_gb: Annotated[float, Field(gt=0)]
    """Limit of DuckDB's memory; beyond it, it spills to disk."""
    processes: Annotated[int, Field(ge=0)]
    """Worker processes; 0 takes one per core."""
    executor: Literal["local", "ray"]
    """Where per-row stages run."""


@dataclass(frozen=True, config=_STRICT)
class Columns:
    """Where a source keeps our fields; a dot reaches into a struct. Null: the source has none."""

    prompt: str | None = None
    messages: str | None = None
    id: str | None = None
    category: str | None = None
    reference: str | None = None
    tests: str | None = None
    constraints: str | None = None
    response: str | None = None
    responses: str | None = None
    licence: str | None = None


@dataclass(frozen=True, config=_STRICT)
class Source:
    """One source of records, whatever its kind."""

    name: Name
    kind: Literal["file", "hub", "generator"]
    licence: str
    priority: int
    """Rank when duplicates meet; the smaller wins."""
    category: Category | None = None
    """Category of all records; null where a column says it."""
    limit: Positive | None = None
    """Take the first records only."""
    path: str | None = None
    """file: JSONL, JSON, CSV or Parquet, also .gz and .zst; a pattern names several."""
    repo: str | None = None
    """hub: dataset repository."""
    revision: str | None = None
    """hub: branch, tag or commit."""
    config: str | None = None
    split: str = "train"
    generator: Literal["reasoning_gym", "champ", "arithmetic", "sums"] | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    """generator: its keyword arguments."""
    columns: Columns = Field(default_factory=Columns)
    response_tag: str | None = None
    """Teacher tag of the responses in `columns.response`."""
    reference_pattern: str | None = None
    """Regular expression whose first group is the reference, where the column holds more."""


@dataclass(frozen=True, config=_STRICT)
class Ingest:
    """Sources of prompts and ready responses."""

    sources: Annotated[list[Source], Field(min_length=1)]


@dataclass(frozen=True, config=_STRICT)
class Clean:
    """Rules on single prompts (R1 Fig. 1, R5 6.2, R7 8.2)."""

    unicode_ratio_max: Share
    """Most non-ASCII characters that are no letters of `languages`, as a share (R5 6.2 step 2; value ours)."""
    words_min: Positive
    words_max: Positive
    languages: list[Literal["en", "zh", "other"]]
    drop_urls: bool
    drop_tables: bool
    drop_images: bool


@dataclass(frozen=True, config=_STRICT)
class NearDuplicates:
    """MinHash candidates with an exact Jaccard cut (values ours)."""

    ngram_words: Positive
    bands: Positive
    rows_per_band: Positive
    jaccard_min: Share


@dataclass(frozen=True, config=_STRICT)
class Semantic:
    """Embedding similarity (R1 2.3 step 4; model and threshold ours)."""

    model: str
    similarity_min: Share
    neighbours: Positive
    """Nearest prompts looked at for each prompt."""
    batch_rows: Positive


@dataclass(frozen=True, config=_STRICT)
class Deduplicate:
    """Three ways in which prompts are duplicates; null switches one off."""

    near: NearDuplicates | None
    semantic: Semantic | None


@dataclass(frozen=True, config=_STRICT)
class Benchmark:
    """One evaluation set that training data must not overlap."""

    name: Name
    path: str
    question: str
    """Column of the question."""
    id: str | None = None
    """Column of the question's id; null counts lines."""


@dataclass(frozen=True, config=_STRICT)
class Decontaminate:
    """Overlap with benchmarks (R5 6.2 step 5, R7, R8)."""

    benchmarks: list[Benchmark]
    ngram_words: Positive
    coverage_min: Share
    """Least share of a question's words covered by shared runs of words (value ours)."""
    similarity_max: Share
    """Most cosine similarity to a question; 0.9 in R5 and R8."""
    model: str
    batch_rows: Positive


@dataclass(frozen=True, config=_STRICT)
class Annotate:
    """Labels, difficulty and the math prompts that cannot be verified (R1, R6, R7)."""

    annotator: Literal["rules"]
    drop_proofs: bool
    drop_multi_part: bool


@dataclass(frozen=True, config=_STRICT)
class Teacher:
    """A model with its prompt and sampling, which go into sample ids; two teachers must differ in them."""

    name: Name
    engine: Literal["transformers", "vllm", "openai"]
    model: str
    """package:NAME, a folder, a Hub id or an endpoint's model name."""
    revision: str | None
    system: str | None
    suffix: dict[Category, str]
    """Text put after the last user turn, by category (R4 Fig. 3)."""
    response_format: Literal["think_answer", "think", "plain"]
    """think_answer: both parts in tags; think: the thinking alone; plain: no tags."""
    temperature: Annotated[float, Field(ge=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    max_tokens: dict[Category, Positive]
    endpoint: str | None = None
    """openai: base URL."""
    engine_options: dict[str, Any] = Field(default_factory=dict)
    """What the engine needs to run and what does not change its answers."""


@dataclass(frozen=True, config=_STRICT)
class Distill:
    """How many responses to make, of which prompts."""

    samples: dict[Category, Positive]
    """Samples per prompt and teacher (R5 6.3: 4)."""
    prompt_budget: dict[Category, Annotated[int, Field(ge=0)]] | None
    """Most prompts answered by category; null: all. What is over is dropped as over_budget."""
    existing_thresholds: Thresholds
    """A ready response above these spares its prompt a request, where a dataset keeps existing ones."""
    batch_requests: Positive
    """Requests between two writes of the memo; a kill loses at most this many."""


@dataclass(frozen=True, config=_STRICT)
class Verify:
    """Verifiers' settings (R5 6.4, R7 8.4)."""

    math_extraction: Literal["boxed", "boxed_or_last_number"]
    timeout_seconds: Positive
    """Deadline of one math or science check, counted from its start."""
    require_sandbox: bool
    max_tests: Positive
    """Tests run per response: 10 in R5 6.4."""
    code_wall_seconds: Positive
    code_memory_mb: Positive
    reward_model: str | None
    """Sequence-classification model for chat and multi_turn; null: these stay unverified."""
    reward_labels: list[int]
    """Outputs that are averaged: helpfulness, correctness, coherence in R5 6.4."""
    reward_scale_max: Annotated[float, Field(gt=0)]
    """Highest value of one output: 4 in R5 6.4."""
    batch_rows: Positive


@dataclass(frozen=True, config=_STRICT)
class ScoreRules:
    """Rules that drop a response; null or false switches one off."""

    perplexity_max: Annotated[float, Field(gt=0)] | None
    """20 in R5 6.6."""
    repetition_max: Positive | None
    """Most consecutive repeats of one run of words (R1, R7; value ours)."""
    frequent_ngrams_max: Positive | None
    """20 in R5 6.6."""
    tokens_max: Positive | None
    """Most tokens of reasoning and answer (R1 Fig. 1 names a rule on length; R7 8.5: 32k)."""
    require_well_formed: bool
    require_same_language: bool
    require_boxed: bool
    """Drop math answers without a box (R7 8.4)."""


@dataclass(frozen=True, config=_STRICT)
class Scorer:
    """The model that reckons perplexity."""

    engine: Literal["transformers", "vllm"]
    model: str
    """package:NAME, a folder or a Hub id."""
    revision: str | None
    engine_options: dict[str, Any] = Field(default_factory=dict)
    """What the engine needs to run, and max_model_len, beyond which a text is cut."""


@dataclass(frozen=True, config=_STRICT)
class Score:
    """Figures of responses that need no reference."""

    tokenizer: str
    scorer: Scorer | None
    """Null reckons no perplexity."""
    repetition_words: Positive
    """Shortest run of words that counts as a repetition (value ours)."""
    ngram_tokens: Positive
    """20 in R5 6.6."""
    rules: ScoreRules
    batch_rows: Positive


@dataclass(frozen=True, config=_STRICT)
class ReferenceRepair:
    """Whose answers check the references of math prompts, and what an arbiter's answer decides."""

    role: str
    """Role whose teachers vote: DeepSeek-R1 in R6 and R7."""
    rule: Literal["r6", "r7"]
    """Where the arbiter agrees with neither side, r6 drops the prompt and r7 keeps the reference (R6 7.2, R7 8.2)."""
    votes_min: Positive
    """Fewest votes of a majority (value ours)."""


@dataclass(frozen=True, config=_STRICT)
class Grade:
    """A sample passes where its score exceeds its category's threshold (R5 6.5)."""

    thresholds: Thresholds
    reference_repair: ReferenceRepair | None
    """Null checks no reference."""


@dataclass(frozen=True, config=_STRICT)
class Ask:
    """What a dataset asks of distill; distill makes the union over all datasets."""

    roles: list[str]
    """Roles whose teachers answer; a role's tags that no teacher has are ready responses."""
    samples: Positive | None
    """Samples per prompt and teacher; null takes distill.samples."""
    keep_existing: bool
    """Ask nothing for a prompt that has a ready response which passes (R1 2.3 step 7)."""


@dataclass(frozen=True, config=_STRICT)
class Dataset:
    """One released dataset: a recipe with its values."""

    recipe: str
    """File curation/recipes/<recipe>.sql, or a path to one of your own."""
    values: dict[str, Any]
    """What the recipe's SQL reads as $name."""
    ask: Ask | None
    """What it asks of distill; null: nothing, it lives on what other datasets ask and on ready responses."""
    layout: Literal["am_1_4m", "am_40m", "am_multi_teacher", "am_difficulty_rl", "am_rl", "am_preference", "am_answers"]
    """Released row's shape, in schemas/."""
    splits: dict[Literal["train", "validation", "test"], Share]
    split_by: Literal["prompt", "group"]
    """What is drawn for a split: each prompt, or each group of prompts that differ in numbers and names only."""
    pass_rates: dict[str, str] = Field(default_factory=dict)
    """am_40m, am_difficulty_rl: name of the column pass_rate_<name> -> role."""
    allow_empty: bool = False
    """Whether a selection of no rows is an outcome and not an error."""


@dataclass(frozen=True, config=_STRICT)
class ReleaseChanges:
    """Bounds on what a release differs in from the frozen version before it (values ours)."""

    unexplained_share_max: Share
    """Most rows of that version that may be gone though no drop tells why, as a share of them."""
    changed_verdict_share_max: Share
    """Most rows of both whose verdict's score may differ, as a share of them."""
    moved_split_share_max: Share
    """Most rows of both that may stand in another split, as a share of them."""


@dataclass(frozen=True, config=_STRICT)
class Validate:
    """Bounds that Great Expectations checks on selections and on what releases change (values ours)."""

    rows_min: dict[str, int]
    """Least rows per dataset."""
    dropped_share_max: dict[str, Share]
    """Most of its candidates that a dataset's selection may drop, as a share."""
    think_faults_share_max: dict[str, Share]
    """Most rows per dataset whose think tags are not one closed block, as a share; none where it is not named."""
    changes: ReleaseChanges


@dataclass(frozen=True, config=_STRICT)
class Release:
    """How a release is written."""

    shard_rows: Positive
    row_group_rows: Positive
    base: dict[Name, Annotated[str, Field(pattern=r"^(latest|(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*))$")]]
    """Dataset -> the frozen version, or `latest`, whose rows keep their places; what is not named is sorted by key."""


@dataclass(frozen=True, config=_STRICT)
class Publish:
    """Which releases are frozen under which version, and where they are published."""

    hub: str
    """An address, as https://huggingface.co, or a folder, which is served while the stage runs."""
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """User or organization; the repository is <namespace>/<dataset>."""
    private: bool
    """Whether a repository that is made is private; one that is there stays as it is."""
    licences_refused: list[str]
    """Licences of sources with which a release is not published; `unknown` is none at all."""
    datasets: dict[Name, Annotated[str, Field(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")]]
    """Dataset -> its version; what is not named here is not published."""


@dataclass(frozen=True, config=_STRICT)
class Params:
    """All of params.yaml."""

    seed: int
    resources: Resources
    ingest: Ingest
    clean: Clean
    deduplicate: Deduplicate
    decontaminate: Decontaminate
    annotate: Annotate
    teachers: list[Teacher]
    roles: dict[str, list[str]]
    """Role -> teachers (or a source's response tag) that fill it."""
    distill: Distill
    verify: Verify
    score: Score
    grade: Grade
    datasets: dict[Name, Dataset]
    validate: Validate
    release: Release
    publish: Publish
    # What train/ reads; a project that only curates leaves it out.
    base: Base | None = None
    sft: Sft | None = None
    anneal: Sft | None = None
    preference: Preference | None = None
    rl: Rl | None = None
    evaluate: Evaluate | None = None


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.

    Raises:
        ParamsError: The file is missing, is not YAML, or has an unknown, missing or bad value.
    """
    if not path.exists():
        raise ParamsError(
            f"params: {path} not found in {Path.cwd()}. Run from the project's root, or make one: curate init"
        )
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except yaml.YAMLError as error:
        raise ParamsError(f"params: {path} is not YAML: {' '.join(str(error).split())}") from error
    return parse(raw, where=str(path))


def dump(params: Params) -> dict[str, Any]:
    """Params as plain values, as `parse` takes them."""
    values: dict[str, Any] = TypeAdapter(Params).dump_python(params, mode="json")
    return values


def parse(raw: Any, *, where: str) -> Params:
    """Check params that were read already; `where` names them in errors."""
    try:
        params = TypeAdapter(Params).validate_python(raw)
    except ValidationError as error:
        raise ParamsError("\n".join(_sentence(detail, raw, where) for detail in error.errors())) from error
    _check_names(params, where)
    return params


class _UniqueKeys(yaml.SafeLoader):
    """YAML that refuses a key given twice instead of taking the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        # What `<<` merges may be named again: that is what it is for.
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.value != "<<"]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                line = node.value[position][0].start_mark
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", line)
        return super().construct_mapping(node, deep)


def _sentence(detail: Any, raw: Any, where: str) -> str:
    """One sentence for one of pydantic's findings: place, what came, what is allowed."""
    location = [str(part) for part in detail["loc"]]
    place = _place(location, raw)
    if detail["type"] == "missing" or "required" in detail["type"]:
        return f"params: {where} lacks {place}. profiles/ shows a full set of values."
    if "unexpected" in detail["type"] or "extra" in detail["type"]:
        names = _allowed(location[:-1])
        near = difflib.get_close_matches(location[-1], names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(sorted(names))}."
        return f"params: {where} has an unknown key {place}; {hint}"
    return f"params: {where}: {place}: {detail['msg']}, got {detail['input']!r}."


def _place(location: list[str], raw: Any) -> str:
    """Where in params a finding is; an entry of a list that has a name is called by it."""
    told, here = [], raw
    for part in location:
        index = int(part) if isinstance(here, list) and part.isdigit() else part
        known = index in range(len(here)) if isinstance(here, list) else isinstance(here, dict) and index in here
        here = here[index] if known else None
        told.append(str(here["name"]) if isinstance(index, int) and isinstance(here, dict) and "name" in here else part)
    return ".".join(told) or "the file"


def _allowed(location: list[str]) -> list[str]:
    """Names of the fields of the dataclass at a location of params."""
    here: Any = Params
    for part in location:
        found = next((f.type for f in fields(here) if f.name == part), None) if is_dataclass(here) else None
        # What is no field is the index of a list or the key of a mapping, whose dataclass was found already.
        here = here if found is None else _inner(found)
    return [f.name for f in fields(here)] if is_dataclass(here) else []


def _inner(annotation: Any) -> Any:
    """The dataclass inside a list, a dict or an optional type, if there is one."""
    if is_dataclass(annotation):
        return annotation
    found = [_inner(argument) for argument in getattr(annotation, "__args__", ())]
    return next((one for one in found if one is not None), None)


def _check_names(params: Params, where: str) -> None:
    """Names that must be unique, and names that must exist."""
    for block, names in (
        ("ingest.sources", [source.name for source in params.ingest.sources]),
        ("teachers", [teacher.name for teacher in params.teachers]),
        ("decontaminate.benchmarks", [benchmark.name for benchmark in params.decontaminate.benchmarks]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ParamsError(f"params: {where}: {block} has the name {twice[0]!r} twice; names must differ.")
    if params.clean.words_min > params.clean.words_max:
        raise ParamsError(
            f"params: {where}: clean.words_min {params.clean.words_min} is above words_max {params.clean.words_max}; no "
            f"prompt could stay."
        )
    check_thresholds(params.grade.thresholds, "grade.thresholds")
    check_thresholds(params.distill.existing_thresholds, "distill.existing_thresholds")
    repair = params.grade.reference_repair
    if repair is not None and repair.role not in params.roles:
        raise ParamsError(
            f"params: {where}: grade.reference_repair names the role {repair.role!r}; "
            f"roles has: {', '.join(params.roles)}."
        )
    for teacher in params.teachers:
        unbounded = sorted(set(params.distill.samples) - set(teacher.max_tokens))
        if unbounded:
            raise ParamsError(
                f"params: {where}: the teacher {teacher.name} has no max_tokens for {unbounded[0]}, of which "
                f"distill.samples wants answers."
            )
    for name, dataset in params.datasets.items():
        asked = dataset.ask.roles if dataset.ask else []
        missing = [role for role in (*dataset.pass_rates.values(), *asked) if role not in params.roles]
        if missing:
            raise ParamsError(
                f"params: {where}: datasets.{name} names the role {missing[0]!r}; roles has: {', '.join(params.roles)}."
            )
    for block, named in (("release.base", params.release.base), ("publish.datasets", params.publish.datasets)):
        if unknown := sorted(set(named) - set(params.datasets)):
            raise ParamsError(
                f"params: {where}: {block} names {unknown[0]!r}; datasets has: {', '.join(params.datasets)}."
            )

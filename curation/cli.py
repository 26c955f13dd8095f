"""The command `curate`: what people ask of a project; dvc.yaml calls the stages themselves.

Each verb is a function here whose docstring is its help; the work is in the module of its name,
which is imported when the verb is called, so that `curate --help` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

from curation.errors import CurateError, ParamsError
from curation.option_groups import OfItsOwn

# Those of curation.params, which would load pydantic.
CATEGORIES = ("math", "code", "science", "instruction", "multi_turn", "chat")
BROKEN_PIPE = 141
INTERRUPTED = 130


def query(args: argparse.Namespace) -> int:
    """Run SQL over the tables and the releases of this project.

    There is a view per table (curate schema lists them), one per released dataset and one per frozen
    version; the catalog behind them, .curate/catalog.duckdb, also opens in the plain duckdb shell.
    Without SQL, on a terminal, a shell opens; else standard input is read.

    Example:
        curate query "SELECT category, avg(pass_rate) FROM grades GROUP BY ALL"
    """
    from curation.query import Options, Remote
    from curation.query import query as run_query

    remote = Remote(tuple(args.remote), args.hub)
    if args.sql is None and args.file is None and sys.stdin.isatty() and sys.stdout.isatty():
        from curation.shell import shell

        shell(Options(args.format, args.output, args.limit), remote)
        return 0
    both = args.sql is not None and args.file is not None
    sql = _text(args.file or "-") if args.sql is None else args.sql
    if both or not sql.strip():
        raise ParamsError('query: give either SQL or --file, as in: curate query "SELECT count(*) FROM prompts"')
    run_query(sql, output_format=args.format, output=args.output, limit=args.limit, remote=remote)
    return 0


def explain(args: argparse.Namespace) -> int:
    """Tell the whole life of a record, a prompt or a sample.

    Which stages it passed or was dropped at, with reason, figure and evidence; its responses,
    verdicts, scores and grades; the datasets that hold it. A benchmark question (NAME/ID) lists
    the prompts that were dropped for it.

    Example:
        curate explain 3f9c0a
    """
    from curation.explain import explain as told

    print(told(args.id, full=args.full))
    return 0


def funnel(args: argparse.Namespace) -> int:
    """Show what each stage took in, kept, and dropped for which reason.

    Example:
        curate funnel --format markdown
    """
    from curation import funnel as module

    print(module.report(module.funnel(), module.releases(), args.format))
    return 0


def schema(args: argparse.Namespace) -> int:
    """Print a table's grain, key and columns, or list all tables.

    Example:
        curate schema verdicts
    """
    from curation.schema import schema as described

    print(described(args.table, output_format=args.format))
    return 0


def profile(args: argparse.Namespace) -> int:
    """List the profiles, show what one would change in params.yaml, and put it in force.

    Example:
        curate profile tiny --write
    """
    from curation import profile as module

    if args.name is None:
        print(module.listing())
        return 0
    print(module.changes(args.name))
    if args.write:
        module.write(args.name)
        print(f"\nparams.yaml is now profiles/{args.name}.yaml. Next: dvc repro")
    elif module.differences(args.name):
        print(f"\nNothing is written yet: curate profile {args.name} --write")
    return 0


def plan(args: argparse.Namespace) -> int:
    """Count what `dvc repro` would ask of the teachers, by teacher and category.

    Answers that the memo holds cost nothing; tokens are expected from the memo's answers. With --training it tells the
    memory, steps and GPU-hours of each training stage instead, as docs/scale.md reckons them.

    Example:
        curate plan --training --gpus 64
    """
    from curation.render import rows_as

    kind, rows = _training_plan(args.gpus) if args.training else _forecast()
    print(rows_as(args.format, [field.name for field in fields(kind)], [tuple(vars(one).values()) for one in rows]))
    return 0


def select(args: argparse.Namespace) -> int:
    """Show what a dataset would gain and lose under other values, before anything is written.

    The recipe runs over the stored tables, once under params.yaml and once under the changed values. A
    value of the recipe is select.NAME; given one number, a mapping by category takes it for all.

    Example:
        curate select am-40m-stage1 --set select.cv_min=0.1
    """
    from curation.what_if import what_if

    print(what_if(args.dataset, args.set).report())
    return 0


def diff(args: argparse.Namespace) -> int:
    """Show what two versions of a dataset differ in, row by row.

    A version is a dataset's name, DATASET@VERSION, a release's folder, or a Parquet or JSONL path with --key.
    Contents are compared, not files: equal rows in other shards are equal.

    Example:
        curate diff am-40m@1.0.0 am-40m --samples 5
    """
    from curation.diff.command import Options
    from curation.diff.command import diff as compared

    options = Options(args.key, args.format, args.output, args.samples)
    return int(compared(args.old, args.new, options) and args.check)


def validate(args: argparse.Namespace) -> int:
    """Hold selections, and what their releases change, against their expectations; show what was found.

    Of a dataset that has a frozen version, the release is compared with the latest, or with --against. An
    expectation that fails names rows, and the exit code is 1. --docs writes Data Docs to .curate/data_docs.

    Example:
        curate validate am-40m --against 1.0.0 --docs
    """
    from curation.validate_command import Options
    from curation.validate_command import validate as holds

    return int(not holds(args.datasets, Options(args.against, args.docs, args.format)))


def init(args: argparse.Namespace) -> int:
    """Make a new project for sources of your own.

    The options after a --source or a --benchmark tell of that one; what they do not tell is guessed
    from the file's first record. Without a source the project starts with 20 small prompts.

    Example:
        curate init my-data --source train.jsonl --columns prompt=question,reference=answer --category math
    """
    from curation import init as module
    from curation.guess import BenchmarkWish, SourceWish

    options = module.Options(
        sources=[SourceWish(**one) for one in getattr(args, "source", ())],
        benchmarks=[BenchmarkWish(**one) for one in getattr(args, "benchmark", ())],
        prompt_budget=args.prompt_budget,
        git=not args.no_git,
    )
    notes = module.init(args.folder, options)
    print("\n".join([*notes, f"made {args.folder}", module.next_steps(args.folder)]))
    return 0


def hub(args: argparse.Namespace) -> int:
    """Serve a folder as a Hub: the clients of the Hugging Face Hub work with it, without internet or account.

    What is public can be read by all; any token reads the rest and writes. With --token NAME:TOKEN,
    NAME alone writes to NAME/..., and reads what is private there.

    Example:
        curate hub --root hub --port 8080
    """
    from curation.hub.server import serve

    serve(args.root, host=args.host, port=args.port, tokens=args.token)
    return 0


def publish(args: argparse.Namespace) -> int:
    """Freeze a release under the version in params.yaml and publish it on a Hub: one commit, one tag.

    Repeating it sends nothing; one that was killed goes on. A published version never changes. The token is that of
    HF_TOKEN or of `hf auth login`. --dry-run tells files, bytes and new bytes, and writes nothing.

    Example:
        curate publish am-40m --repo ada/am-40m --hub https://huggingface.co --dry-run
    """
    from curation.publish import Options
    from curation.publish import publish as published

    print(published(args.dataset, Options(args.repo, args.hub, args.private, args.dry_run)))
    return 0


def pull(args: argparse.Namespace) -> int:
    """Fetch a published version from a Hub and verify every file of it against its manifest.

    Example:
        curate pull ada/am-40m@v1.0.0 --to am-40m
    """
    from curation.pull import pull as pulled

    print(pulled(args.name, args.to, args.hub))
    return 0


def checkout(args: argparse.Namespace) -> int:
    """Bring back a frozen version that DVC tracks, and verify every file of it against its manifest.

    Files come from DVC's cache, then from its remotes. A version that is there and whole is left alone; files that were
    changed are never overwritten without --force.

    Example:
        curate checkout am-40m@1.0.0
    """
    from curation.checkout import checkout as brought_back

    print(brought_back(args.name, force=args.force))
    return 0


def _query_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sql", nargs="?", metavar="SQL", help="statements; the rows of the last one are shown")
    parser.add_argument("--file", metavar="FILE", help="read the SQL from a file; - reads standard input")
    formats = ("table", "csv", "json", "parquet")
    parser.add_argument("--format", choices=formats, default="table", help="json is one object per line")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there; parquet needs it")
    parser.add_argument("--limit", type=_rows, metavar="N", help="most rows; a table shows 40")
    parser.add_argument(
        "--remote",
        action="append",
        default=[],
        metavar="NS/NAME@TAG",
        help="ask a release on a Hub, too; may be given several times",
    )
    parser.add_argument("--hub", metavar="HUB", help="address or folder; else HF_ENDPOINT, else publish.hub")


def _explain_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="an id, or its first 6 characters or more")
    parser.add_argument("--full", action="store_true", help="do not shorten texts")


def _funnel_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("table", "csv", "json", "markdown"), default="table")


def _schema_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", nargs="?", metavar="TABLE", help="a table's or a view's name")
    parser.add_argument("--format", choices=("table", "markdown"), default="table", help="markdown is docs/schemas.md")


def _profile_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a file of profiles/")
    parser.add_argument("--write", action="store_true", help="copy the profile to params.yaml")


def _plan_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--training", action="store_true", help="memory, steps and GPU-hours of the training stages")
    parser.add_argument("--gpus", type=_gpus, default=8, metavar="N", help="GPUs that training has: 8")
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table")


def _select_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="name of the dataset in params.yaml")
    parser.add_argument(
        "--set", metavar="PATH=VALUE", action="append", required=True, help="may be given several times"
    )


def _diff_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="A", help="the older version")
    parser.add_argument("new", metavar="B", help="the newer version")
    parser.add_argument("--key", type=_names, default=(), metavar="COLUMN,...", help="what tells rows apart")
    parser.add_argument("--samples", type=_samples, default=3, metavar="N", help="rows shown of each kind: 3; or all")
    formats = ("text", "json", "markdown", "html", "parquet")
    parser.add_argument("--format", choices=formats, default="text", help="parquet has every row that differs")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there; parquet needs it")
    parser.add_argument("--check", action="store_true", help="exit with 1 where A and B differ")


def _validate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help="name in params.yaml; all where none is given")
    parser.add_argument("--against", metavar="VERSION", help="frozen version to compare releases with; else the latest")
    parser.add_argument("--docs", action="store_true", help="write Data Docs, a static site")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="json is one object per line")


def _init_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new or an empty folder")
    parser.add_argument(
        "--source",
        dest="source.path",
        metavar="PATH",
        help="JSONL, JSON, CSV or Parquet; may be given several times",
        action=OfItsOwn,
    )
    parser.add_argument(
        "--columns", dest="source.columns", metavar="PAIRS", help="our field=its column, with commas", action=OfItsOwn
    )
    parser.add_argument(
        "--reference-pattern",
        dest="source.reference_pattern",
        metavar="REGEX",
        help="first group: the reference",
        action=OfItsOwn,
    )
    parser.add_argument(
        "--category", dest="source.category", choices=CATEGORIES, help="of all its prompts", action=OfItsOwn
    )
    parser.add_argument("--licence", dest="source.licence", metavar="SPDX", action=OfItsOwn)
    parser.add_argument(
        "--benchmark",
        dest="benchmark.path",
        metavar="PATH",
        help="questions to keep out; may be given several times",
        action=OfItsOwn,
    )
    parser.add_argument(
        "--question", dest="benchmark.question", metavar="COLUMN", help="column of the question", action=OfItsOwn
    )
    parser.add_argument(
        "--question-id", dest="benchmark.id", metavar="COLUMN", help="column of the question's id", action=OfItsOwn
    )
    parser.add_argument(
        "--prompt-budget", type=_rows, default=20, metavar="N", help="most prompts answered per category: 20"
    )
    parser.add_argument("--no-git", action="store_true", help="make no git repository")


def _hub_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", type=Path, metavar="DIR", required=True, help="holds everything; made if missing")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at: 127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="port to listen at: 8080; 0 takes a free one")
    parser.add_argument(
        "--token", metavar="NAME:TOKEN", action="append", default=[], help="a user; may be given several times"
    )


def _publish_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="name of the dataset in params.yaml")
    parser.add_argument("--repo", metavar="NS/NAME", help="repository; else publish.namespace and the dataset's name")
    parser.add_argument("--hub", metavar="HUB", help="address or folder; else publish.hub")
    parser.add_argument("--private", action="store_true", help="make the repository private, where it is made")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be sent")


def _pull_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NS/NAME@TAG", help="what to fetch, as ada/am-40m@v1.0.0")
    parser.add_argument("--to", type=Path, metavar="DIR", help="where to; else data/releases/NAME/VERSION")
    parser.add_argument("--hub", metavar="HUB", help="address or folder; else HF_ENDPOINT, else publish.hub")


def _checkout_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="DATASET@VERSION", help="what to bring back, as am-40m@1.0.0")
    parser.add_argument("--force", action="store_true", help="give up files that were changed, or came in addition")


VERBS: tuple[tuple[Callable[[argparse.Namespace], int], Callable[[argparse.ArgumentParser], None]], ...] = (
    (query, _query_arguments),
    (explain, _explain_arguments),
    (funnel, _funnel_arguments),
    (schema, _schema_arguments),
    (profile, _profile_arguments),
    (plan, _plan_arguments),
    (select, _select_arguments),
    (diff, _diff_arguments),
    (publish, _publish_arguments),
    (pull, _pull_arguments),
    (checkout, _checkout_arguments),
    (validate, _validate_arguments),
    (init, _init_arguments),
    (hub, _hub_arguments),
)


ANSWERING = (diff, validate)
"""Verbs whose exit code 1 is an answer: their errors exit with 2, as those of diff and grep do."""
TROUBLE = 2


def parser() -> argparse.ArgumentParser:
    """The parser of `curate` with all verbs."""
    top = argparse.ArgumentParser(
        prog="curate",
        description="Ask a project of reasoning data what it holds and why. `dvc repro` builds it.",
        epilog="example:\n  curate funnel",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    for function, add_arguments in VERBS:
        summary, description, example = _help(function)
        verb = verbs.add_parser(
            function.__name__,
            help=summary,
            description=description,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_arguments(verb)
        verb.set_defaults(function=function)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; errors meant for the user are printed as their sentence alone."""
    args = parser().parse_args(argv)
    try:
        code: int = args.function(args)
        sys.stdout.flush()
    except CurateError as error:
        print(f"error: {error}", file=sys.stderr)
        return TROUBLE if args.function in ANSWERING else 1
    except BrokenPipeError:
        # The reader has gone, as in `curate query ... | head`: python must not flush to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _help(function: Callable[..., object]) -> tuple[str, str, str]:
    """A verb's first line, its description and its example, from its docstring."""
    description, _, example = (function.__doc__ or "").partition("Example:")
    lines = [line.strip() for line in description.strip().splitlines()]
    return lines[0].rstrip("."), "\n".join(lines), example.strip()


def _rows(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a number of rows from 1")
    return number


def _gpus(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of GPUs from 1")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _samples(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of rows from 0 nor all")
    return int(text)


def _forecast() -> tuple[type, Sequence[object]]:
    """What distill would ask."""
    from curation.forecast import Forecast, forecast

    return Forecast, forecast()


def _training_plan(gpus: int) -> tuple[type, Sequence[object]]:
    """What training needs."""
    from curation import params as params_module
    from curation.model_shape import shape_of
    from curation.training_plan import StagePlan
    from curation.training_plan import plan as planned

    params = params_module.load()
    return StagePlan, planned(params, shape_of(params.base), gpus=gpus)


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise ParamsError(f"query: cannot read {file}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())

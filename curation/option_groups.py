"""Options of a command line that come in groups: `--source a --licence MIT --source b`."""

import argparse
from collections.abc import Sequence


class OfItsOwn(argparse.Action):
    """An option `kind.path` that opens a group, or `kind.key` that tells of the last group opened.

    The namespace gets a list of the groups under `kind`, each a dict by key.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        """Put the option's value where argparse keeps the line's values."""
        kind, key = self.dest.split(".")
        opened = [*(getattr(namespace, kind, None) or ())]
        if key == "path":
            opened.append({})
        elif not opened:
            parser.error(f"{option_string} stands after the --{kind} that it tells of")
        opened[-1] = {**opened[-1], key: values}
        setattr(namespace, kind, opened)

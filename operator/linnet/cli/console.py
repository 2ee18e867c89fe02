"""The console that every command gets: where it prints, which cluster it asks, and whether it may use colors."""

import argparse
import codecs
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.views.tree import Paint, painter

OK: Final = 0
FAILED: Final = 1
"""The request was refused, or the command did not work."""
USAGE: Final = 2
INTERRUPTED: Final = 130
FORMATS: Final = ("json", "yaml")
ASCII: Final = "linnet.ascii"
"""The error handler for terminals and files that can't have the characters of trees and bars."""
_PLAIN: Final = str.maketrans(
    {"█": "#", "▓": "=", "▒": "-", "░": ".", "┃": "|", "├": "|", "└": "`", "│": "|", "─": "-", "…": ".", "é": "e"}
)


def _ascii_replacement(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end].translate(_PLAIN)
    return "".join(c if c.isascii() else "?" for c in text), error.end


codecs.register_error(ASCII, _ascii_replacement)


def write_ascii_where_needed(out: TextIO) -> None:
    """Has characters that the stream's encoding lacks written in ASCII from now on, so that they stop no command."""
    if (change := getattr(out, "reconfigure", None)) is not None:
        change(errors=ASCII)


class FailedError(Exception):
    """The command ends with exit code 1; the message is a sentence with the way out."""


class UsageError(Exception):
    """The command ends with exit code 2; the message says what to write."""


@dataclass(frozen=True)
class Console:
    """A command asks the cluster by `kubectl` and prints to `out`; `colors` are for terminals without NO_COLOR."""

    kubectl: Kubectl
    out: TextIO
    colors: bool = False

    @property
    def paint(self) -> Paint:
        return painter(colors=self.colors)

    def say(self, *lines: str) -> None:
        self.out.write("".join(f"{line}\n" for line in lines))
        self.out.flush()

    def warn(self, *lines: str) -> None:
        """Prints beside the output, which may be read by a program."""
        sys.stderr.write("".join(f"{line}\n" for line in lines))

    def show(self, value: Any, form: str) -> None:
        """Prints an object, or several, as JSON or YAML."""
        if form == "json":
            self.say(json.dumps(value, indent=2))
            return
        import yaml

        self.out.write(yaml.safe_dump(value, sort_keys=False))


_PASSED_ON: Final = {
    "--as": "USER",
    "--as-group": "GROUP",
    "--as-uid": "UID",
    "--cluster": "NAME",
    "--user": "NAME",
    "--server": "URL",
    "--token": "TOKEN",
    "--request-timeout": "TIME",
    "--certificate-authority": "FILE",
    "--client-certificate": "FILE",
    "--client-key": "FILE",
    "--tls-server-name": "NAME",
}
"""Flags of kubectl's own, and what their values are."""


def cluster_options() -> argparse.ArgumentParser:
    """The options that are passed on to kubectl, by the names of Kubectl's fields."""
    shared = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    shared.add_argument("-n", "--namespace", help="kubectl's own if left out")
    shared.add_argument("--context", help="as kubectl has it")
    shared.add_argument("--kubeconfig", type=Path, metavar="FILE", help="as kubectl has it")
    others = shared.add_argument_group("kubectl's own", "passed on to each kubectl that is called")
    for flag, value in _PASSED_ON.items():
        others.add_argument(flag, action=_PassedOn, dest="passed_on", default=(), metavar=value)
    others.add_argument("--insecure-skip-tls-verify", action=_PassedOn, dest="passed_on", default=(), nargs=0)
    return shared


class _PassedOn(argparse.Action):
    """Keeps the flag as it was written, with its value; some may be given several times."""

    def __call__(self, _: Any, into: argparse.Namespace, value: Any, flag: str | None = None) -> None:
        into.passed_on = (*into.passed_on, f"{flag}={value}" if isinstance(value, str) else str(flag))


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """The lines of a table with aligned columns, as kubectl prints them; the last column may be long."""
    whole = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in whole) for i in range(len(whole[0]))]
    return ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in whole]


def output_option(parser: argparse.ArgumentParser, run: Any) -> None:
    parser.add_argument("-o", "--output", choices=FORMATS, help="the records as they are")
    parser.set_defaults(run=run)


def object_argument(text: str, kinds: tuple[str, ...]) -> tuple[str, str]:
    """Parses `mdl/tumor-risk` into (mdl, tumor-risk); a bare name is of the first kind. UsageError for another kind."""
    kind, slash, rest = text.rpartition("/")
    if slash and kind not in kinds:
        raise UsageError(f"{text}: write {' or '.join(f'{k}/NAME' for k in kinds)}")
    return kind or kinds[0], rest

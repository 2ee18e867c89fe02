"""`kubectl linnet` finds the command that was typed, runs it, and turns its errors into exit codes.

Commands that talk to a cluster need nothing but Python and kubectl.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.cluster.processes import CommandError
from linnet.cli.console import (
    FAILED,
    INTERRUPTED,
    USAGE,
    Console,
    FailedError,
    UsageError,
    cluster_options,
    write_ascii_where_needed,
)

_VERBS: Final = ("promote", "abort", "pause", "resume", "retry", "rollback", "quarantine", "release", "run")
_MODULES: Final[Mapping[str, str]] = {
    **{name: name for name in ("get", "history", "explain", "report")},
    **dict.fromkeys(_VERBS, "request"),
    **{name: name for name in ("lint", "simulate", "completion")},
}
"""Maps a command to its module in `commands`. Only that one is loaded: a person waits for each import."""
COMPLETE: Final = "__complete"
"""The first word by which the shells' scripts ask."""
COMPLETER: Final = "kubectl_complete-linnet"
"""The name under which kubectl asks a plugin."""
_CODES: Final = "exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line, and returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if Path(sys.argv[0]).name == COMPLETER:
        return _complete(words)
    if words[:1] == [COMPLETE]:
        return _complete(words[1:])
    words = _command_first(words)
    options = parser(words[0] if words else "").parse_args(words)
    write_ascii_where_needed(sys.stdout)
    try:
        return int(options.run(options, _console(options)))
    except UsageError as error:
        return _fail(str(error), USAGE)
    except CommandError as error:
        return _fail(error.output, FAILED)
    except FailedError as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _close_quietly()
        return FAILED


def _command_first(words: Sequence[str]) -> list[str]:
    """Put flags behind the command that they stand before: `kubectl linnet -n ml get` is what people type."""
    at = next((at for at, word in enumerate(words) if word in _MODULES), 0)
    return [*words[at : at + 1], *words[:at], *words[at + 1 :]]


def parser(command: str = "") -> argparse.ArgumentParser:
    """The parser of one command, or of all where none has that name; each sets `run`, the function that does it."""
    top = argparse.ArgumentParser(prog="kubectl linnet", description="Models, their versions, their traffic.")
    top.epilog = _CODES
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    cluster = cluster_options()
    for module in dict.fromkeys([_MODULES[command]] if command in _MODULES else _MODULES.values()):
        import_module(f"linnet.cli.commands.{module}").add(commands, cluster)
    return top


class _Version(argparse.Action):
    """Reads the version only when it is asked for: that costs more than the rest of a start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib import metadata

        sys.stdout.write(f"linnet {metadata.version('linnet')}\n")
        parser.exit()


def _complete(words: Sequence[str]) -> int:
    from linnet.cli.commands import completion

    return completion.answer(parser(), words)


def _console(options: argparse.Namespace) -> Console:
    kubectl = Kubectl(
        namespace=getattr(options, "namespace", None),
        kubeconfig=getattr(options, "kubeconfig", None),
        context=getattr(options, "context", None),
        passed_on=getattr(options, "passed_on", ()),
    )
    colors = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Console(kubectl, sys.stdout, colors=colors)


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code


def _close_quietly() -> None:
    """Closes the output, whose reader has gone: Python would complain of that again at its end."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""`kubectl linnet`: ask, look, explain, and check before anything runs.

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
    flags,
    write_ascii_where_needed,
)

_VERBS: Final = ("promote", "abort", "pause", "resume", "retry", "rollback", "quarantine", "release", "run")
_OF: Final[Mapping[str, str]] = {
    **{name: name for name in ("get", "history", "explain", "report")},
    **dict.fromkeys(_VERBS, "request"),
    **{name: name for name in ("lint", "simulate", "completion")},
}
"""Command → the module of `commands` that has it. Only that one is loaded: a person waits for each import."""
COMPLETE: Final = "__complete"
"""The first word by which the shells' scripts ask."""
COMPLETER: Final = "kubectl_complete-linnet"
"""The name under which kubectl asks a plugin."""
_CODES: Final = "exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted"


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if Path(sys.argv[0]).name == COMPLETER:
        return _complete(words)
    if words[:1] == [COMPLETE]:
        return _complete(words[1:])
    given = parser(words[0] if words else "").parse_args(words)
    write_ascii_where_needed(sys.stdout)
    try:
        return int(given.run(given, _console(given)))
    except UsageError as error:
        return _fail(str(error), USAGE)
    except CommandError as error:
        return _fail(error.said, FAILED)
    except FailedError as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _close_quietly()
        return FAILED


def parser(command: str = "") -> argparse.ArgumentParser:
    """The parser of one command, or where there is none of that name, of all; `run` of each is what it does."""
    top = argparse.ArgumentParser(prog="kubectl linnet", description="Models, their versions, their traffic.")
    top.epilog = _CODES
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    cluster = flags()
    for module in dict.fromkeys([_OF[command]] if command in _OF else _OF.values()):
        import_module(f"linnet.cli.commands.{module}").add(commands, cluster)
    return top


class _Version(argparse.Action):
    """Read only when it is asked for: that costs more than the rest of a start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib import metadata

        sys.stdout.write(f"linnet {metadata.version('linnet')}\n")
        parser.exit()


def _complete(words: Sequence[str]) -> int:
    from linnet.cli.commands import completion

    return completion.answer(parser(), words)


def _console(given: argparse.Namespace) -> Console:
    kubectl = Kubectl(
        namespace=getattr(given, "namespace", None),
        kubeconfig=getattr(given, "kubeconfig", None),
        context=getattr(given, "context", None),
    )
    colors = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Console(kubectl, sys.stdout, colors=colors)


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code


def _close_quietly() -> None:
    """Whoever read the output has gone; Python would complain of it again at its end."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""`kubectl linnet`: ask, look, explain, and check before anything runs.

Commands that talk to a cluster need nothing but Python and kubectl.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from linnet.cli import asking, completion, glyphs, linting, looking, recounting, reporting, simulating
from linnet.cli.console import FAILED, INTERRUPTED, USAGE, Console, FailedError, UsageError, flags
from linnet.cli.kubectl import CommandError, Kubectl

_CODES: Final = "exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted"


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if Path(sys.argv[0]).name == completion.COMPLETER:
        return completion.answer(parser(), words)
    if words[:1] == [completion.COMPLETE]:
        return completion.answer(parser(), words[1:])
    given = parser().parse_args(words)
    glyphs.able(sys.stdout)
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


def parser() -> argparse.ArgumentParser:
    """All commands; `run` of each is what it does, with exit code."""
    top = argparse.ArgumentParser(prog="kubectl linnet", description="Models, their versions, their traffic.")
    top.epilog = _CODES
    top.add_argument("--version", action="version", version=f"linnet {metadata.version('linnet')}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    cluster = flags()
    looking.add(commands, cluster)
    recounting.add(commands, cluster)
    reporting.add(commands, cluster)
    asking.add(commands, cluster)
    linting.add(commands)
    simulating.add(commands, cluster)
    completion.add(commands)
    return top


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

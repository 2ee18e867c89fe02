"""Completion of commands, flags and names: for the program itself in each shell, and for kubectl in its own way.

kubectl asks `kubectl_complete-linnet WORDS…` and reads candidates, a line each, then `:4` (no file names) or `:0`,
as its library cobra has it.
"""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from linnet.api.names import GROUP
from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.cluster.processes import CommandError
from linnet.cli.console import OK, Console, flags

SECONDS: Final = 3.0
_LISTED: Final = {"quarantine": "modelversions", "run": "retrainpolicies"}
"""Command → what its name is of; deployments for all others."""
_SCRIPTS: Final = {
    "bash": """\
_kubectl_linnet() {
  mapfile -t COMPREPLY < <(kubectl-linnet __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | grep -v '^:')
}
complete -o default -F _kubectl_linnet kubectl-linnet
""",
    "zsh": """\
#compdef kubectl-linnet
_kubectl_linnet() {
  local -a found
  found=("${(@f)$(kubectl-linnet __complete "${(@)words[2,CURRENT]}" 2>/dev/null | grep -v '^:')}")
  compadd -a found || _files
}
compdef _kubectl_linnet kubectl-linnet
""",
    "fish": """\
function __kubectl_linnet
  kubectl-linnet __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null | string match -v ':*'
end
complete -c kubectl-linnet -a '(__kubectl_linnet)'
""",
}


def add(commands: Any, _: argparse.ArgumentParser) -> None:
    about = (
        "Prints a script that completes kubectl-linnet: source <(kubectl linnet completion bash). "
        "kubectl completes `kubectl linnet` itself, by the program kubectl_complete-linnet."
    )
    parser = commands.add_parser("completion", help="print a shell's completion script", description=about)
    parser.add_argument("shell", choices=list(_SCRIPTS))
    parser.set_defaults(run=run)


def run(given: argparse.Namespace, console: Console) -> int:
    console.out.write(_SCRIPTS[given.shell])
    return OK


def answer(program: argparse.ArgumentParser, words: Sequence[str]) -> int:
    """Print what may stand in the place of the last word."""
    *before, last = words or [""]
    found = sorted(c for c in _candidates(program, before, last) if c.startswith(last))
    sys.stdout.write("".join(f"{line}\n" for line in [*found, ":4" if found else ":0"]))
    return OK


def _candidates(program: argparse.ArgumentParser, before: Sequence[str], last: str) -> Iterator[str]:
    commands = _commands(program)
    word = next((w for w in before if w in commands), None)
    if word is None:
        yield from commands
        return
    actions = [a for a in commands[word]._actions if a.help is not argparse.SUPPRESS]  # noqa: SLF001 (no other way)
    valued = next((a for a in actions if before[-1] in a.option_strings and a.nargs != 0), None)
    if valued is not None or not last.startswith("-"):
        asked = valued or next((a for a in actions if not a.option_strings), None)
        yield from asked.choices or () if asked else ()
        if asked is not None and asked.dest == "name":
            yield from _names(_LISTED.get(word, "deployments"), before)
        return
    yield from (flag for action in actions for flag in action.option_strings if flag.startswith("--"))


def _commands(program: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = next(a for a in program._actions if isinstance(a, argparse._SubParsersAction))  # noqa: SLF001
    return dict(found.choices)


def _names(plural: str, before: Sequence[str]) -> Iterator[str]:
    """Of the cluster, in the namespace that was typed; nothing where it does not answer at once."""
    with contextlib.suppress(CommandError, TimeoutError, argparse.ArgumentError):
        given, _ = flags().parse_known_args(list(before))
        kubectl = Kubectl(**vars(given))
        wanted = kubectl("get", f"{plural}.{GROUP}", "-o", "name")
        yield from (line.rpartition("/")[2] for line in asyncio.run(asyncio.wait_for(wanted, SECONDS)).split())

"""The image has one program: the operator, and what runs inside the pods that it makes.

Each command imports what it needs, since an init container waits for `linnet fetch` and never sees Kubernetes.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Final

USAGE: Final = """usage: linnet [command]

  operator        watch the cluster and act (the default); configured by the environment
  fetch …         bring an artifact into the pod
  probe …         try a loaded model, and report
  consent …       let training code see a Secret, if its owner agreed
  isolate …       let a model be loaded, once its pod's egress is denied
  digest FOLDER   print the digest of an artifact's files
  --version       print the version
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code: 2 for a command or setting that can't be used."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name, rest = (arguments[0], arguments[1:]) if arguments else ("operator", [])
    command = _COMMANDS.get(name)
    if command is None:
        sys.stderr.write(f"linnet: {name!r} is no command\n{USAGE}")
        return 2
    return command(rest)


def _operator(arguments: list[str]) -> int:
    import asyncio
    import gc
    import logging

    from linnet.adapters.cluster.connection import NoClusterError
    from linnet.adapters.telemetry import logs
    from linnet.handlers import operator
    from linnet.settings import BadSettingError, read

    if arguments:
        sys.stderr.write("linnet operator takes no arguments: it is configured by the environment\n")
        return 2
    # kopf has a thread of its own, and the default of 5 ms makes the two wait for each other
    sys.setswitchinterval(0.001)
    # What was imported stays: a collection need not walk through it again and again
    gc.freeze()
    try:
        settings = read()
        logs.configure(settings.log_level)
        return asyncio.run(operator.run(settings))
    except (BadSettingError, NoClusterError, OSError) as error:
        logging.getLogger("linnet").debug("stopped", exc_info=error)
        sys.stderr.write(f"linnet: {error}\n")
        return 2


def _fetch(arguments: list[str]) -> int:
    from linnet.fetcher.main import fetch

    return fetch(arguments)


def _consent(arguments: list[str]) -> int:
    from linnet.fetcher.gates.consent import consent

    return consent(arguments)


def _isolate(arguments: list[str]) -> int:
    from linnet.fetcher.gates.isolation import isolate

    return isolate(arguments)


def _probe(arguments: list[str]) -> int:
    from linnet.fetcher.probe.main import main as probe

    return probe(arguments)


def _digest(arguments: list[str]) -> int:
    from pathlib import Path

    from linnet.fetcher import tree

    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.stderr.write("usage: linnet digest FOLDER\n")
        return 2
    sys.stdout.write(tree.read(Path(arguments[0])).digest + "\n")
    return 0


def _version(_: list[str]) -> int:
    from importlib.metadata import version

    sys.stdout.write(f"linnet {version('linnet')}\n")
    return 0


def _help(_: list[str]) -> int:
    sys.stdout.write(USAGE)
    return 0


_COMMANDS: Final[dict[str, Callable[[list[str]], int]]] = {
    "operator": _operator,
    "fetch": _fetch,
    "probe": _probe,
    "consent": _consent,
    "isolate": _isolate,
    "digest": _digest,
    "--version": _version,
    "version": _version,
    "--help": _help,
    "-h": _help,
}

if __name__ == "__main__":
    sys.exit(main())

"""The command lines of `linnet fetch` and `linnet probe`, of which a wrong one is reported like any other failure."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from linnet.fetcher.command.outcome import Failure, Reason

T = TypeVar("T")
TERMINATION_LOG = Path("/dev/termination-log")


class Parser(argparse.ArgumentParser):
    """A parser that raises Failure(InvalidArguments) where argparse would end the process without an outcome."""

    def error(self, message: str) -> NoReturn:
        raise Failure(Reason.INVALID_ARGUMENTS, f"{self.prog}: {message}")


def parsed(convert: Callable[[str], T]) -> Callable[[str], T]:
    """Make `convert` an argparse `type` of which the ValueError's own sentence is shown."""

    def wrapped(text: str) -> T:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return wrapped


def termination_log(argv: list[str]) -> Path:
    """The file to report to, which is found also when the rest of the command line can't be read."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--termination-log", type=Path, default=TERMINATION_LOG)
    try:
        return parser.parse_known_args(argv)[0].termination_log or TERMINATION_LOG
    except SystemExit:
        return TERMINATION_LOG

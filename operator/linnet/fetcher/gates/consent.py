"""`linnet consent`: the init container that lets training code see a Secret only if the Secret's owner agreed."""

import argparse
from pathlib import Path

from linnet.fetcher.command import outcome
from linnet.fetcher.command.arguments import TERMINATION_LOG, Parser, termination_log
from linnet.fetcher.command.log import Log
from linnet.fetcher.command.outcome import Document, Failure, Reason
from linnet.fetcher.command.supervisor import Supervisor

ALLOW_TRAINING = "allowTraining"
LONGEST = 60  # seconds: a file is looked for


def consent(argv: list[str]) -> int:
    """Run the command. The exit code is 0 if the Secret's owner agreed, 2 if a person must act."""
    supervisor = Supervisor(Log(), termination_log(argv), LONGEST, "the consent", "start it again")
    try:
        options = _options(argv)
    except Failure as failure:
        return supervisor.report(outcome.failed(failure))
    return supervisor.run(lambda: _found(options.credentials))


def _options(argv: list[str]) -> argparse.Namespace:
    parser = Parser(prog="linnet consent", description="may training code see this Secret?", allow_abbrev=False)
    parser.add_argument("--credentials", type=Path, required=True, help="the folder where the Secret is mounted")
    parser.add_argument("--termination-log", type=Path, default=TERMINATION_LOG)
    return parser.parse_args(argv)


def _found(folder: Path) -> Document:
    if not (folder / ALLOW_TRAINING).is_file():
        message = (
            "the Secret of spec.training.job.credentials does not exist or has no key allowTraining: its owner lets "
            f'training code see it by the key {ALLOW_TRAINING}: "true"'
        )
        raise Failure(Reason.CREDENTIALS_NOT_ALLOWED, message)
    return {"outcome": "Allowed"}

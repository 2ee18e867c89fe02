"""`linnet isolate`: the init container that lets a model be loaded only after the pod's egress is denied.

Loading may run the code of whoever made the model. The operator labels the pod once its artifact is there, a
NetworkPolicy selects the label, and the kubelet shows the label to this container as a file.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from linnet.fetcher.command import outcome
from linnet.fetcher.command.arguments import TERMINATION_LOG, Parser, parsed, termination_log
from linnet.fetcher.command.log import Log
from linnet.fetcher.command.outcome import Document, Failure
from linnet.fetcher.command.supervisor import Supervisor
from linnet.fetcher.command.units import human_seconds, seconds

INTERVAL = 0.1  # seconds
SLACK = 60  # seconds that the supervisor waits longer than the work itself


def isolate(argv: list[str]) -> int:
    """Run the command. It ends with 0 also when nobody labels the pod: serving must not depend on the operator."""
    log = Log()
    try:
        options = _options(argv)
    except Failure as failure:
        return Supervisor(log, termination_log(argv), SLACK, "the isolation", "").report(outcome.failed(failure))
    supervisor = Supervisor(log, options.termination_log, options.deadline + SLACK, "the isolation", "start it again")
    return supervisor.run(lambda: awaited(options.label, options.deadline, log))


def awaited(
    label: Path,
    deadline: float,
    log: Log,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Document:
    """Wait until the file says `true`, or for `deadline` seconds; what is returned says which of them it was."""
    began = clock()
    while not _is_there(label):
        if clock() - began >= deadline:
            log.say(
                f"nobody has denied this pod's egress within {human_seconds(deadline)}: the operator is down, or may "
                "not label pods; the model is loaded all the same"
            )
            return {"outcome": "Isolated", "warning": "egress was not denied in time"}
        sleep(INTERVAL)
    return {"outcome": "Isolated", "seconds": round(clock() - began, 3)}


def _is_there(label: Path) -> bool:
    try:
        return label.read_text(encoding="utf-8").strip() == "true"
    except OSError:
        return False


def _options(argv: list[str]) -> argparse.Namespace:
    parser = Parser(prog="linnet isolate", description="wait until egress is denied", allow_abbrev=False)
    parser.add_argument("--label", type=Path, required=True, help="the file that shows the pod's label")
    parser.add_argument("--deadline", type=parsed(seconds), default=60.0, help="then go on all the same, such as 1m")
    parser.add_argument("--termination-log", type=Path, default=TERMINATION_LOG)
    return parser.parse_args(argv)

"""`linnet probe`: waits until the real server beside it has loaded the model, and replays its contract."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from linnet.fetcher.command import outcome
from linnet.fetcher.command.arguments import TERMINATION_LOG, Parser, parsed, termination_log
from linnet.fetcher.command.log import Log
from linnet.fetcher.command.outcome import Document, Failure, Reason, Transient
from linnet.fetcher.command.supervisor import Supervisor
from linnet.fetcher.command.units import human_seconds, seconds
from linnet.fetcher.probe import contract
from linnet.fetcher.probe.contract import Case, shorten

if TYPE_CHECKING:
    from linnet.fetcher.probe.server import Server

ADVICE = "raise spec.deadlines.ready, or make the model answer faster"
SAY_EVERY = 10.0  # seconds
READY_TIMEOUT = 5.0  # seconds for one look at the ready path


@dataclass(frozen=True)
class Order:
    server: "Server"
    model: str
    ready_path: str
    deadline: float
    interval: float
    case_timeout: float
    contract: Path | None


def main(argv: list[str]) -> int:
    """Run the command, and report its outcome in the termination log.

    The exit code is 0 if the version is valid, 1 if another start may succeed, 2 if it is not fit.
    """
    log = Log()
    try:
        order = _order(argv)
    except Failure as failure:
        return Supervisor(log, termination_log(argv), 1, "the probe", ADVICE).report(outcome.failed(failure))
    # The cases have their own time limits; the supervisor's only guards against a hang.
    limit = order.deadline * 2 + 600
    return Supervisor(log, termination_log(argv), limit, "the probe", ADVICE).run(lambda: probe(order, log))


def probe(order: Order, log: Log) -> Document:
    """Wait until the server is ready, replay the contract, and return what is reported. Raises Failure."""
    started = time.monotonic()
    cases = _cases(order.contract)
    log.say(f"waiting for {order.model or 'the model'} on {order.ready_path}, {len(cases)} cases to replay")
    _await_ready(order, log)
    took = time.monotonic() - started
    log.say(f"ready after {took:.1f} s")
    for case in cases:
        _replay(order, case, log)
    return {"outcome": "Validated", "readySeconds": round(took, 3), "cases": len(cases)}


def _await_ready(order: Order, log: Log) -> None:
    """Return once the server is ready. Raises Failure(LoadFailed) with the last thing that it said."""
    ready = _request("ready", order.ready_path)
    end, said = time.monotonic() + order.deadline, time.monotonic()
    while True:
        last = _state(order.server, ready, min(READY_TIMEOUT, order.deadline))
        if not last:
            return
        if time.monotonic() >= end:
            break
        if time.monotonic() - said >= SAY_EVERY:
            said = time.monotonic()
            log.say(f"not ready yet: {last}")
        threading.Event().wait(order.interval)
    raise Failure(
        Reason.LOAD_FAILED,
        f"the server did not report {order.model or 'the model'} ready on {order.ready_path} within "
        f"{human_seconds(order.deadline)}; at last: {last}; see the server container's log",
    )


def _state(server: "Server", ready: Case, timeout: float) -> str:
    """Why the server is not ready, empty if it is."""
    try:
        status, body = server.request(ready, timeout)
    except Transient as fault:
        return str(fault)
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's classes
        return ""
    return f"HTTP {status} {shorten(' '.join(body.decode(errors='replace').split()))}".strip()


def _replay(order: Order, case: Case, log: Log) -> None:
    started = time.monotonic()
    try:
        status, body = order.server.request(case, order.case_timeout)
    except Transient as fault:
        message = f"contract case {case.name}: {case.method} {case.path} got no answer: {fault}"
        raise Failure(Reason.CONTRACT_FAILED, message) from fault
    difference = contract.check(case, status, body)
    if difference:
        raise Failure(Reason.CONTRACT_FAILED, f"contract case {case.name}: {case.method} {case.path}: {difference}")
    log.say(f"case {case.name}: as expected, in {time.monotonic() - started:.3f} s")


def _cases(folder: Path | None) -> list[Case]:
    """The contract's cases in the order of their names. Raises Failure(InvalidContract)."""
    if folder is None:
        return []
    if not folder.is_dir():
        raise Failure(Reason.INVALID_CONTRACT, f"no contract is mounted at {folder}; see spec.gate.contract")
    paths = sorted(folder.glob("*.json"))
    if not paths:
        message = "the contract's ConfigMap has no key that ends in .json; add cases, or drop spec.gate.contract"
        raise Failure(Reason.INVALID_CONTRACT, message)
    return [_case(path) for path in paths]


def _case(path: Path) -> Case:
    try:
        return contract.parse(path.stem, path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Failure(Reason.INVALID_CONTRACT, f"contract case {path.name} can't be read: {error}") from error


def _request(name: str, path: str, headers: Mapping[str, str] | None = None) -> Case:
    return Case(name, "GET", path, headers or {}, b"", None, None, compares=False, tolerance=0)


def _order(argv: list[str]) -> Order:
    parser = Parser(prog="linnet probe", description=__doc__, allow_abbrev=False)
    parser.add_argument("--url", type=parsed(_server), default="http://127.0.0.1:8080", help="the server's address")
    parser.add_argument("--model-name", default="", help="as served; used in messages and for the ready path")
    parser.add_argument("--ready-path", default="", help="default: /v2/models/<model name>/ready")
    parser.add_argument("--deadline", type=parsed(seconds), default=600.0, help="until ready, such as 10m")
    parser.add_argument("--interval", type=parsed(seconds), default=0.5, help="between two looks")
    parser.add_argument("--case-timeout", type=parsed(seconds), default=30.0, help="for one case's answer")
    parser.add_argument("--contract", type=Path, default=None, help="folder of the mounted ConfigMap")
    parser.add_argument("--termination-log", type=Path, default=TERMINATION_LOG)
    options = parser.parse_args(argv)
    if not options.ready_path and not options.model_name:
        parser.error("give --ready-path or --model-name")
    return Order(
        server=options.url,
        model=options.model_name,
        ready_path=options.ready_path or f"/v2/models/{options.model_name}/ready",
        deadline=options.deadline,
        interval=options.interval,
        case_timeout=options.case_timeout,
        contract=options.contract,
    )


def _server(text: str) -> "Server":
    from linnet.fetcher.probe.server import Server

    address = urlsplit(text)
    if address.scheme != "http" or not address.hostname or address.path not in ("", "/"):
        raise ValueError(f"{text!r} is no address such as http://127.0.0.1:8080")
    return Server(f"http://{address.netloc}")

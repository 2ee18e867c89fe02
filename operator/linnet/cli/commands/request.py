"""A person's requests, such as `promote`: an annotation signed with the caller's name, and the operator's answer."""

import argparse
import asyncio
import secrets
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from linnet.api.names import REQUEST_ANNOTATION, Verb
from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.cluster.objects import RESOURCES, Object, revision_version, status
from linnet.cli.console import FAILED, FORMATS, OK, Console, FailedError, UsageError

SECONDS: Final = 30.0


@dataclass(frozen=True)
class RequestCommand:
    """A command's verb, and the kinds that know it; a bare name means the first of them."""

    verb: Verb
    kinds: tuple[str, ...]
    help: str


COMMANDS: Final[Mapping[str, RequestCommand]] = {
    "promote": RequestCommand(
        Verb.PROMOTE, ("mld",), "on to the next step of a rollout, or with --full past all that remain"
    ),
    "abort": RequestCommand(Verb.ABORT, ("mld",), "back to the former version, without blame"),
    "pause": RequestCommand(Verb.PAUSE, ("mld",), "hold a rollout where it is; a failing version is still rolled back"),
    "resume": RequestCommand(Verb.RESUME, ("mld",), "leave a pause"),
    "retry": RequestCommand(Verb.RETRY, ("mld", "mv"), "try an aborted version again, or a validation that failed"),
    "rollback": RequestCommand(Verb.ROLLBACK, ("mld",), "back to the former version, or the one named, with blame"),
    "quarantine": RequestCommand(Verb.QUARANTINE, ("mv",), "forbid a version's artifact in this namespace"),
    "release": RequestCommand(Verb.RELEASE, ("mld", "mv"), "take a version's quarantine away"),
    "run": RequestCommand(Verb.RUN, ("rp",), "train now"),
}


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    """Adds a subcommand for each request."""
    for word, command in COMMANDS.items():
        forms = " or ".join(f"{kind}/NAME" for kind in command.kinds)
        parser = commands.add_parser(word, parents=[cluster], help=command.help, description=command.help)
        parser.add_argument("name", metavar="NAME", help=f"NAME, or {forms}; a bare name is {command.kinds[0]}/NAME")
        if "mld" in command.kinds:
            parser.add_argument("--version", help="7, v7 or a digest; whatever is under way if left out")
        if command.verb is Verb.PROMOTE:
            parser.add_argument("--full", action="store_true", help="past all steps that remain; in the bake: end it")
        parser.add_argument("--no-wait", action="store_true", help="don't wait for the answer")
        parser.add_argument("--timeout", type=float, default=SECONDS, metavar="SECONDS", help="how long; default 30")
        parser.add_argument("-o", "--output", choices=FORMATS, help="print the answer as it stands in the status")
        parser.set_defaults(run=run)


def run(options: argparse.Namespace, console: Console) -> int:
    return asyncio.run(_send(options, console))


async def _send(options: argparse.Namespace, console: Console) -> int:
    kind, name = _object(options.name, COMMANDS[options.command])
    verb = Verb.PROMOTE_FULL if getattr(options, "full", False) else COMMANDS[options.command].verb
    obj, user = await asyncio.gather(console.kubectl.get(RESOURCES[kind], name), console.kubectl.whoami())
    about = getattr(options, "version", None) or target(verb, kind, obj)
    id_ = f"cli-{secrets.token_hex(5)}"
    request = f"{REQUEST_ANNOTATION}={verb} {about} {id_} {user}"
    await console.kubectl("annotate", "--overwrite", RESOURCES[kind], name, request)
    if options.no_wait:
        console.say(f"{verb} {about}: asked as {user}, with the id {id_}")
        return OK
    answer = await _answer(console.kubectl, kind, name, id_, options.timeout)
    if options.output:
        console.show(answer, options.output)
    else:
        color = "green" if answer["outcome"] == "Accepted" else "red"
        console.say(f"{verb} {about}: {console.paint(answer['outcome'], color)}: {answer.get('message', '')}")
    return OK if answer["outcome"] == "Accepted" else FAILED


def _object(text: str, command: RequestCommand) -> tuple[str, str]:
    """Parses `mv/tumor-risk-v3` into (mv, tumor-risk-v3). UsageError for a kind that does not know the verb."""
    kind, slash, name = text.rpartition("/")
    if slash and kind not in command.kinds:
        raise UsageError(f"{text}: {command.verb} is asked of {' or '.join(f'{k}/NAME' for k in command.kinds)}")
    return kind or command.kinds[0], name


def target(verb: Verb, kind: str, obj: Object) -> str:
    """The version that the request is about, by the object's status, so that it can't hit one that came in between."""
    now = status(obj)
    if kind != "mld" or verb is Verb.RELEASE:
        return "-"
    number = now["rollout"]["to"]["version"] if now.get("rollout") else revision_version(now.get("held") or "")
    waits = now.get("rollout") or verb is Verb.RETRY
    return f"v{number}" if waits and number is not None else "-"


async def _answer(kubectl: Kubectl, kind: str, name: str, id_: str, seconds: float) -> dict[str, Any]:
    """The operator's answer to the request with this id. FailedError if there is none in time."""
    try:
        async with asyncio.timeout(seconds), aclosing(kubectl.watch(RESOURCES[kind], name)) as changes:
            async for _, obj in changes:
                last = status(obj).get("lastRequest") or {}
                if last.get("id") == id_:
                    return dict(last)
    except TimeoutError:
        pass
    raise FailedError(
        f"no answer to the request {id_} within {seconds:g} s; it still stands. Is the operator running? "
        f"kubectl get {kind} {name} -o jsonpath={{.status.lastRequest}}"
    )

"""Requests of a person: one annotation, signed with the caller's name, and the operator's answer to it."""

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
class Asked:
    """What a command asks for: its verb, and the kinds that know it, the one meant by a bare name first."""

    verb: Verb
    kinds: tuple[str, ...]
    help: str


ASKED: Final[Mapping[str, Asked]] = {
    "promote": Asked(Verb.PROMOTE, ("mld",), "on to the next step of a rollout, or with --full past all that remain"),
    "abort": Asked(Verb.ABORT, ("mld",), "back to the former version, without blame"),
    "pause": Asked(Verb.PAUSE, ("mld",), "hold a rollout where it is; a failing version is still rolled back"),
    "resume": Asked(Verb.RESUME, ("mld",), "leave a pause"),
    "retry": Asked(Verb.RETRY, ("mld", "mv"), "try an aborted version again, or a validation that failed"),
    "rollback": Asked(Verb.ROLLBACK, ("mld",), "back to the former version, or the one named, with blame"),
    "quarantine": Asked(Verb.QUARANTINE, ("mv",), "forbid a version's artifact in this namespace"),
    "release": Asked(Verb.RELEASE, ("mld", "mv"), "take a version's quarantine away"),
    "run": Asked(Verb.RUN, ("rp",), "train now"),
}


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    """A subcommand for each request."""
    for word, asked in ASKED.items():
        forms = " or ".join(f"{kind}/NAME" for kind in asked.kinds)
        parser = commands.add_parser(word, parents=[cluster], help=asked.help, description=asked.help)
        parser.add_argument("name", metavar="NAME", help=f"NAME, or {forms}; a bare name is {asked.kinds[0]}/NAME")
        if "mld" in asked.kinds:
            parser.add_argument("--version", help="7, v7 or a digest; whatever is under way if left out")
        if asked.verb is Verb.PROMOTE:
            parser.add_argument("--full", action="store_true", help="past all steps that remain; in the bake: end it")
        parser.add_argument("--no-wait", action="store_true", help="don't wait for the answer")
        parser.add_argument("--timeout", type=float, default=SECONDS, metavar="SECONDS", help="how long; default 30")
        parser.add_argument("-o", "--output", choices=FORMATS, help="print the answer as it stands in the status")
        parser.set_defaults(run=run)


def run(given: argparse.Namespace, console: Console) -> int:
    return asyncio.run(_ask(given, console))


async def _ask(given: argparse.Namespace, console: Console) -> int:
    kind, name = _object(given.name, ASKED[given.command])
    verb = Verb.PROMOTE_FULL if getattr(given, "full", False) else ASKED[given.command].verb
    obj, user = await asyncio.gather(console.kubectl.get(RESOURCES[kind], name), console.kubectl.whoami())
    about = getattr(given, "version", None) or target(verb, kind, obj)
    id_ = f"cli-{secrets.token_hex(5)}"
    request = f"{REQUEST_ANNOTATION}={verb} {about} {id_} {user}"
    await console.kubectl("annotate", "--overwrite", RESOURCES[kind], name, request)
    if given.no_wait:
        console.say(f"{verb} {about}: asked as {user}, with the id {id_}")
        return OK
    answer = await _answered(console.kubectl, kind, name, id_, given.timeout)
    if given.output:
        console.show(answer, given.output)
    else:
        color = "green" if answer["outcome"] == "Accepted" else "red"
        console.say(f"{verb} {about}: {console.paint(answer['outcome'], color)}: {answer.get('message', '')}")
    return OK if answer["outcome"] == "Accepted" else FAILED


def _object(text: str, asked: Asked) -> tuple[str, str]:
    """`mv/tumor-risk-v3` → (mv, tumor-risk-v3)."""
    kind, slash, name = text.rpartition("/")
    if slash and kind not in asked.kinds:
        raise UsageError(f"{text}: {asked.verb} is asked of {' or '.join(f'{k}/NAME' for k in asked.kinds)}")
    return kind or asked.kinds[0], name


def target(verb: Verb, kind: str, obj: Object) -> str:
    """What the request is about, by the object's status, so that it can't hit a version that came in between."""
    now = status(obj)
    if kind != "mld" or verb is Verb.RELEASE:
        return "-"
    number = now["rollout"]["to"]["version"] if now.get("rollout") else revision_version(now.get("held") or "")
    waits = now.get("rollout") or verb is Verb.RETRY
    return f"v{number}" if waits and number is not None else "-"


async def _answered(kubectl: Kubectl, kind: str, name: str, id_: str, seconds: float) -> dict[str, Any]:
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

"""A person's requests, such as `promote`: a Request signed with the caller's name, and the operator's answer."""

import argparse
import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from linnet.api.names import API_VERSION, GROUP, Verb
from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.cluster.objects import RESOURCES, Object, revision_version, status
from linnet.cli.console import FAILED, FORMATS, OK, Console, FailedError, UsageError

SECONDS: Final = 30.0
KINDS: Final = {"mld": "Deployment", "mv": "ModelVersion", "rp": "RetrainPolicy"}
_REQUESTS: Final = f"requests.{GROUP}"


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
        parser.add_argument("--reason", help="why, in words; it is kept with the decision")
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
    about = about_version(verb, kind, obj) if (said := getattr(options, "version", None)) is None else _version(said)
    asked = manifest(kind, name, verb, user, **about, **_reason(options.reason))
    made = await _create(console.kubectl, asked)
    shown = f"{verb} {_shown(about)}"
    if options.no_wait:
        console.say(f"{shown}: asked as {user}, by Request {made}")
        return OK
    answer = await _answer(console.kubectl, made, options.timeout)
    if options.output:
        console.show(answer, options.output)
    else:
        color = "green" if answer["outcome"] == "Accepted" else "red"
        console.say(f"{shown}: {console.paint(answer['outcome'], color)}: {answer.get('message', '')}")
    return OK if answer["outcome"] == "Accepted" else FAILED


def _shown(about: Mapping[str, Any]) -> str:
    return str(about.get("digest") or (f"v{about['version']}" if about else "-"))


def _reason(words: str | None) -> dict[str, str]:
    return {"reason": words} if words else {}


def manifest(kind: str, name: str, verb: str, user: str, **more: Any) -> dict[str, Any]:
    """A Request to create; `kind` is such as mld, and `more` its version or digest, and its reason."""
    spec = {"target": {"kind": KINDS[kind], "name": name}, "verb": verb, **more, "user": user}
    meta = {"generateName": f"{name}-{verb}-"}
    return {"apiVersion": API_VERSION, "kind": "Request", "metadata": meta, "spec": spec}


async def _create(kubectl: Kubectl, asked: Mapping[str, Any]) -> str:
    """The name that the API server gave the Request."""
    made = await kubectl("create", "-f", "-", "-o", "name", stdin=json.dumps(asked))
    return made.strip().rpartition("/")[2]


def _object(text: str, command: RequestCommand) -> tuple[str, str]:
    """Parses `mv/tumor-risk-v3` into (mv, tumor-risk-v3). UsageError for a kind that does not know the verb."""
    kind, slash, name = text.rpartition("/")
    if slash and kind not in command.kinds:
        raise UsageError(f"{text}: {command.verb} is asked of {' or '.join(f'{k}/NAME' for k in command.kinds)}")
    return kind or command.kinds[0], name


def about_version(verb: Verb, kind: str, obj: Object) -> dict[str, Any]:
    """The version that the request is about, by the object's status, so that it can't hit one that came in between."""
    now = status(obj)
    if kind != "mld" or verb is Verb.RELEASE:
        return {}
    number = now["rollout"]["to"]["version"] if now.get("rollout") else revision_version(now.get("held") or "")
    waits = now.get("rollout") or verb is Verb.RETRY
    return {"version": number} if waits and number is not None else {}


def _version(text: str) -> dict[str, Any]:
    """Parses `7`, `v7`, a digest, or `-` for whatever is under way. UsageError for others."""
    if text == "-":
        return {}
    if re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        return {"digest": text}
    if re.fullmatch(r"v?[1-9][0-9]{0,6}", text):
        return {"version": int(text.removeprefix("v"))}
    raise UsageError(f"--version {text}: write a number, such as 7 or v7, or a digest, sha256:…")


async def _answer(kubectl: Kubectl, name: str, seconds: float) -> dict[str, Any]:
    """The operator's answer to this Request. FailedError if there is none in time."""
    try:
        async with asyncio.timeout(seconds), aclosing(kubectl.watch(_REQUESTS, name)) as changes:
            async for _, obj in changes:
                if status(obj).get("outcome"):
                    return dict(status(obj))
    except TimeoutError:
        pass
    raise FailedError(
        f"no answer to Request {name} within {seconds:g} s; it still waits, for an hour. Is the operator running? "
        f"{' '.join(kubectl.command)} get req {name}; to withdraw it: {' '.join(kubectl.command)} delete req {name}"
    )

"""`linnet fetch`: the init container that brings an artifact into the pod, and says what it brought."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from linnet.api.parts.uri import Location
from linnet.fetcher import selfreport, tree
from linnet.fetcher.command import outcome
from linnet.fetcher.command.arguments import termination_log
from linnet.fetcher.command.log import Log
from linnet.fetcher.command.outcome import Document, Failure, Reason
from linnet.fetcher.command.supervisor import Supervisor
from linnet.fetcher.command.units import human
from linnet.fetcher.credentials import forget
from linnet.fetcher.location import check_credentials, location_of
from linnet.fetcher.order import Order, parse
from linnet.fetcher.sources.choice import open_source
from linnet.fetcher.sources.source import Item, Source
from linnet.fetcher.transfer import globs
from linnet.fetcher.transfer.archive import Unpacking, is_archive
from linnet.fetcher.transfer.download import Transfer, remaining
from linnet.fetcher.transfer.journal import Journal
from linnet.fetcher.transfer.progress import Progress
from linnet.fetcher.transfer.retry import Retry
from linnet.fetcher.transfer.space import Space
from linnet.fetcher.transfer.staging import Staging
from linnet.fetcher.tree import Tree

ADVICE = "raise spec.deadlines.fetch, or see the log for how fast it came"


def fetch(argv: list[str]) -> int:
    """Run the command, and report its outcome in the termination log.

    The exit code is 0 if it fetched, 1 if another start may succeed, 2 if a person must act.
    """
    os.umask(0o022)
    try:
        order = parse(argv, dict(os.environ))
    except Failure as failure:
        log = Log.knowing((), *argv)
        return Supervisor(log, termination_log(argv), 1, "the fetch", ADVICE).report(outcome.failed(failure))
    if order.credentials.owner != "ServiceAccount":
        forget(os.environ)
    log = Log.knowing(order.credentials.secrets, *argv)
    supervisor = Supervisor(log, termination_log(argv), order.deadline, "the fetch", ADVICE)
    return supervisor.run(lambda: bring(order, log))


def bring(order: Order, log: Log) -> Document:
    """Bring the artifact that was ordered, and return what is reported of it. Raises Failure."""
    started = time.monotonic()
    location = location_of(order.uri)
    check_credentials(location, order.credentials)
    staging = Staging(order.to)
    found = _already_there(order, log) or _brought(order, location, staging, log)
    return _fetched(order, found, time.monotonic() - started, log)


def _brought(order: Order, location: Location, staging: Staging, log: Log) -> Tree:
    log.say(f"fetching {location.told} to {order.to}")
    staging.make()
    folder = _downloaded(order, location, staging, log)
    found = tree.read(folder)
    if found.files == 0:
        raise Failure(Reason.EMPTY, f"{location.told} holds no file that spec.source.include names; see its patterns")
    if order.digest not in ("", found.digest):
        staging.discard()
        message = (
            f"{location.told} has digest {found.digest}, expected {order.digest}: it is not the artifact that was "
            "meant; find out who changed it, or change the digest"
        )
        raise Failure(Reason.DIGEST_MISMATCH, message)
    staging.publish(folder, {"uri": location.told, "digest": found.digest})
    return found


def _downloaded(order: Order, location: Location, staging: Staging, log: Log) -> Path:
    """Download and unpack; the folder that is returned holds the tree, complete but not yet published."""
    retry = Retry(log, order.attempts, order.pause)
    source = open_source(location, order)
    items = retry.call(location.told, source.items)
    archive = _is_one_archive(items, location)
    wanted = globs.matcher(order.include)
    chosen = items if archive else [item for item in items if wanted(item.path)]
    _check(items, chosen, location)
    _transfer(order, source, chosen, staging, retry)
    if not archive:
        return staging.download
    space = Space(order.to, order.limit)
    log.say(f"unpacking {items[0].path}")
    Unpacking(staging.unpacked, space, order.max_unpacked, wanted, location.told).run(staging.download / items[0].path)
    return staging.unpacked


def _transfer(order: Order, source: Source, items: Sequence[Item], staging: Staging, retry: Retry) -> None:
    staging.prune([item.path for item in items])
    journal = Journal(staging.journal)
    parts = remaining(items, staging.download, journal)
    sizes = [item.size for item in items]
    total = None if None in sizes else sum(item.size or 0 for item in items)
    missing = sum(_length(part.item, part.length) for part in parts)
    if total is not None and missing < total:
        retry.log.say(f"going on with an earlier run: {human(total - missing)} of {human(total)} are here")
    Space(order.to, order.limit).check(missing, "the artifact")
    progress = Progress(retry.log, total, 0 if total is None else total - missing)
    Transfer(source, staging.download, journal, progress, retry).run(parts)
    retry.log.say(progress.line())


def _length(item: Item, length: int) -> int:
    return length if item.resumable else item.size or 0


def _check(items: Sequence[Item], chosen: Sequence[Item], location: Location) -> None:
    if not items:
        raise Failure(Reason.NOT_FOUND, f"{location.told}: nothing is stored there; see bucket and path")
    if not chosen:
        names = ", ".join(item.path for item in items[:3])
        message = f"{location.told}: spec.source.include matches none of its {len(items)} files ({names}, …)"
        raise Failure(Reason.EMPTY, message)
    unsafe = next((item.path for item in chosen if not tree.is_safe(item.path)), None)
    if unsafe is not None:
        message = f"{location.told}: the name {unsafe!r} can't be stored safely; rename it"
        raise Failure(Reason.UNSAFE_PATH, message)


def _already_there(order: Order, log: Log) -> Tree | None:
    """The tree that an earlier run of this container left, None if it is not what is expected."""
    if not order.digest or not (order.to / tree.OWN / "fetched.json").is_file():
        return None
    found = tree.read(order.to)
    if found.digest != order.digest or found.strays:
        return None
    log.say(f"{order.to} already holds {found.digest}: nothing to fetch")
    return found


def _fetched(order: Order, found: Tree, took: float, log: Log) -> Document:
    report = selfreport.read(order.to)
    log.say(f"{found.files} files, {human(found.bytes)}, {found.digest}, in {took:.1f} s")
    result: Document = {
        "outcome": "Fetched",
        "digest": found.digest,
        "bytes": found.bytes,
        "files": found.files,
        "seconds": round(took, 3),
    }
    result |= {} if report.content is None else {"linnet": report.content}
    return result | ({"warning": report.warning} if report.warning else {})


def _is_one_archive(items: Sequence[Item], location: Location) -> bool:
    """Whether the URI itself names an archive: one that is the only file of a folder stays packed."""
    if len(items) != 1 or location.is_folder or not location.parts:
        return False
    return items[0].path == location.parts[-1] and is_archive(items[0].path)

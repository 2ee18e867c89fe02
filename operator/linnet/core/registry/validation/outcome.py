"""What became of a validation Job, read from its pods' containers.

The Job itself completes only after the sidecar's grace period, so the prober's own state is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from linnet.api.parts.conditions import Reason
from linnet.core.registry.validation import report, witness
from linnet.core.registry.validation.job import PROBE, TERMINAL_EXIT
from linnet.core.registry.validation.report import Report
from linnet.core.resources.objects import STUCK, ContainerState, JobView, Pod
from linnet.core.serving import images
from linnet.core.serving.pods import FETCH
from linnet.core.serving.server import SERVER
from linnet.foreign.text import last_words

MAX_SERVER_RESTARTS: Final = 2
"""A server that died so often while loading won't load."""
_REASONS: Final = {
    "NotFound": Reason.NOT_FOUND,
    "Forbidden": Reason.FORBIDDEN,
    "Unauthorized": Reason.FORBIDDEN,
    "CredentialsNotAllowed": Reason.FORBIDDEN,
    "DigestMismatch": Reason.DIGEST_MISMATCH,
    "LoadFailed": Reason.LOAD_FAILED,
    "ContractFailed": Reason.CONTRACT_FAILED,
}


@dataclass(frozen=True)
class Outcome:
    """How a validation stands: at most one of passed, failed, lost; `waiting` says what it waits for."""

    passed: Report | None = None
    loaded: bool = True
    """Whether the server was started."""
    image: str | None = None
    """The digest of the server's image, as far as the node tells it."""
    failed: tuple[Reason, str] | None = None
    lost: bool = False
    waiting: str = ""
    starts: bool = True
    """Whether its pod has begun, as far as anybody knows; without a node, or an image, it never does."""


def outcome(job: JobView, pods: Sequence[Pod], image: str, now: datetime) -> Outcome:
    """How the validation stands: the newest pod that is believed and has something to say decides.

    A Job's end may be told before its pod is: until it is settled, its absence says nothing. A Job that failed and left
    no pod was ended by a deadline, a drain or somebody, which is not the version's doing. `image` is Linnet's own.
    """
    if not witness.of_this_image(job, image):
        return Outcome(lost=True)
    pods_of_ours = witness.believed(job, pods, image)
    for pod in sorted(pods_of_ours, key=lambda p: p.meta.created.timestamp() if p.meta.created else 0, reverse=True):
        found = _of_pod(job, pod)
        if found is not None:
            return found
    if (doubt := witness.doubt(job, pods, image)) or not job.settled(now):
        return Outcome(waiting=doubt, starts=False)
    if job.failed is not None and pods_of_ours:
        return Outcome(failed=(Reason.LOAD_FAILED, f"the validation Job failed: {job.failed}."))
    return Outcome(lost=job.complete or job.failed is not None)


def _of_pod(job: JobView, pod: Pod) -> Outcome | None:
    fetched, probed = report.read(pod.container(FETCH)), report.read(pod.container(PROBE))
    if fetched is not None and fetched.outcome == "Fetched":
        if probed is not None and probed.outcome == "Validated":
            return Outcome(passed=fetched, image=_image(pod))
        if any(c.name == FETCH for c in pod.containers):
            return Outcome(passed=fetched, loaded=False)
    for said, reason in ((probed, Reason.LOAD_FAILED), (fetched, Reason.FETCH_FAILED)):
        if said is not None and said.outcome == "Failed":
            return _failure(job, pod, said, reason)
    server = pod.container(SERVER)
    if server is not None and server.restarts >= MAX_SERVER_RESTARTS:
        return Outcome(failed=(Reason.LOAD_FAILED, _server_died(server)))
    return _waiting(pod)


def _image(pod: Pod) -> str | None:
    server, program = pod.container(SERVER), pod.programs.get(SERVER)
    return images.digest_of_run(program.image, server.image_id) if server is not None and program is not None else None


def _failure(job: JobView, pod: Pod, said: Report, unnamed: Reason) -> Outcome:
    """`unnamed` is the reason where the report names none. After a pod that succeeded, nothing is tried again."""
    ended = [pod.container(FETCH), pod.container(PROBE)]
    terminal = any(c is not None and c.exit_code == TERMINAL_EXIT for c in ended)
    reason = _REASONS.get(said.reason, unnamed)
    server = pod.container(SERVER)
    detail = f" The server's last words: {last_words(server.message)}" if server and server.message else ""
    message = f"{said.message.rstrip('.')}.{detail}"
    if terminal or pod.phase == "Succeeded" or job.failed is not None:
        return Outcome(failed=(reason, message))
    return Outcome(waiting=f"{message} It is tried again.")


def _server_died(server: ContainerState) -> str:
    words = last_words(server.message, 600)
    killed = " (it needs more memory: raise the limit)" if server.last_terminated == "OOMKilled" else ""
    return f"the server ended {server.restarts} times while loading: {server.last_terminated}{killed}. {words}".strip()


def _waiting(pod: Pod) -> Outcome | None:
    if pod.unschedulable is not None:
        return Outcome(waiting=f"the validation pod can't be scheduled: {pod.unschedulable}", starts=False)
    stuck = next((c for c in (*pod.init_containers, *pod.containers) if c.waiting in STUCK), None)
    if stuck is not None:
        message = f"container {stuck.name} waits: {stuck.waiting}: {stuck.waiting_message}"
        return Outcome(waiting=message, starts=False)
    return Outcome() if pod.phase in {"Pending", "Running"} else None

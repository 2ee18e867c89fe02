"""Quarantined artifacts as a Deployment's status keeps them: a ModelVersion's own record goes with it, and its Model.

So who deletes a Model, and makes it anew, has released nothing: the entry is put on the new version, and is refused by
every Deployment of the namespace meanwhile.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from linnet.api.kinds.model_version import Decision, Quarantine
from linnet.api.parts.base import REASON_SIZE
from linnet.api.parts.conditions import past_or_none, time_or_none, timestamp
from linnet.core.registry.versions import Version
from linnet.core.resources.objects import Parent

RECORDED_AFTER: Final = timedelta(minutes=1)
"""A decision is on its version's record by then, after however many tries."""
_ANY: Final = "*"


@dataclass(frozen=True)
class QuarantinedArtifact:
    """An artifact that is refused even if its ModelVersion is deleted; `entry` is what that says, or said."""

    digest: str
    entry: Quarantine

    @property
    def line(self) -> str:
        """How the status has it."""
        e = self.entry
        return f"{self.digest} {e.template or _ANY} {e.revision} {e.time or _ANY} {e.reason}: {e.message}"[:1700]

    def is_owed(self, made: datetime | None, now: datetime) -> bool:
        """Whether a version that was made then must have the entry by now: it is younger than the failure, or the
        Deployment that saw it fail has had its time to record it. So it is, too, where a time is not known.
        """
        since = time_or_none(self.entry.time)
        return made is None or since is None or since < made or now - since > RECORDED_AFTER

    def is_released(self, versions: Iterable[Version], now: datetime) -> bool:
        """Whether a person released a version of this artifact since."""
        found = (d for v in versions if v.digest == self.digest for d in v.status.decisions or ())
        released = (past_or_none(d.time, now) for d in found if d.decision == "Released")
        since = time_or_none(self.entry.time)
        return any(since is None or time >= since for time in released if time is not None)


def kept(lines: Iterable[object], deployment: str, now: datetime) -> list[QuarantinedArtifact]:
    """What the status of this Deployment keeps; a line that can't be read is left out."""
    return [found for line in lines if (found := _artifact(str(line), deployment, now)) is not None]


def kept_by(deployments: Iterable[Parent], now: datetime) -> list[QuarantinedArtifact]:
    """What these Deployments keep together."""
    return [found for d in deployments for found in kept(d.status.get("quarantine") or (), d.name, now)]


def again(artifact: QuarantinedArtifact) -> Decision:
    """The decision by which a version that was made anew is as refused as the one that was deleted."""
    entry = artifact.entry
    which = entry.revision or artifact.digest.removeprefix("sha256:")
    said = f"it failed as {entry.revision}" if entry.revision else "a person quarantined it"
    return Decision(
        id=f"kept-{which}"[:64],
        deployment=entry.deployment,
        revision=entry.revision,
        decision="Quarantined",
        by="spec",
        reason=entry.reason,
        message=f"{said}, and it was not released",
    )


def _artifact(line: str, deployment: str, now: datetime) -> QuarantinedArtifact | None:
    try:
        digest, template, revision, time, why = line.split(" ", 4)
        reason, _, message = why.partition(": ")
        entry = Quarantine(
            template=None if template == _ANY else template,
            deployment=deployment,
            revision=revision,
            reason=reason[:REASON_SIZE],
            message=message[:1024],
            time=_in_the_past(time, now),
        )
    except ValueError:
        return None
    return QuarantinedArtifact(digest, entry)


def _in_the_past(time: str, now: datetime) -> str | None:
    """When it failed, and now for what is no time, or still to come: no release would ever come after it."""
    known = past_or_none(time, now)
    return None if time == _ANY else time if known is not None else timestamp(now)

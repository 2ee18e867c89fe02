"""Names that clients write, too. Nothing needs to be installed for them: the command line runs on any Python."""

from enum import StrEnum
from typing import Final

GROUP: Final = "linnet.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"


class Verb(StrEnum):
    """What a person can ask for, in Argo Rollouts' words; RBAC grants each as a verb on the target."""

    PROMOTE = "promote"
    PROMOTE_FULL = "promote-full"
    RESUME = "resume"
    PAUSE = "pause"
    ABORT = "abort"
    RETRY = "retry"
    ROLLBACK = "rollback"
    APPROVE = "approve"
    REJECT = "reject"
    QUARANTINE = "quarantine"
    RELEASE = "release"
    RUN = "run"


SAFETY: Final = frozenset({Verb.ABORT, Verb.ROLLBACK, Verb.PAUSE})
"""The requests that stop something: they are obeyed before all others that wait."""
VERBS: Final = {
    "Deployment": (
        Verb.PROMOTE,
        Verb.PROMOTE_FULL,
        Verb.RESUME,
        Verb.PAUSE,
        Verb.ABORT,
        Verb.RETRY,
        Verb.ROLLBACK,
        Verb.RELEASE,
    ),
    "ModelVersion": (Verb.RETRY, Verb.QUARANTINE, Verb.RELEASE, Verb.APPROVE, Verb.REJECT),
    "RetrainPolicy": (Verb.RUN,),
}
"""Maps a kind to what can be asked of it."""

"""Names that clients write, too. Nothing needs to be installed for them: the command line runs on any Python."""

from enum import StrEnum
from typing import Final

GROUP: Final = "linnet.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

REQUEST_ANNOTATION: Final = f"{GROUP}/request"


class Verb(StrEnum):
    """What a person can ask for, in Argo Rollouts' words; RBAC grants each as a verb on the object."""

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


URGENT: Final = frozenset({Verb.ABORT, Verb.ROLLBACK, Verb.PAUSE})
"""The requests that need not wait until the former one was answered."""

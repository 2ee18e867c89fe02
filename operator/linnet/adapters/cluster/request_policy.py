"""People's requests can be believed if the API server refuses a forged one, and that is tried here.

Whoever may edit an object may set its annotations. Only the ValidatingAdmissionPolicy makes the username in
`linnet.dev/request` true, and a platform may have removed the policy, or bound it to other namespaces.
"""

from collections.abc import Callable
from typing import Final

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ForbiddenError, InvalidError
from linnet.adapters.cluster.kube import Kube
from linnet.api.names import API_VERSION, REQUEST_ANNOTATION
from linnet.core.plan import Manifest

KEPT_SECONDS: Final = 300.0
FORGED: Final = "release - forged-by-linnet somebody-else"


class RequestPolicy:
    """It asks at most once in five minutes for each namespace. `clock` is a monotonic time in seconds."""

    def __init__(self, kube: Kube, clock: Callable[[], float]) -> None:
        self._kube = kube
        self._clock = clock
        self._proven: dict[str, float] = {}

    async def proven(self, namespace: str) -> bool:
        """Say whether an admission policy refuses a forged request. Errors of `cluster.errors` pass through."""
        if self._clock() - self._proven.get(namespace, -KEPT_SECONDS) < KEPT_SECONDS:
            return True
        if not await self._refused(namespace):
            self._proven.pop(namespace, None)
            return False
        self._proven[namespace] = self._clock()
        return True

    async def _refused(self, namespace: str) -> bool:
        try:
            await self._kube.create(resources.MODEL_VERSION, forged(namespace), dry_run=True)
        except (ForbiddenError, InvalidError) as error:
            return "ValidatingAdmissionPolicy" in str(error) and f"{REQUEST_ANNOTATION}: " in str(error)
        return False


def forged(namespace: str) -> Manifest:
    """Return a ModelVersion that is sound but for its request. It is never stored: the call is a dry run."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelVersion",
        "metadata": {
            "name": "linnet-probe-v1",
            "namespace": namespace,
            "annotations": {REQUEST_ANNOTATION: FORGED},
        },
        "spec": {
            "model": {"name": "linnet-probe"},
            "version": 1,
            "format": {"name": "custom"},
            "source": {"uri": "s3://linnet/probe", "digest": f"sha256:{'0' * 64}"},
            "runtime": {
                "name": "custom",
                "image": "linnet.invalid/probe",
                "ports": {"http": 8080},
                "protocol": "http",
                "readyPath": "/ready",
            },
            "origin": {"type": "Import"},
        },
    }

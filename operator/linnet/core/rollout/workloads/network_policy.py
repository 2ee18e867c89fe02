"""A pod that has its artifact answers, and asks nobody: a NetworkPolicy denies egress to pods with one label.

The label follows the pod: it comes once the artifact is fetched, and the pod waits for it before it loads the model. It
goes while the artifact is fetched anew, as after a reboot of its node. Policies add up, so that a namespace allows what
its models need by one of its own.
"""

from collections.abc import Iterator

from linnet.api.labels import LOADED
from linnet.core.plan import Action, Apply, Patch
from linnet.core.resources.objects import Pod
from linnet.core.rollout.context import Context
from linnet.core.serving import revision as serving
from linnet.core.serving.pods import FETCH


def actions(context: Context) -> Iterator[Action]:
    """The policy, and the pods whose label is not as it should be; no label at all where the platform allows egress."""
    deny = context.observed.platform.deny_egress
    if deny and not any(
        o[:2] == ("NetworkPolicy", serving.egress_name(context.owner)) for o in context.observed.others
    ):
        yield Apply(serving.no_egress(context.owner))
    for pod in context.observed.pods:
        carried = LOADED in pod.meta.labels
        if not pod.meta.deleting and carried != (deny and _loaded(pod, carried=carried)):
            yield _label(pod, None if carried else "true")


def _loaded(pod: Pod, *, carried: bool) -> bool:
    """Fetched is as good as loaded: nothing else of the pod needs a connection. Unknown stays what it was."""
    fetch = pod.container(FETCH)
    fetched = fetch is not None and fetch.exit_code == 0
    return pod.ready or fetched or (carried and (fetch is None or fetch.exit_code is not None))


def _label(pod: Pod, value: str | None) -> Patch:
    return Patch("v1", "Pod", pod.meta.name, pod.meta.uid, {"metadata": {"labels": {LOADED: value}}}, optional=True)

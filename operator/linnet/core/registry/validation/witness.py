"""Which pods of a validation are believed: those that run what their Job says, fetcher and prober in Linnet's image.

A pod can name any Job as what made it. What it reports becomes the digest, the metrics and the lineage of a version.
The image of its server is not compared: mirrors put other names there.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Final

from linnet.api.labels import COMPONENT
from linnet.core.registry.validation.job import PROBE
from linnet.core.resources.objects import JobView, Pod, Program
from linnet.core.serving import images
from linnet.core.serving.pods import FETCH
from linnet.foreign.text import printable

_OWN: Final = (FETCH, PROBE)
_LOADERS: Final = ("PYTHON", "LD_", "PATH", "AWS_ENDPOINT_URL")
"""Beginnings of variables by which Linnet's image would run other code, or ask another store. Clouds add others."""
_PROGRAMS: Final = tuple(
    PurePosixPath(path) for path in ("/bin", "/etc/ld.so.preload", "/lib", "/lib64", "/opt", "/sbin", "/usr")
)
"""Where Linnet's image has what it runs. Webhooks mount tokens and certificates elsewhere."""


def of_this_image(job: JobView, image: str) -> bool:
    """Whether the Job's fetcher is this image: another release's, or a stranger's, is made anew."""
    fetch = job.programs.get(FETCH)
    return fetch is not None and images.same(image, fetch.image)


def believed(job: JobView, pods: Sequence[Pod], image: str) -> tuple[Pod, ...]:
    """The pods of the Job that run what it says, in Linnet's own image."""
    return tuple(p for p in pods if p.meta.owner == job.meta.uid and next(_doubts(job, p, image), None) is None)


def doubt(job: JobView, pods: Sequence[Pod], image: str) -> str:
    """Why a pod of the Job is not believed, as a sentence; empty if there is none such."""
    return next((d for p in pods if p.meta.owner == job.meta.uid for d in _doubts(job, p, image)), "")


def _doubts(job: JobView, pod: Pod, image: str) -> Iterator[str]:
    for name in (*job.programs, *(own for own in _OWN if own not in job.programs)):
        wanted, found = job.programs.get(name), pod.programs.get(name)
        if wanted is None and found is None:
            continue
        if wanted is None or found is None or wanted.told != found.told:
            yield f"container {name} of pod {pod.meta.name} is not what its Job says: what it reports is not believed"
        elif (other := _given_otherwise(wanted, found, own=name in _OWN)) is not None:
            yield (
                f"container {name} of pod {pod.meta.name} has another {printable(other)} than its Job says: what it "
                "reports is not believed. Where a webhook puts it there, have it leave out pods labeled "
                f"{COMPONENT}=validation"
            )
        elif name in _OWN and not images.same(image, found.image):
            yield (
                f"container {name} of {pod.meta.name} runs {printable(found.image)}, and Linnet's image is {image}; "
                "what it reports is not believed. Where a webhook puts another name there, give Linnet's by its digest"
            )


def _given_otherwise(wanted: Program, found: Program, *, own: bool) -> str | None:
    """A variable or mount that is not as the Job says, or that would change what Linnet's `own` program does."""
    changed = (k for k, v in wanted.variables.items() if found.variables.get(k) != v)
    moved = (k for k, v in wanted.mounts.items() if found.mounts.get(k) != v)
    loaders = (k for k in found.variables if own and k not in wanted.variables and k.startswith(_LOADERS))
    covering = (k for k in found.mounts if k not in wanted.mounts and _covers(k, wanted, own=own))
    for what, names in (("variable", (*changed, *loaders)), ("mount", (*moved, *covering))):
        if names:
            return f"{what} {names[0]}"
    return None


def _covers(path: str, wanted: Program, *, own: bool) -> bool:
    """Whether a mount that was added hides files that the Job mounts, or of which Linnet's image consists."""
    added = _absolute(path)
    known = (*map(_absolute, wanted.mounts), *(_PROGRAMS if own else ()))
    return any(added.is_relative_to(each) or each.is_relative_to(added) for each in known)


def _absolute(path: str) -> PurePosixPath:
    """As the runtime takes it: from the root, whatever dots it has.

    >>> _absolute("run/../opt/x")
    PurePosixPath('/opt/x')
    """
    return PurePosixPath(normpath(f"/{path.lstrip('/')}"))

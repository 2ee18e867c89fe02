"""Which pods of a validation are believed: their fetcher and prober are Linnet's own image, told what their Job says.

A pod can name any Job as what made it. What it reports becomes the digest, the metrics and the lineage of a version.
"""

from collections.abc import Iterator, Sequence

from linnet.core.registry.validation.job import PROBE
from linnet.core.resources.objects import JobView, Pod
from linnet.core.serving import images
from linnet.core.serving.pods import FETCH
from linnet.foreign.text import printable


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
    for name in (FETCH, PROBE):
        wanted, found = job.programs.get(name), pod.programs.get(name)
        if wanted is None and found is None:
            continue
        if wanted is None or found is None or wanted.told != found.told:
            yield f"container {name} of pod {pod.meta.name} is not what its Job says: what it reports is not believed"
        elif not images.same(image, found.image):
            yield (
                f"container {name} of {pod.meta.name} runs {printable(found.image)}, and Linnet's image is {image}; "
                "what it reports is not believed. Where a webhook puts another name there, give Linnet's by its digest"
            )

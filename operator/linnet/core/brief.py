"""A status that the API server refuses is written with less in it: the decision is what must not be lost.

Sentences can be too long for a bound, and lists for the object; what a decision needs is short.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from linnet.core.plan import Manifest

_SENTENCES: Final = frozenset({"message"})
_SHORT: Final = 128
_OPTIONAL: Final = frozenset({"checks", "versions", "metrics", "lineage"})


def briefer(status: Manifest) -> Iterator[Manifest]:
    """The status with short sentences and without optional lists; then without any sentence.

    >>> [*briefer({"rollout": {"phase": "RollingBack", "message": "!" * 500, "checks": [1]}})][1]
    {'rollout': {'phase': 'RollingBack', 'message': ''}}
    """
    for longest in (_SHORT, 0):
        yield {key: _brief(value, longest) for key, value in status.items() if key not in _OPTIONAL}


def _brief(value: Any, longest: int) -> Any:
    if isinstance(value, Mapping):
        kept = {k: v for k, v in value.items() if k not in _OPTIONAL}
        return {
            k: v[:longest] if k in _SENTENCES and isinstance(v, str) else _brief(v, longest) for k, v in kept.items()
        }
    return [_brief(v, longest) for v in value] if isinstance(value, list) else value

"""kopf without a memory: it can put nothing on an object, and spends nothing on what it would have put there.

Its own storages copy every object deeply at every event, to find changes that nothing here asks for.
"""

from typing import Any

import kopf
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory


class NoDiffBase(kopf.DiffBaseStorage):
    """Every object looks the same as before."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def store(self, **_: Any) -> None:
        """Nothing is kept."""


class NoProgress(kopf.ProgressStorage):
    """No handler has a progress: all of them are event handlers."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        """Nothing is kept."""

    def purge(self, **_: Any) -> None:
        """Nothing was kept."""

    def touch(self, **_: Any) -> None:
        """Nothing is kept."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


class NoMemories(ResourceMemories):
    """Nothing is remembered of an object after its event: kopf's own keeps a record of each for as long as it lives."""

    async def recall(self, raw_body: Any, **how: Any) -> ResourceMemory:
        return await super().recall(raw_body, **{**how, "ephemeral": True})

"""`python -m demo`: prepare the place, play the story, account for every request, write summary and report."""

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from demo import report
from demo.acts import possible
from demo.curves import curves, policy_of
from demo.episodes import Episode, Rollout, condemned, episodes, rollouts, troubles
from demo.facts import Fact
from demo.ledger import Accounted, account
from demo.live import Live
from demo.place import Examples, empty_namespace, find, install
from demo.settings import NAMESPACE, Place, Settings, SettingsError, environment, settings
from demo.stage import Stage, StoryError
from demo.story import Story
from demo.summary import summary
from demo.view import tree
from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.cluster.processes import CommandError
from linnet.cli.views.screen import Screen, screen

TOLD = frozenset({"validation", "started", "weight", "routing", "decision", "quarantine", "run", "ended"})
"""Facts that become a line."""
WITH_TREE = frozenset({"routing", "decision"})
"""Facts after which the tree is printed where it is not live."""
REFRESH = 1.0


@dataclass
class Show:
    """The demo as it is performed."""

    settings: Settings
    screen: Screen
    stage: Stage = field(default_factory=Stage)
    seconds: dict[str, float] = field(default_factory=dict)
    gateway: bool = True

    def __post_init__(self) -> None:
        self.live = Live(self.stage)
        self.stage.listeners.append(self._tell)

    def _tell(self, fact: Fact) -> None:
        if fact.topic in TOLD and fact.data.get("real") != 0:
            self.screen.say(fact.text)
        if fact.topic in WITH_TREE:
            self.screen.plain(tree(self.live.snapshot(), colors=False))

    async def run(self) -> int:
        """The exit code: 0 if every episode ended as it should, and no request failed for another reason."""
        began = time.time()
        story: Story | None = None
        problems: list[str] = []
        drawing = asyncio.create_task(self._draw())
        try:
            story = await self._prepare()
            await self._timed("story", story.play())
        except (StoryError, CommandError) as error:
            problems.append(str(error))
        finally:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)
        if story is None:
            self.screen.say(problems[0])
            return 1
        await story.close()
        self.seconds["total"] = time.time() - began
        return self._conclude(story, problems)

    async def _prepare(self) -> Story:
        place = await self._timed("cluster and images", find(self.settings, self.screen.say))
        self.gateway = place.front is not None
        kubectl = Kubectl(NAMESPACE, place.kubeconfig, place.tools)
        examples = Examples(place)
        self.screen.say("helm upgrade --install linnet charts/linnet")
        await self._timed(
            "installation",
            asyncio.gather(install(kubectl, place.images), self._set_out(kubectl, examples, place)),
        )
        return Story(self.stage, kubectl, examples, self.settings, self.screen.say, self.live.settle)

    async def _set_out(self, kubectl: Kubectl, examples: Examples, place: Place) -> None:
        """The namespace, and in it the training of the first versions: it needs no operator."""
        await empty_namespace(kubectl, examples, place)
        self.screen.say("a Job trains six versions and puts them into the store")
        await kubectl.apply(examples("training-job"))

    async def _timed(self, name: str, what: Any) -> Any:
        began = time.time()
        try:
            return await what
        finally:
            self.seconds[name] = time.time() - began

    async def _draw(self) -> None:
        while self.screen.live:
            await asyncio.sleep(REFRESH)
            with contextlib.suppress(KeyError):
                self.screen.draw(tree(self.live.snapshot(), colors=True))

    def _conclude(self, story: Story, problems: list[str]) -> int:
        found = rollouts(self.stage.facts)
        rows = account(self.stage.batches.requests, self.stage.answers(), condemned(found))
        decisions = {n: (v.get("status") or {}).get("decisions") or [] for n, v in self.stage.versions.items()}
        told = episodes(story.acts, found, rows, decisions)
        problems += troubles(told, self.stage.batches.complete, possible(gateway=self.gateway))
        self._write(told, rows, problems, found)
        for episode in told:
            self.screen.say(line_of(episode))
        failed = [r for r in rows if r.failure]
        self.screen.say(
            f"{len(rows):,} client requests; {len(failed)} failed, {sum(r.planted for r in failed)} by the bug"
        )
        for problem in problems:
            self.screen.say(f"FAILED: {problem}")
        self.screen.say(f"summary: {self.settings.out / 'summary.json'}")
        self.screen.say(f"report:  {self.settings.out / 'report.html'}")
        self.screen.close()
        return 1 if problems else 0

    def _write(self, told: list[Episode], rows: list[Accounted], problems: list[str], found: list[Rollout]) -> None:
        self.settings.out.mkdir(parents=True, exist_ok=True)
        text = summary(told, rows, problems, self.seconds)
        (self.settings.out / "summary.json").write_text(json.dumps(text, indent=2) + "\n")
        policy = policy_of(self.stage.deployment.get("spec", {}).get("analysis", {"checks": []}))
        drawn = [curve for r in found if r.traffic for curve in curves(policy, r, rows)]
        page = report.page(text, told, rows, self.stage.facts, self.stage.began, drawn)
        (self.settings.out / "report.html").write_text(page)


def line_of(episode: Episode) -> str:
    """One episode in a line."""
    mark = "ok " if episode.as_expected and not episode.unexpected else "BAD"
    parts = [f"{mark} {episode.act.expected.name}: {episode.act.outcome} {episode.act.reason}".rstrip()]
    if episode.canary_requests is not None:
        parts.append(f"after {episode.canary_requests} canary requests")
    if (seconds := episode.seconds.get("fromFirstBadAnswerToRoutingChange")) is not None:
        parts.append(f"{seconds} s from the first bad answer to the routing change")
    if episode.split is not None:
        parts.append(f"{episode.split.measured} % of the requests at weight {episode.split.weight}")
    failed = sum(episode.failed.values())
    parts.append(f"{episode.requests:,} client requests, {failed} failed")
    return ", ".join(parts)


def main() -> int:
    try:
        wanted = settings(sys.argv[1:], environment())
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    stage = screen(plain=wanted.plain)
    try:
        return asyncio.run(Show(wanted, stage).run())
    except KeyboardInterrupt:
        return 130
    finally:
        stage.close()


if __name__ == "__main__":
    sys.exit(main())

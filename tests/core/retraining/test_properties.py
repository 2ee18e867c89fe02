"""Any sequence of things that happen to a policy: looking again changes nothing, and no rule of admission is broken."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from builders_retrain import NOW, World, claim, model, standing
from linnet.api.parts.base import parse_duration
from linnet.core.requests.answers import LIFETIME

pytestmark = pytest.mark.rollouts

COOLDOWNS = st.sampled_from([None, "3m", "1h"])
BUDGETS = st.sampled_from([None, {"runs": 2, "per": "30m"}])
MENDED: dict[str, Any] = {"pauseAfterRejections": None}
WRONG: dict[str, Any] = {"pauseAfterRejections": 2}


class Retraining(RuleBasedStateMachine):
    """A policy that is due every minute, its people, its Jobs, and an operator that looks when it looks."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World = standing("* * * * *", days=1)
        self.now: datetime = NOW
        self.requests = 0
        self.looked = True
        self.started: list[datetime] = []

    @rule(minutes=st.integers(1, 20))
    def time_passes(self, minutes: int) -> None:
        """The CronJob makes at most one Job, and none while one of its own stands: Forbid."""
        self.now += timedelta(minutes=minutes)
        cron, world = self.world.cron, self.world
        unfinished = [n for n in (*world.active(), *world.suspended()) if n.startswith("weekly-retrain-")]
        if cron is not None and not cron["spec"]["suspend"] and not unfinished:
            self.world = world.due(self.now)

    @rule()
    def operator_looks(self) -> None:
        """One reconcile, all of it done."""
        self._becomes(self.world.look(self.now))
        self.looked = True

    def _becomes(self, world: World) -> None:
        """Whatever was started now was allowed: a minute's grace, since cron keeps minutes."""
        for job in set(world.active()) - set(self.world.active()):
            if job.startswith("weekly-retrain-"):
                self._was_allowed(self.now + timedelta(minutes=1))
            self.started.append(self.now)
        self.world = world

    def _was_allowed(self, now: datetime) -> None:
        spec = self.world.spec
        assert "suspend" not in spec
        assert "pauseAfterRejections" not in spec
        assert self.world.model is not None
        if self.started and "cooldown" in spec:
            assert now - self.started[-1] >= parse_duration(spec["cooldown"])
        if "budget" in spec:
            window = now - parse_duration(spec["budget"]["per"])
            assert sum(at > window for at in self.started) < spec["budget"]["runs"]

    @rule()
    def operator_dies_before_it_writes_the_status(self) -> None:
        """The actions are done, their record is lost."""
        self._becomes(replace(self.world.look(self.now), status=self.world.status))
        self.looked = False

    @rule(seed=st.sampled_from("abc"), good=st.booleans())
    def run_ends(self, seed: str, good: bool) -> None:
        for job in self.world.active():
            self.world = self.world.completes(job, claim(seed) if good else "oops", self.now)

    @rule()
    def run_fails(self) -> None:
        for job in self.world.active():
            self.world = self.world.fails(job, at=self.now, exitCode=1, reason="Error")

    @rule()
    def job_is_deleted(self) -> None:
        """A run that was never written down leaves no trace with its Job: nobody can count it any more."""
        recorded = {run["job"] for run in self.world.status.get("runs") or ()}
        for job in self.world.active():
            if job not in recorded and self.started:
                self.started.pop()
            self.world = self.world.loses(job)

    @rule(cooldown=COOLDOWNS, budget=BUDGETS, suspend=st.booleans())
    def person_edits(self, cooldown: str | None, budget: dict[str, Any] | None, suspend: bool) -> None:
        self.world = self.world.edit(cooldown=cooldown, budget=budget, suspend=suspend or None)

    @rule(change=st.sampled_from([MENDED, WRONG]))
    def person_breaks_or_mends(self, change: dict[str, Any]) -> None:
        self.world = self.world.edit(**change)

    @rule()
    def person_drops_the_schedule(self) -> None:
        self.world = self.world.edit(triggers=[])

    @rule()
    def person_brings_it_back(self) -> None:
        self.world = self.world.weekly("* * * * *")

    @rule(there=st.booleans())
    def model_comes_and_goes(self, there: bool) -> None:
        self.world = replace(self.world, model=model() if there else None)

    @rule()
    @precondition(lambda self: self.looked and not self.world.asked)
    def person_asks(self) -> None:
        self.requests += 1
        self.world = self.world.asks(f"run - {self.requests} alice", self.now)

    @invariant()
    def at_most_one_runs(self) -> None:
        assert len(self.world.active()) <= 1

    @invariant()
    def looking_again_changes_nothing(self) -> None:
        """Once its plan is done, the next one is empty."""
        world = self.world.look(self.now)
        again = world.plan(self.now)
        assert again.actions == ()
        assert again.status is not None
        assert again.status.wire() == world.status

    @invariant()
    def no_suspended_job_stays_undecided(self) -> None:
        assert self.world.look(self.now).suspended() == []

    @invariant()
    def every_run_has_at_most_one_version(self) -> None:
        origins = [v["spec"]["origin"]["job"] for v in self.world.versions.values()]
        assert len(origins) == len(set(origins))
        digests = [v["spec"]["source"]["digest"] for v in self.world.versions.values()]
        assert len(digests) == len(set(digests))

    @invariant()
    def the_record_is_bounded_and_has_each_job_once(self) -> None:
        jobs = [r.job for r in self.world.runs]
        assert len(jobs) <= 20
        assert len(jobs) == len(set(jobs))

    @invariant()
    def a_job_that_was_refused_is_gone(self) -> None:
        refused = {r.job for r in self.world.runs if r.outcome == "Refused"}
        assert not refused & set(self.world.active())

    @invariant()
    def a_request_is_answered_at_the_next_look(self) -> None:
        """But for one that nobody has looked at within an hour."""
        world = self.world.look(self.now)
        assert len(world.answers) + len(world.asked) == self.requests
        assert all(self.now - r.created > LIFETIME for r in world.asked)


TestRetraining = Retraining.TestCase
TestRetraining.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)

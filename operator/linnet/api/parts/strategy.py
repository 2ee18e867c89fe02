"""The strategy by which a new version is brought to traffic, in Argo Rollouts' words: canary, steps, bake, hooks."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from linnet.api.parts.base import (
    AS_SET,
    Duration,
    Name,
    Token,
    Wire,
    keyed_by,
    rules,
)

_MOST_STEPS: Final = 32
_INDEXES: Final = str(list(range(_MOST_STEPS)))
STEPS: Final = "self.strategy.canary.steps"
HAS_NO_STEPS: Final = "!has(self.strategy) || !has(self.strategy.canary) || !has(self.strategy.canary.steps)"


def numeral(number: str) -> str:
    """A number from 0 to 100 as text, in words of CEL; of what `string` yields the API server can't bound the cost."""
    digits = "'0123456789'.substring({0}, {0} + 1)"
    tens, ones = digits.format(f"{number} / 10"), digits.format(f"{number} % 10")
    return f"({number} == 100 ? '100' : ({number} < 10 ? '' : {tens}) + {ones})"


def first_step(wrong: str, told: str, steps: str = STEPS) -> str:
    """What is told of the first step of which `wrong` holds, in words of CEL, after a place such as steps[1].

    A rule's fieldPath can't say which item of a list is to blame. In `wrong` and `told` the step is {s}, its index i.
    """
    here = f"{_INDEXES}.filter(i, i < {steps}.size() && ({wrong.format(s=f'{steps}[i]')}))"
    return f"{here}.map(i, 'steps[' + {numeral('i')} + ']' + {told.format(s=f'{steps}[i]')})[0]"


def no_step(wrong: str, steps: str = STEPS) -> str:
    """The rule that `wrong` holds of no step."""
    return f"!{steps}.exists(s, {wrong.format(s='s')})"


Weight = Annotated[int, Field(ge=0, le=100)]


class Pause(Wire):
    """Waits for a person, or for maxTime at most."""

    model_config = {
        "json_schema_extra": rules(
            ("!has(self.onExpiry) || has(self.maxTime)", "onExpiry goes with maxTime", ".onExpiry"),
        )
    }

    max_time: Duration | None = None
    """The longest that the pause lasts; if left out, it lasts until a person resumes or promotes."""
    on_expiry: Literal["Promote", "RollBack", "Hold"] | None = None
    """What follows maxTime: Promote (if left out: on to the next step), RollBack, or Hold."""


class Analyze(Wire):
    """Holds the weight until every check has passed, and at least this long."""

    for_: Annotated[Duration, Field(alias="for")]
    """The least time under observation."""
    checks: Annotated[list[Name], Field(min_length=1, max_length=16, json_schema_extra=AS_SET)] | None = None
    """The checks that must pass; all if left out. Any check that fails rolls back."""


class Mirror(Wire):
    """Sends the canary a copy of the traffic, and drops its answers."""

    percent: Annotated[int, Field(ge=1, le=100)]
    """The share of the requests that is copied, in percent."""


class HeaderMatch(Wire):
    """A header by which requests go to the canary."""

    name: Token
    """The header's name."""
    exact: Token
    """The header's value."""


class Step(Wire):
    """One step of a canary: exactly one field."""

    model_config = {
        "json_schema_extra": rules(
            (
                "[has(self.setWeight), has(self.pause), has(self.analyze), has(self.mirror), "
                "has(self.matchHeaders), has(self.setReplicas)].exists_one(x, x)",
                "a step has exactly one of setWeight, pause, analyze, mirror, matchHeaders, setReplicas",
            )
        )
    }

    set_weight: Weight | None = None
    """The share of requests that the canary gets, in percent. Left out where the step is another one."""
    pause: Pause | None = None
    """Waits for a person, or for a time. Left out where the step is another one."""
    analyze: Analyze | None = None
    """Waits until the checks have passed. Left out where the step is another one."""
    mirror: Mirror | None = None
    """Copies traffic to the canary; needs a gateway. Left out where the step is another one."""
    match_headers: (
        Annotated[list[HeaderMatch], Field(min_length=1, max_length=8, json_schema_extra=keyed_by("name"))] | None
    ) = None
    """Sends a fixed cohort to the canary; needs a gateway. Left out where the step is another one."""
    set_replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    """The number of canary pods, apart from the weight; needs a gateway. Left out where the step is another one."""


class Bake(Wire):
    """The time after promotion in which the former version stays as comparator, and rollback stays possible."""

    time: Duration | None = None
    """How long the bake lasts; 10m if left out, 0s for none."""
    holdback_percent: Annotated[int, Field(ge=0, le=50)] | None = None
    """The former version's share (at least one pod); 5 if left out, 0 with blueGreen. 0: absolute bounds only."""


HookPoint = Literal["PreRollout", "ConfirmPromotion", "PostRollout"]


class Hook(Wire):
    """Somebody outside who is asked, or told, about each rollout. It can delay a rollout, and never a rollback."""

    name: Name
    """The hook's name in conditions and records."""
    at: HookPoint
    """PreRollout: asked when the new pods are ready, before any of them gets a request. ConfirmPromotion: asked when
    all steps are done, before the promotion. PostRollout: told how it ended; the answer changes nothing."""
    endpoint: Name
    """An endpoint that the platform named (Helm value hooks.endpoints); an address can't be written here."""


OnNewVersion = Literal["Queue", "Supersede", "Reject"]
StrategyType = Literal["Canary", "BlueGreen", "AllAtOnce"]


_LESS: Final = (
    f"has({{s}}.setWeight) && {_INDEXES}.exists(j, j < i && has(self.steps[j].setWeight) && "
    "self.steps[j].setWeight > {s}.setWeight)"
)
_NEVER_LESS: Final = (
    f"'.setWeight: ' + {numeral('{s}.setWeight')} + ' is less than a step before has: weights never decrease; a canary "
    "that should get less is rolled back'"
)


class Canary(Wire):
    """Traffic moves step by step, and the new version is judged beside the former one."""

    model_config = {
        "json_schema_extra": rules(
            (
                "!has(self.steps) || self.steps.filter(s, has(s.setWeight)).map(s, s.setWeight).isSorted()",
                "the weights of the steps never decrease: a canary that should get less is rolled back",
                ".steps",
                first_step(_LESS, _NEVER_LESS, "self.steps"),
            ),
            (
                "!has(self.steps) || self.steps.size() > 0",
                "a canary without steps would get all traffic unjudged: leave steps out for those of the default, "
                "or write strategy allAtOnce",
                ".steps",
            ),
        )
    }

    steps: Annotated[list[Step], Field(max_length=_MOST_STEPS)] | None = None
    """What happens one after the other. If left out: 10 % for 2m under analysis, then 50 % for 2m."""


class BlueGreen(Wire):
    """All pods wait behind `<name>-preview` for a person, then all traffic moves; stable's pods stay for the bake."""

    auto_promote: bool | None = None
    """Traffic moves when all pods are ready. If left out, or false, it waits for the request `promote`: a preview that
    nobody has looked at is no preview. (Argo Rollouts' autoPromotionEnabled is true by default.)"""


class AllAtOnce(Wire):
    """All pods start beside stable's without traffic, then all traffic moves at once."""


_ONE: Final = (
    "a strategy is exactly one of canary, blueGreen, allAtOnce: `canary: {}` is a canary with the steps of the default"
)

_IN_PLACE: Final = "a blueGreen needs pods beside stable's: use capacity Surge, or another strategy"

_HOOKS_IN_PLACE: Final = (
    "nobody would answer while a hook is waited for: allAtOnce with capacity InPlace takes PostRollout hooks only"
)


class Strategy(Wire):
    """How a new version takes over: exactly one of canary, blueGreen, allAtOnce, and what all of them have."""

    model_config = {
        "json_schema_extra": rules(
            ("[has(self.canary), has(self.blueGreen), has(self.allAtOnce)].exists_one(x, x)", _ONE),
            (
                "!has(self.capacity) || self.capacity != 'InPlace' || !has(self.blueGreen)",
                _IN_PLACE,
                ".capacity",
            ),
            (
                "!has(self.hooks) || !has(self.capacity) || self.capacity != 'InPlace' || !has(self.allAtOnce) || "
                "self.hooks.all(h, h.at == 'PostRollout')",
                _HOOKS_IN_PLACE,
                ".hooks",
            ),
        )
    }

    canary: Canary | None = None
    """Traffic moves step by step; what counts where no strategy is written; left out where another strategy is
    written."""
    blue_green: BlueGreen | None = None
    """All pods wait behind `<name>-preview` for a person before traffic moves; stable's pods stay for the bake; left
    out where another strategy is written."""
    all_at_once: AllAtOnce | None = None
    """All pods start beside stable's without traffic, then all traffic moves at once; left out where another strategy
    is written."""
    bake: Bake | None = None
    """The time of observation after promotion; 10m with a share of 5 % for the former version if left out."""
    capacity: Literal["Surge", "InPlace"] | None = None
    """Surge (if left out) starts canary pods beside stable's. InPlace never has more pods than `replicas`: stable gives
    up its own one by one, and nothing stays warm for the bake. For accelerators of which there is none to spare."""
    hooks: (
        Annotated[
            list[Hook],
            Field(
                min_length=1,
                max_length=8,
                json_schema_extra=keyed_by("name"),
            ),
        ]
        | None
    ) = None
    """Whom each rollout asks or tells; the very first version, which has nothing to go back to, asks nobody. Nobody if
    left out."""
    on_new_version: OnNewVersion | None = None
    """What a newer version in mid-rollout does. Queue (if left out): the newest waits. Supersede: it takes the place of
    the one under way. Reject: it is refused, also after the rollout, until `retry` or another change."""
    abort_scale_down_delay: Duration | None = None
    """How long a version that a person aborted keeps its pods, without new requests; 30s if left out. One that failed
    is taken away at once, and one that is in place gives its pods back at once."""
    revision_history: Annotated[int, Field(ge=1, le=50)] | None = None
    """How many former revisions are kept without pods; 10 if left out."""

    @property
    def type(self) -> StrategyType:
        """In one word, which of them it is."""
        if self.blue_green is not None:
            return "BlueGreen"
        return "Canary" if self.all_at_once is None else "AllAtOnce"

    @property
    def steps(self) -> list[Step] | None:
        """The steps that are written down; None: those of the default, or of another strategy."""
        return self.canary.steps if self.canary is not None else None

    @model_validator(mode="after")
    def _one_strategy(self) -> Self:
        if sum(each is not None for each in (self.canary, self.blue_green, self.all_at_once)) > 1:
            raise ValueError(_ONE)
        return self

    @field_validator("capacity")
    @classmethod
    def _blue_green_needs_a_surge(cls, given: str | None, others: ValidationInfo) -> str | None:
        if given == "InPlace" and others.data.get("blue_green") is not None:
            raise ValueError(_IN_PLACE)
        return given

    @field_validator("hooks")
    @classmethod
    def _somebody_answers_while_a_hook_is_waited_for(
        cls, hooks: list[Hook] | None, others: ValidationInfo
    ) -> list[Hook] | None:
        emptied = others.data.get("all_at_once") is not None and others.data.get("capacity") == "InPlace"
        if emptied and any(h.at != "PostRollout" for h in hooks or ()):
            raise ValueError(_HOOKS_IN_PLACE)
        return hooks

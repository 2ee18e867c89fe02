"""`Request`: what a person asks of an object now, such as to abort a rollout; the operator answers in its status."""

from typing import Annotated, Final, Literal

from pydantic import Field, WithJsonSchema

from linnet.api.names import VERBS, Verb
from linnet.api.parts.base import Digest, Name, Rule, StatusWire, Time, Wire, Word, rules

_PRINTABLE: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"


def _verbs() -> str:
    """The verbs of each kind, as CEL writes a map of lists."""
    return ", ".join(f"'{kind}': {[str(verb) for verb in verbs]}" for kind, verbs in VERBS.items())


def _words() -> str:
    return "; ".join(f"of a {kind} ask {', '.join(verbs)}" for kind, verbs in VERBS.items())


class RequestTarget(Wire):
    """The object of the same namespace that is asked."""

    kind: Literal["Deployment", "ModelVersion", "RetrainPolicy"]
    """The kind of the object."""
    name: Name
    """The name of the object."""


class RequestSpec(Wire):
    """What is asked, by whom. It can't be changed."""

    model_config = {
        "json_schema_extra": rules(
            ("self == oldSelf", "a Request can't be changed: write another one (kubectl create, with generateName)"),
            (f"self.verb in {{{_verbs()}}}[self.target.kind]", f"no such verb of this kind: {_words()}", ".verb"),
            (
                "self.target.kind != 'ModelVersion' || self.target.name.matches('-v[1-9][0-9]{0,6}$')",
                "a ModelVersion is named <model>-v<version>",
                ".target.name",
            ),
            ("!(has(self.version) && has(self.digest))", "at most one of version, digest"),
            (
                "self.target.kind == 'Deployment' || !(has(self.version) || has(self.digest))",
                "version and digest are for the kind Deployment: leave them out",
            ),
        )
    }

    target: RequestTarget
    """The object that is asked."""
    verb: Annotated[Verb, WithJsonSchema({"type": "string", "enum": [str(verb) for verb in Verb]})]
    """What is asked of it; the caller must hold the RBAC verb of this name on the target."""
    version: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """The version that it is about, so that a late request can't hit another one; whatever is under way if left out."""
    digest: Digest | None = None
    """The digest of the version's artifact, instead of its number; if left out it is about the number, or whatever is
    under way."""
    reason: Annotated[str, Field(max_length=512, pattern=_PRINTABLE)] | None = None
    """Why, in words; it is kept with the decision; none if left out."""
    user: Annotated[str, Field(min_length=1, max_length=256, pattern=_PRINTABLE)]
    """The name of who asks, as `kubectl auth whoami` says it; another's is refused."""


class RequestStatus(StatusWire):
    """The operator's answer."""

    outcome: Word | None = None
    """What became of it: Accepted, Refused or Expired; nothing while it waits."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """What follows, or why it was refused."""
    time: Time | None = None
    """When it was answered."""


RULES: Final[tuple[Rule, ...]] = (
    (
        "!has(oldSelf.status) || !has(oldSelf.status.outcome) || (has(self.status) && self.status == oldSelf.status)",
        "a Request is answered once",
    ),
)

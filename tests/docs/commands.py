"""How each command of the documentation is tested: run on an API server, tried without effect, or its flags checked.

What no rule knows is an error: a reader would be the first to try it.
"""

import re
import shlex
from dataclasses import dataclass
from enum import StrEnum

from docs.pages import PROGRAMS, command_blocks, commands


class How(StrEnum):
    """From the most that a control plane without nodes allows, down."""

    RUN = "run"
    """It is run as it stands."""
    DRY = "dry"
    """It is run with its own dry run, since it needs pods, or takes everything away."""
    FLAGS = "flags"
    """It needs pods: the program knows the command and its flags."""
    MAKE = "make"
    """It needs the whole: `make -n` knows the target."""
    SYNTAX = "syntax"
    """A shell's own word, or a program that no test has: it parses."""


_RULES = (
    (r"kubectl get\b.* (--watch|-w)\b", How.FLAGS),
    (r"kubectl linnet simulate --replay\b", How.FLAGS),
    (r"kubectl linnet (get|history|report|lint|simulate|completion|--version)\b", How.RUN),
    (r"kubectl linnet [a-z]+\b", How.FLAGS),
    (
        r"kubectl (apply|annotate|explain|get|describe|events|label|patch|scale|create|diff|auth|kustomize|edit)\b",
        How.RUN,
    ),
    (r"kubectl delete\b", How.DRY),
    (r"kubectl (logs|exec|port-forward|rollout \w+|wait|run|cp|top)\b", How.FLAGS),
    (r"helm (template|lint|show)\b", How.RUN),
    (r"helm upgrade --install\b", How.DRY),
    (r"helm (test|uninstall|upgrade|status|rollback)\b", How.FLAGS),
    (r"make [a-z-]+", How.MAKE),
    (r"linnet digest\b", How.RUN),
    (r"linnet (fetch|probe)\b", How.FLAGS),
    (r"\S*uv pip compile\b", How.FLAGS),
    (r"python -m linnet\.api\.generate\.fields\b", How.SYNTAX),
    (r"python3 hack/[\w/]+\.py\b", How.FLAGS),
    (r"curl\b", How.FLAGS),
    (r"(export|cd|git clone|kubectl krew|cosign verify|gh attestation)\b", How.SYNTAX),
)
"""How a command begins → how it is tested."""


@dataclass(frozen=True)
class Command:
    """One command of a page, without `sudo`, and without an `eval` around it."""

    place: str
    text: str

    @property
    def page(self) -> str:
        return self.place.rpartition(":")[0]

    @property
    def how(self) -> How | None:
        return next((how for pattern, how in _RULES if re.match(pattern, self.text)), None)

    @property
    def words(self) -> list[str]:
        """Up to the first pipe or redirection."""
        words = shlex.split(self.text.replace("\\\n", " "), comments=True)
        stop = next((i for i, word in enumerate(words) if word in {"|", ">", "&&", ";", "<"}), len(words))
        return words[:stop]

    @property
    def flags(self) -> set[str]:
        """`--namespace=ml` is `--namespace`. Words after `--` are another program's."""
        words = self.words[: self.words.index("--")] if "--" in self.words else self.words
        return {word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)}


def all_commands() -> list[Command]:
    """Every command of the documentation, in the order in which a reader meets them."""
    return [Command(block.place, plain(text)) for block in command_blocks() for text in commands(block)]


def plain(text: str) -> str:
    text = text.removeprefix("sudo ").strip()
    inner = re.fullmatch(r'eval "\$\((.*)\)"', text)
    return inner[1] if inner else text


__all__ = ["PROGRAMS", "Command", "How", "all_commands"]

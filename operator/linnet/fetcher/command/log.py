"""The container's log: sentences for a person, from which everything secret has been struck."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from linnet.api.parts.uri import CREDENTIALS, secrets_of
from linnet.foreign.text import clean

SECRET_VARIABLES = tuple(each.variable for each in CREDENTIALS if each.is_secret)
SHORTEST_SECRET = 8  # characters: striking shorter ones would eat ordinary words


@dataclass(frozen=True)
class Log:
    """A log on standard output, from every line of which `secrets` are struck, whoever composed it."""

    secrets: tuple[str, ...] = ()

    @classmethod
    def knowing(cls, environ: Mapping[str, str], *arguments: str) -> Self:
        """A log that knows the secrets of this environment and of the URIs among a command's arguments."""
        secrets = {environ.get(name, "") for name in SECRET_VARIABLES}
        secrets |= {word for name in SECRET_VARIABLES for word in environ.get(name, "").split()[1:]}
        secrets |= {secret for argument in arguments for secret in secrets_of(argument)}
        return cls(tuple(sorted((s for s in secrets if len(s) >= SHORTEST_SECRET), key=len, reverse=True)))

    def clean(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def say(self, text: str) -> None:
        self.write(clean(self.clean(text)))

    def write(self, line: str) -> None:
        """Write a line as it is; file names in it may hold bytes that are no characters."""
        sys.stdout.buffer.write(line.encode(errors="replace") + b"\n")
        sys.stdout.buffer.flush()

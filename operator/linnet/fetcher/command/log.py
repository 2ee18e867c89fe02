"""The container's log: sentences for a person, from which everything secret has been struck."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, quote_plus

from linnet.api.parts.uri import secrets_of
from linnet.foreign.text import clean, clean_document

SHORTEST_SECRET = 8  # characters: striking shorter ones would eat ordinary words
STRUCK = "***"


@dataclass(frozen=True)
class Log:
    """A log on standard output, from every line of which secrets are struck, whoever composed it.

    pieces: all substrings of `SHORTEST_SECRET` characters of the secrets, so that a part of one is found, too.
    """

    pieces: frozenset[str] = frozenset()

    @classmethod
    def knowing(cls, secrets: Iterable[str], *arguments: str) -> Self:
        """A log that knows these secrets and those of the URIs among a command's arguments."""
        whole = {*secrets, *(secret for argument in arguments for secret in secrets_of(argument))}
        return cls(frozenset(piece for secret in whole for form in _forms(secret) for piece in _pieces(form)))

    def clean(self, text: str) -> str:
        """The text as one printable line, without any stretch of 8 or more characters that is part of a secret.

        It is made printable first: an invisible character within a secret must not hide it.
        """
        return self._struck(clean(text))

    def clean_document(self, document: Any) -> Any:
        """A JSON value, all of whose strings are clean."""
        return self._all_struck(clean_document(document))

    def say(self, text: str) -> None:
        self.write(self.clean(text))

    def write(self, line: str) -> None:
        """Write a line as it is; file names in it may hold bytes that are no characters."""
        sys.stdout.buffer.write(line.encode(errors="replace") + b"\n")
        sys.stdout.buffer.flush()

    def _all_struck(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._struck(key): self._all_struck(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._all_struck(item) for item in value]
        return self._struck(value) if isinstance(value, str) else value

    def _struck(self, text: str) -> str:
        kept, end = [], 0
        for start, stop in self._stretches(text):
            kept += [text[end:start], STRUCK]
            end = stop
        return "".join((*kept, text[end:]))

    def _stretches(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the text repeats a secret: starts and ends, in order, each as long as it gets."""
        start = stop = -1
        for at in range(len(text) - SHORTEST_SECRET + 1 if self.pieces else 0):
            if text[at : at + SHORTEST_SECRET] not in self.pieces:
                continue
            if at > stop:
                if start >= 0:
                    yield start, stop
                start = at
            stop = at + SHORTEST_SECRET
        if start >= 0:
            yield start, stop


def _forms(secret: str) -> frozenset[str]:
    """A secret as it is, and as a URL in an error message would hold it."""
    return frozenset((secret, clean(secret), quote(secret, safe=""), quote(secret), quote_plus(secret)))


def _pieces(secret: str) -> Iterator[str]:
    return (secret[at : at + SHORTEST_SECRET] for at in range(len(secret) - SHORTEST_SECRET + 1))

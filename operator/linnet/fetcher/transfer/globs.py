"""Which files of an artifact are wanted: the patterns of `spec.source.include`. Pure.

Patterns and names are strangers': a regular expression would try `*a*a*a*a` in more ways than there is time for. All
ways through a pattern are therefore gone at once, one step for each character of a name.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache

_TOKENS = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|.", re.DOTALL)
_FOLDERS = "**/"


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """A test of whether a file is wanted, by its path relative to the artifact; no patterns want everything.

    As in .gitignore: a pattern without a slash is compared with the file's name at any depth, one with a slash
    with the whole path; `*` and `?` stop at slashes and `**` does not.
    """
    names = [_matching(p) for p in patterns if "/" not in p]
    paths = [_matching(p.removeprefix("/")) for p in patterns if "/" in p]

    def wanted(path: str) -> bool:
        name = path.rpartition("/")[2]
        return any(matches(name) for matches in names) or any(matches(path) for matches in paths)

    return wanted if patterns else lambda _: True


def _matching(pattern: str) -> Callable[[str], bool]:
    """A test of a whole name. Bit n of a number stands for having come to token n of the pattern, among other ways.

    `**/` may be left out, but whoever has entered a folder leaves the token with a slash only.
    """
    tokens = _TOKENS.findall(pattern)
    folders = _bits(tokens, lambda part: part == _FOLDERS)
    left_out = _bits(tokens, lambda part: part in {"*", "**", _FOLDERS})

    @cache
    def onward(character: str) -> tuple[int, int]:
        """The tokens that end with the character, and those that go on with it."""
        ends = _bits(tokens, lambda part: _ends(part, character))
        return ends, _bits(tokens, lambda part: part == "**" or (part == "*" and character != "/"))

    def matches(name: str) -> bool:
        at = _spread(1, left_out)
        for character in name:
            ends, stays = onward(character)
            at = _spread((at & ends) << 1 | at & stays, left_out) | at & folders
        return bool(at >> len(tokens) & 1)

    return matches


def _bits(parts: Sequence[str], holds: Callable[[str], bool]) -> int:
    return sum(1 << n for n, part in enumerate(parts) if holds(part))


def _spread(at: int, left_out: int) -> int:
    """Where one also is, because tokens may stand for nothing."""
    while (further := at | (at & left_out) << 1) != at:
        at = further
    return at


def _ends(part: str, character: str) -> bool:
    if part in {"*", "**"}:
        return False
    if part == _FOLDERS:
        return character == "/"
    if part == "?":
        return character != "/"
    return part == character if len(part) == 1 else _is_in(part[1:-1], character)


def _is_in(inner: str, character: str) -> bool:
    """Whether the character is of a class such as `a-z0-9_`, or not of `!a-z`. A range from z to a is empty."""
    negated = len(inner) > 1 and inner[0] == "!"
    return any(low <= character <= high for low, high in _ranges(inner[negated:])) is not negated


def _ranges(inner: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(inner):
        size = 3 if inner[at + 1 : at + 2] == "-" and at + 2 < len(inner) else 1
        yield inner[at], inner[at + size - 1]
        at += size

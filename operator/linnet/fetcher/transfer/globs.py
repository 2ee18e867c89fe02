"""Which files of an artifact are wanted: the patterns of `spec.source.include`. Pure."""

import re
from collections.abc import Callable, Sequence

_TOKENS = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|.", re.DOTALL)


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """A test of whether a file is wanted, by its path relative to the artifact; no patterns want everything.

    As in .gitignore: a pattern without a slash is compared with the file's name at any depth, one with a slash
    with the whole path; `*` and `?` stop at slashes and `**` does not.
    """
    names = [re.compile(_expression(p)) for p in patterns if "/" not in p]
    paths = [re.compile(_expression(p.removeprefix("/"))) for p in patterns if "/" in p]

    def wanted(path: str) -> bool:
        name = path.rpartition("/")[2]
        return any(r.fullmatch(name) for r in names) or any(r.fullmatch(path) for r in paths)

    return wanted if patterns else lambda _: True


def _expression(pattern: str) -> str:
    return "".join(_translated(token) for token in _TOKENS.findall(pattern))


def _translated(token: str) -> str:
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if token in special:
        return special[token]
    if len(token) > 1:  # a character class
        inner = token[1:-1].replace("\\", "\\\\").replace("[", "\\[")
        return "[" + ("^" + inner[1:] if inner[0] == "!" else inner.replace("^", "\\^")) + "]"
    return re.escape(token)

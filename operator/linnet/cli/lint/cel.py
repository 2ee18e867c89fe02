"""The part of CEL in which the kinds' rules are written, evaluated offline: the API server itself is not at hand.

cel.dev has the whole language. What stands here is what `operator/linnet/api` uses; a rule beyond it is a CelError.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from linnet.api.parts.base import parse_quantity

Env = Mapping[str, Any]
Node = Callable[[Env], Any]
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>r?'(?:[^'\\]|\\.)*')|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)|(?P<sign>\|\||&&|[=!<>]=|[-!<>+.,()\[\]]))"
)
_RELATIONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": eq, "!=": ne, "<=": le, "<": lt, ">=": ge, ">": gt, "in": lambda item, among: item in among,
}  # fmt: skip
_METHODS: Final[Mapping[str, Callable[..., Any]]] = {
    "size": len,
    "matches": lambda text, pattern: re.search(pattern, text) is not None,
    "startsWith": str.startswith,
    "substring": lambda text, start: text[start:],
    "sum": sum,
    "isSorted": lambda items: list(items) == sorted(items),
    "isGreaterThan": gt,
    "isLessThan": lt,
}
_MACROS: Final[Mapping[str, Callable[[Sequence[Any], Callable[[Any], Any]], Any]]] = {
    "all": lambda items, body: all(body(i) for i in items),
    "exists": lambda items, body: any(body(i) for i in items),
    "exists_one": lambda items, body: sum(bool(body(i)) for i in items) == 1,
    "filter": lambda items, body: [i for i in items if body(i)],
    "map": lambda items, body: [body(i) for i in items],
}


class CelError(ValueError):
    """The rule is not of the known part of the language."""


def _is_quantity(text: Any) -> bool:
    try:
        parse_quantity(text)
    except ValueError:
        return False
    return True


_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "quantity": parse_quantity,
    "isQuantity": _is_quantity,
    "int": int,
}


@dataclass(frozen=True)
class _Name:
    name: str

    def __call__(self, env: Env) -> Any:
        return env[self.name]


@dataclass(frozen=True)
class _Select:
    """`of.field`; a field that is a word of the language is written `__field__`."""

    of: Node
    field: str

    def __call__(self, env: Env) -> Any:
        return self.of(env)[self.field.strip("_")]

    def present(self, env: Env) -> bool:
        return self.of(env).get(self.field.strip("_")) is not None


@lru_cache(maxsize=256)
def compiled(rule: str) -> Node:
    """A function of the variables; CelError where the rule can't be read."""
    parser = _Parser(_tokens(rule))
    node = parser.either()
    if parser.at < len(parser.tokens):
        raise CelError(f"{rule}: unexpected {parser.tokens[parser.at]}")
    return node


def _tokens(rule: str) -> list[str]:
    found, at = [], 0
    while at < len(rule.rstrip()):
        match = _TOKEN.match(rule, at)
        if match is None:
            raise CelError(f"{rule}: unreadable from {rule[at:]!r}")
        found.append(match[0].strip())
        at = match.end()
    return found


@dataclass
class _Parser:
    """By recursive descent, loosest operator first."""

    tokens: Sequence[str]
    at: int = field(default=0)

    def _take(self, *wanted: str) -> str | None:
        if self.at < len(self.tokens) and self.tokens[self.at] in wanted:
            self.at += 1
            return self.tokens[self.at - 1]
        return None

    def _must(self, wanted: str) -> None:
        if self._take(wanted) is None:
            raise CelError(f"{' '.join(self.tokens)}: {wanted} is missing")

    def either(self) -> Node:
        parts = [self.both()]
        while self._take("||"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else lambda env: any(part(env) for part in parts)

    def both(self) -> Node:
        parts = [self.relation()]
        while self._take("&&"):
            parts.append(self.relation())
        return parts[0] if len(parts) == 1 else lambda env: all(part(env) for part in parts)

    def relation(self) -> Node:
        left = self.sum()
        sign = self._take(*_RELATIONS)
        if sign is None:
            return left
        right, holds = self.sum(), _RELATIONS[sign]
        return lambda env: holds(left(env), right(env))

    def sum(self) -> Node:
        left = self.negated()
        if not self._take("+"):
            return left
        right = self.sum()
        return lambda env: left(env) + right(env)

    def negated(self) -> Node:
        if self._take("!"):
            node = self.negated()
            return lambda env: not node(env)
        return self.selected()

    def selected(self) -> Node:
        node = self.primary()
        while self._take("."):
            name = self.tokens[self.at]
            self.at += 1
            node = self._method(node, name, self.arguments(")")) if self._take("(") else _Select(node, name)
        return node

    def _method(self, of: Node, name: str, given: Sequence[Node]) -> Node:
        if name in _MACROS:
            variable, body = given
            assert isinstance(variable, _Name)
            macro, word = _MACROS[name], variable.name
            return lambda env: macro(of(env), lambda item: body({**env, word: item}))
        if name not in _METHODS:
            raise CelError(f"no such method: {name}")
        method = _METHODS[name]
        return lambda env: method(of(env), *(argument(env) for argument in given))

    def arguments(self, end: str) -> list[Node]:
        found: list[Node] = []
        while not self._take(end):
            found.append(self.either())
            if not self._take(","):
                self._must(end)
                break
        return found

    def primary(self) -> Node:
        if self.at >= len(self.tokens):
            raise CelError(f"{' '.join(self.tokens)}: it ends too early")
        word = self.tokens[self.at]
        self.at += 1
        if word == "(":
            node = self.either()
            self._must(")")
            return node
        if word == "[":
            items = self.arguments("]")
            return lambda env: [item(env) for item in items]
        return self._call(word) if self._take("(") else _literal(word)

    def _call(self, name: str) -> Node:
        given = self.arguments(")")
        if name == "has":
            (asked,) = given
            assert isinstance(asked, _Select)
            return asked.present
        if name not in _FUNCTIONS:
            raise CelError(f"no such function: {name}")
        function = _FUNCTIONS[name]
        return lambda env: function(*(argument(env) for argument in given))


def _literal(token: str) -> Node:
    if token.isdigit():
        number = int(token)
        return lambda _: number
    if token.endswith("'"):
        text = token[2:-1] if token.startswith("r") else token[1:-1]
        return lambda _: text
    return _Name(token)

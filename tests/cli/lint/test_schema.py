"""Offline, the kinds' rules say what the API server says: both are asked the same in tests/api/test_acceptance.py."""

import json
import re
from datetime import date

import pytest

from api.test_acceptance import REFUSED, TAKEN
from linnet.api.generate import crds
from linnet.cli.lint import cel
from linnet.cli.lint.schema import refusals
from linnet.core.parse import invalid_fields
from samples import Object


def said(item: Object) -> list[str]:
    kind = next(k for k in crds.KINDS if k.name == item["kind"])
    return [w.message for w in invalid_fields(kind.spec, item["spec"])] or list(refusals(kind, item))


@pytest.mark.parametrize(("item", "words"), REFUSED, ids=[words[-1] for _, words in REFUSED])
def test_what_the_api_server_refuses_is_refused(item: Object, words: list[str]) -> None:
    """With the same path; where a rule of ours speaks, in the same words."""
    path = words[0].removeprefix('unknown field "').rstrip(':"')
    assert any(path in sentence for sentence in said(item)), said(item)


@pytest.mark.parametrize("item", TAKEN, ids=[json.dumps(i["spec"])[:60] for i in TAKEN])
def test_what_the_api_server_takes_is_taken(item: Object) -> None:
    """A rule refuses nothing that is right."""
    assert said(item) == []


def test_every_rule_of_the_kinds_can_be_read() -> None:
    """A rule in words that this evaluator does not know would be an error on somebody's desk."""
    rules = [r for kind in crds.KINDS for r in _rules(crds.crd(kind))]
    assert len(rules) > 50
    for rule in rules:
        cel.compiled(rule)


def _rules(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [r["rule"] for r in node.get("x-kubernetes-validations", ())]
        return own + [rule for part in node.values() for rule in _rules(part)]
    return [rule for part in node for rule in _rules(part)] if isinstance(node, list) else []


@pytest.mark.parametrize(
    ("rule", "value", "holds"),
    [
        ("self.a + 1 == 3", {"a": 2}, True),
        ("!(self.a in [1, 2]) || self.b", {"a": 3, "b": False}, True),
        ("has(self.a) != has(self.b)", {"a": 1}, True),
        ("self.size() > 0 && self.all(x, x < 3)", [1, 2], True),
        ("self.exists_one(x, x == 1)", [1, 1], False),
        ("has(self.__in__)", {"in": [1]}, True),
        ("self.map(x, x.n).isSorted()", [{"n": 2}, {"n": 1}], False),
        ("quantity(self).isLessThan(quantity('1'))", "500m", True),
        ("quantity(self) == quantity('1000m')", "1.0", True),
        ("has(self.a)", {"a": None}, False),
        ("self.a == self.b", {"a": [1, {"x": "y"}], "b": [1, {"x": "y"}]}, True),
        ("self == 1.0 && self != '1' && self != true", 1, True),
        ("self.x == 1 || self.y == 1", {"y": 1}, True),
        ("self.exists(x, x.n == 1)", [{}, {"n": 1}], True),
        ("self.matches('^a$')", "a\n", False),
        (r"self.matches(r'^\p{Greek}\z')", "λ", True),
        ("self.size() == 1 && self.substring(1) == ''", "ü", True),
        ("self.lowerAscii().split(',')[1].startsWith('b')", "A,B", True),
        ("self.?a.orValue(2) == 2", {}, True),
        ("duration(self) > duration('59s')", "1m", True),
        ("self.day.startsWith('2026')", {"day": date(2026, 11, 30)}, True),
        ("self.n > 9.2e18", {"n": 2**70}, True),
        ("(self.a ? self.b : 'c') == 'c'", {"a": False}, True),
    ],
)
def test_the_language_means_what_it_means(rule: str, value: object, holds: bool) -> None:
    """As cel.dev has it."""
    assert cel.compiled(rule)({"self": value}) is holds


@pytest.mark.parametrize(
    ("rule", "value", "words"),
    [
        ("self.a.b == 1", {}, "Key not found"),
        ("self + 1 == 2", "1", "No matching overloads"),
        ("quantity(self).isLessThan(quantity('1'))", "soon", "'soon' is not a quantity"),
        ("self.a", {"a": "true"}, "true"),
    ],
)
def test_an_evaluation_that_ends_in_an_error_is_told(rule: str, value: object, words: str) -> None:
    """With the rule; the API server refuses such an object, too."""
    with pytest.raises(cel.CelError, match=re.escape(rule)) as said:
        cel.compiled(rule)({"self": value})
    assert words in str(said.value)


@pytest.mark.parametrize(
    "rule",
    [
        "self.a ? 1 : 2",
        "self.nonsense()",
        "nonsense(self)",
        "(self",
        "self)",
        "",
        "other == 1",
        "1 == 1.0",
        "'1'.isLessThan('2')",
        "quantity('1') < quantity('2')",
        "quantity('1') == '1'",
    ],
)
def test_what_is_not_known_is_not_guessed(rule: str) -> None:
    """An error of ours, not a verdict on somebody's manifest."""
    with pytest.raises(cel.CelError):
        cel.compiled(rule)

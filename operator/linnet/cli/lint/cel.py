"""The kinds' rules, evaluated offline by CEL's own C++ library, since the API server itself is not at hand.

cel.dev describes the language. Kubernetes adds functions to it; those that `operator/linnet/api` uses stand here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from cel_expr_python.cel import Env, FunctionDecl, NewEnv, Overload, Type
from cel_expr_python.ext.ext_optional import ExtOptional
from cel_expr_python.ext.ext_strings import ExtStrings

from linnet.api.parts.base import format_quantity, parse_quantity

Holds = Callable[[Mapping[str, Any]], bool]
Quantity = Mapping[str, str]
"""CEL takes no object of Python's. In a map, a quantity is no string, `<` does not compare it, and `==` does."""
_QUANTITY: Final = Type.Map(Type.STRING, Type.STRING)
_ITEMS: Final = Type.List(Type.DYN)
_STRINGS: Final = 2
"""The version of CEL's string functions that the API server has."""
_ESCAPED: Final = re.compile(r"\.__([a-z]+)__\b")
_INTEGER_BITS: Final = 63


class CelError(ValueError):
    """A rule can't be read, or its evaluation ended in an error; the message has the rule and CEL's own sentence."""


@lru_cache(maxsize=256)
def compiled(rule: str) -> Holds:
    """A function of the variables, such as `self`; CelError where the rule can't be read or yields no boolean."""
    expression = _expression(rule)
    if expression.return_type() not in (Type.BOOL, Type.DYN):
        raise CelError(f"{rule}: it yields {expression.return_type().name()}")
    return lambda variables: _held(rule, expression.eval(data=_json(variables)).value())


@lru_cache(maxsize=64)
def text(expression: str) -> Callable[[Mapping[str, Any]], str]:
    """A function of the variables whose value is a message; CelError where the expression can't be read."""
    found = _expression(expression)
    return lambda variables: str(found.eval(data=_json(variables)).value())


def _expression(rule: str) -> Any:
    try:
        return _environment().compile(_quoted(rule))
    except RuntimeError as error:
        raise CelError(f"{rule}: {error}") from error


def _quoted(rule: str) -> str:
    """A field that is a word of the language is written `.__in__` in Kubernetes, and in backticks in CEL."""
    return _ESCAPED.sub(r".`\1`", rule)


def _held(rule: str, value: Any) -> bool:
    """CEL's errors are values, too."""
    if not isinstance(value, bool):
        raise CelError(f"{rule}: {value}")
    return value


def _json(value: Any) -> Any:
    """The value as the API server reads it: nulls are left out, YAML's dates are text, huge integers are floats."""
    match value:
        case Mapping():
            return {str(key): _json(part) for key, part in value.items() if part is not None}
        case list():
            return [_json(part) for part in value]
        case int() if value.bit_length() > _INTEGER_BITS:
            return float(f"{value}")  # infinite where a float can't hold it
        case str() | int() | float():
            return value
    return str(value)


@lru_cache(maxsize=1)
def _environment() -> Env:
    return NewEnv(
        variables={"self": Type.DYN, "oldSelf": Type.DYN},
        extensions=[ExtStrings(_STRINGS), ExtOptional()],
        functions=[
            _function("quantity", _quantity, [Type.STRING], _QUANTITY),
            _function("isQuantity", _is_quantity, [Type.STRING], Type.BOOL),
            _method("isGreaterThan", lambda a, b: _number(a) > _number(b), [_QUANTITY, _QUANTITY], Type.BOOL),
            _method("isLessThan", lambda a, b: _number(a) < _number(b), [_QUANTITY, _QUANTITY], Type.BOOL),
            _method("isSorted", lambda items: items == sorted(items), [_ITEMS], Type.BOOL),
            _method("sum", sum, [_ITEMS], Type.DYN),
        ],
    )


def _function(name: str, does: Callable[..., Any], given: Sequence[Type], result: Type) -> FunctionDecl:
    return FunctionDecl(name, [Overload(name, return_type=result, parameters=given, impl=does)])


def _method(name: str, does: Callable[..., Any], given: Sequence[Type], result: Type) -> FunctionDecl:
    """A function that is called on its first argument."""
    return FunctionDecl(name, [Overload(name, return_type=result, parameters=given, impl=does, is_member=True)])


def _quantity(text: str) -> Quantity:
    return {"quantity": format_quantity(parse_quantity(text))}


def _number(quantity: Quantity) -> Decimal:
    return Decimal(quantity["quantity"])


def _is_quantity(text: str) -> bool:
    try:
        parse_quantity(text)
    except ValueError:
        return False
    return True

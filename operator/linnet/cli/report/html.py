"""HTML and SVG as values: what is not markup already is escaped, so that no text of the cluster becomes markup."""

from collections.abc import Iterable
from html import escape
from typing import Final

_VOID: Final = frozenset({"meta"})


class Markup(str):
    """Text that is markup and stays as it is."""

    __slots__ = ()


def element(tag: str, *children: str | Iterable[str], **attributes: str | float) -> Markup:
    """`element("td", "a < b", class_="x")`: attributes lose a trailing underscore; children may be in lists."""
    given = "".join(f' {k.rstrip("_").replace("_", "-")}="{escape(str(v))}"' for k, v in attributes.items())
    inside = "".join(_flat(children))
    return Markup(f"<{tag}{given}>" if tag in _VOID else f"<{tag}{given}>{inside}</{tag}>")


def joined(children: Iterable[str | Iterable[str]]) -> Markup:
    """One after the other."""
    return Markup("".join(_flat(children)))


def _flat(children: Iterable[str | Iterable[str]]) -> Iterable[str]:
    for child in children:
        if isinstance(child, Markup):
            yield child
        elif isinstance(child, str):
            yield escape(child)
        else:
            yield from _flat(child)

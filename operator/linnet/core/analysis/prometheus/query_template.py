"""The platform's named queries: PromQL with placeholders, which only names fill, and only where a name belongs.

A placeholder stands in the quoted value of a label (`pod=~"{{revision}}-.*"`), and is quoted as that value needs it,
so that no name can become PromQL. `{{interval}}` stands outside, for a range.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

NAMES: Final = ("namespace", "name", "revision", "stable")
INTERVAL: Final = "interval"
SCRAPES: Final = 4
"""A rate needs two samples; four scrapes have them also where one is late or lost."""
_PART: Final = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?:(?P<operator>=~|!~|!=|=)(?P<gap>\s*+))?+(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)""",
    re.VERBOSE,
)
_PLACEHOLDER: Final = re.compile(r"\{\{([^{}]*+)\}\}")


@dataclass(frozen=True)
class Question:
    """A query about one canary, ready to be asked. `of` is the Deployment's uid, `query` the name that was given."""

    of: str
    check: str
    query: str
    text: str


def window(interval: timedelta, scrape_interval: timedelta) -> timedelta:
    """What `{{interval}}` is: four scrapes, and never less than a look and one scrape (Grafana's $__rate_interval)."""
    return max(SCRAPES * scrape_interval, interval + scrape_interval)


def filled(template: str, names: Mapping[str, str], range_: timedelta) -> str:
    """The query; ValueError says what is wrong with the template."""
    millis = range_ // timedelta(milliseconds=1)
    return _parts(template, lambda name: names[name], f"{millis}ms")


def problem(template: str) -> str | None:
    """What is wrong with a template's placeholders; the server itself knows what PromQL is."""
    try:
        _parts(template, lambda name: name, "1m")
    except ValueError as error:
        return str(error)
    return None


def _parts(template: str, value: Callable[[str], str], range_: str) -> str:
    """Strings and comments one by one, and what is between them."""
    made, end = [], 0
    for part in _PART.finditer(template):
        made += [_outside(template[end : part.start()], range_), _string(part, value)]
        end = part.end()
    return "".join((*made, _outside(template[end:], range_)))


def _string(part: re.Match[str], value: Callable[[str], str]) -> str:
    operator, text = part["operator"], part["text"]
    if part["comment"] is not None or not _PLACEHOLDER.search(text):
        return _closed(part[0])
    if operator is None or text[0] == "`":
        raise ValueError(f'{text}: a placeholder stands in a label\'s value, in quotes: label="…" or label=~"…"')
    quoted = _quoted(regex="~" in operator, quote=text[0])
    inside = _PLACEHOLDER.sub(lambda m: quoted(value(_known(m[1].strip(), NAMES))), text[1:-1])
    return f"{operator}{part['gap']}{text[0]}{_closed(inside)}{text[0]}"


def _outside(text: str, range_: str) -> str:
    return _closed(_PLACEHOLDER.sub(lambda m: range_ if _known(m[1].strip(), (INTERVAL,)) else "", text))


def _known(name: str, allowed: tuple[str, ...]) -> str:
    if name in allowed:
        return name
    if name in {*NAMES, INTERVAL}:
        where = "outside of quotes, such as [{{interval}}]" if name == INTERVAL else "in a label's quoted value"
        raise ValueError(f"{{{{{name}}}}} stands {where}")
    known = ", ".join(f"{{{{{n}}}}}" for n in (*NAMES, INTERVAL))
    raise ValueError(f"{{{{{name}}}}} is no placeholder: there are {known}")


def _closed(text: str) -> str:
    if "{{" in text:
        raise ValueError(f"a placeholder is not closed: {text[text.index('{{') :][:32].strip()}")
    return text


def _quoted(*, regex: bool, quote: str) -> Callable[[str], str]:
    """Return how to quote a label's value in PromQL, or a regular expression that matches this value alone."""

    def escape(value: str) -> str:
        literal = re.sub(r"([^A-Za-z0-9_-])", r"\\\1", value) if regex else value
        return literal.replace("\\", "\\\\").replace(quote, f"\\{quote}").replace("\n", "\\n")

    return escape

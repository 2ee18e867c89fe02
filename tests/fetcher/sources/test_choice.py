"""Every source: it is chosen by a scheme of the table, has the interface, and stands in the manual."""

import importlib
import re
from pathlib import Path

import pytest

from fetcher.running import REPO
from linnet.api.parts.uri import CREDENTIALS, RESERVED, SCHEMES, SUPPORTED, Location, Scheme
from linnet.fetcher import sources
from linnet.fetcher.command.outcome import Failure, Reason
from linnet.fetcher.location import location_of
from linnet.fetcher.order import parse
from linnet.fetcher.sources.choice import open_source
from linnet.fetcher.sources.source import Source

MANUAL = (REPO / "docs/reference/fetcher.md").read_text()


def opened(scheme: Scheme) -> Source:
    form = SCHEMES[scheme].form
    return open_source(location_of(form), parse(["--uri", form], {}))


def modules() -> set[str]:
    """The files of the folder that open a source."""
    names = [path.stem for path in Path(sources.__path__[0]).glob("*.py") if path.stem not in {"__init__", "choice"}]
    found = [importlib.import_module(f"{sources.__name__}.{name}") for name in names]
    return {module.__name__ for module in found if hasattr(module, "open_source")}


@pytest.mark.parametrize("scheme", SUPPORTED)
def test_a_supported_scheme_has_a_source(scheme: Scheme) -> None:
    """What the transfer asks of a source is there."""
    source = opened(scheme)
    assert source.streams > 0
    assert callable(source.items)
    assert callable(source.read)


def test_every_file_is_chosen_by_a_scheme() -> None:
    """A source that no scheme leads to can't be reached."""
    assert {type(opened(scheme)).__module__ for scheme in SUPPORTED} == modules()


@pytest.mark.parametrize("scheme", RESERVED)
def test_a_reserved_scheme_falls_to_no_other_source(scheme: Scheme) -> None:
    """Not even if it were read: it is never fetched as if it were HTTP."""
    location = Location(scheme, "place", ("a",), f"{scheme}://place/a", is_folder=False)
    with pytest.raises(Failure) as caught:
        open_source(location, parse(["--uri", location.full], {}))
    assert caught.value.reason is Reason.NOT_YET_SUPPORTED


def test_no_scheme_is_fetched_by_another_ones_source() -> None:
    """One source a scheme, but http and https."""
    chosen = {scheme: type(opened(scheme)) for scheme in SUPPORTED if scheme is not Scheme.HTTPS}
    assert len(set(chosen.values())) == len(chosen)
    assert type(opened(Scheme.HTTPS)) is chosen[Scheme.HTTP]


@pytest.mark.parametrize("scheme", SUPPORTED)
def test_the_manual_says_what_is_fetched(scheme: Scheme) -> None:
    """In the table of URIs."""
    assert re.search(rf"^\| .*`{scheme}://", MANUAL, re.MULTILINE)


def test_the_manual_names_what_is_not_yet_supported() -> None:
    """Neither more nor less, as the README does."""
    line = next(line for line in MANUAL.splitlines() if "`NotYetSupported`." in line)
    assert re.findall(r"`(\w+)://`", line) == list(RESERVED)
    [row] = [line for line in (REPO / "README.md").read_text().splitlines() if "of `spec.source.uri`" in line]
    assert re.findall(r"`(\w+)`", row) == [*RESERVED, *SUPPORTED]


def test_the_manual_names_every_credential() -> None:
    """By its key in the Secret."""
    table = MANUAL.partition("### Credentials")[2].partition("\n\n**")[0]
    assert [each.key for each in CREDENTIALS if f"`{each.key}`" not in table] == []


def test_the_page_on_sources_names_every_step() -> None:
    """The files that a new source touches are where the page says."""
    page = (REPO / "docs/how-to/write-a-source.md").read_text()
    named = re.findall(r"`((?:operator|docs|tests)/[\w/.-]+)`", page)
    assert [name for name in named if not (REPO / name).exists()] == []
    assert {"operator/linnet/api/parts/uri.py", "operator/linnet/fetcher/sources/choice.py"} <= set(named)

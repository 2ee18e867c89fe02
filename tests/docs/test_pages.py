"""The pages hold together: links lead somewhere, blocks say what they are, and a few words are spelled one way."""

import re
from pathlib import Path

import pytest

from docs.pages import REPO, Page, pages
from linnet.api.generate.crds import KINDS

KNOWN = {"", "yaml", "json", "console", "bash", "sh", "python", "lua"}
PROMISED: set[str] = set()
"""Pages that are being written: links may lead there already."""
BRITISH = re.compile(
    r"\b(behaviou?r(?<=our)|colour|favour|honour|labour|neighbour|centre|licence|catalogued|organis\w*|recognis\w*"
    r"|serialis\w*|initialis\w*|optimis\w*|summaris\w*|minimis\w*|cancelled|cancelling|labelled|labelling|modelled|"
    r"modelling|whilst|judgement)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.name)
def test_links_lead_somewhere(page: Page) -> None:
    """Each link to a file of the repository names one that is there, and a heading that it has."""
    broken = []
    for link in page.links():
        target, _, anchor = link.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        path = (page.path.parent / target).resolve() if target else page.path
        if not leads_to(path, anchor):
            broken.append(link)
    assert broken == []


def leads_to(path: Path, anchor: str) -> bool:
    """Whether there is such a page with such a heading."""
    if not path.is_relative_to(REPO):
        return False
    if not path.exists():
        return str(path.relative_to(REPO)) in PROMISED
    return not anchor or anchor in Page(path).anchors()


def test_every_page_is_reached_from_the_index() -> None:
    """A page that nobody links to is found by nobody."""
    reached, todo = set(), [REPO / "README.md", REPO / "docs/index.md"]
    while todo:
        path = todo.pop().resolve()
        if path in reached or path.suffix != ".md" or not path.exists():
            continue
        reached.add(path)
        todo += [path.parent / link.partition("#")[0] for link in Page(path).links() if "://" not in link]
    assert [p.name for p in pages() if p.path not in reached] == []


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.name)
def test_blocks_have_a_language_that_tests_know(page: Page) -> None:
    """A block in another language would be looked at by no test."""
    assert {block.language for block in page.blocks()} <= KNOWN


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.name)
def test_every_row_stands_in_its_table(page: Page) -> None:
    """A row after a blank line is shown as text with bars in it."""
    tables = re.findall(r"(?:^\|.*\n?)+", page.unfenced, re.MULTILINE)
    assert [rows.splitlines()[0] for rows in tables if not re.match(r"\|.*\|\n\|[-| :]+\|\n", rows)] == []


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.name)
def test_spelling_is_american(page: Page) -> None:
    """One spelling, as in Kubernetes' own documentation."""
    assert [found[0] for found in BRITISH.finditer(page.prose)] == []


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.name)
def test_our_deployment_is_called_mld(page: Page) -> None:
    """`kubectl get deployment` means apps/v1: a command that says so must mean the operator itself."""
    typed = re.findall(r"kubectl [a-z]+ (?:[^\n]* )?(?:deployments?|deploy)\b[^\n]*", page.text)
    ours = [c for c in typed if not re.search(r"linnet-system|deployments?\.linnet\.dev|deploy/|means apps/v1|`", c)]
    assert ours == []


def test_the_readme_shows_the_quickstart() -> None:
    """What it shows first is the example that tests apply, and is as short as it says."""
    [first] = [b for b in Page(REPO / "README.md").blocks() if b.language == "yaml"]
    assert first.text == (REPO / "docs/examples/quickstart.yaml").read_text()
    assert len([line for line in first.text.splitlines() if line != "---"]) <= 12


def test_output_has_the_columns_of_the_kinds() -> None:
    """What the pages show of `kubectl get` is what one sees."""
    known = {("NAME", *(name.upper() for name, _, _, wide in kind.columns if not wide)) for kind in KINDS}
    shown = [tuple(line.split()) for p in pages() for line in re.findall(r"^NAME .*$", p.text, re.MULTILINE)]
    assert shown
    assert [header for header in shown if header not in known] == []

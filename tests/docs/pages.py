"""The documentation as data: pages, their blocks, links, headings and tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPO = Path(__file__).parents[2]
_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_MARK = re.compile(r"<!-- (?P<mark>[\w: .-]+) -->\s*$")
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
PROGRAMS = (
    "kubectl",
    "helm",
    "make",
    "linnet",
    "python3",
    "python",
    ".venv/bin/",
    "curl",
    "git",
    "export",
    "eval",
    "cd",
)
_DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True)
class Block:
    """A fenced block. `mark` is the comment before it, such as `values`: what a fragment of YAML is part of."""

    page: str
    line: int
    language: str
    text: str
    mark: str = ""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(REPO))

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def unfenced(self) -> str:
        """The text without its blocks."""
        return _FENCE.sub("", self.text)

    @property
    def prose(self) -> str:
        """The text without its blocks and code spans."""
        return re.sub(r"`[^`\n]*`", "", self.unfenced)

    def blocks(self) -> Iterator[Block]:
        for found in _FENCE.finditer(self.text):
            before = self.text[: found.start()]
            mark = _MARK.search(before)
            text = re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE)
            yield Block(self.name, before.count("\n") + 1, found["language"], text, mark["mark"] if mark else "")

    def links(self) -> Iterator[str]:
        prose = _CODE.sub("``", self.unfenced)  # a pattern such as `[a-z](x)` is no link
        return (found["target"] for found in _LINK.finditer(prose))

    def anchors(self) -> frozenset[str]:
        """As GitHub makes them of headings."""
        headings = re.findall(r"^#+ +(.+)$", self.unfenced, re.MULTILINE)
        return frozenset(re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings)

    def section(self, heading: str) -> str:
        """The text below a heading, up to the next one of its level or above."""
        found = re.search(rf"^(#+) {re.escape(heading)}$(.*?)(?=^#{{1,6}} |\Z)", self.text, re.MULTILINE | re.DOTALL)
        assert found, f"{self.name} has no heading {heading}"
        return found[2]

    def table(self, heading: str = "") -> list[list[str]]:
        """The rows of the first table of a section, without its head; code spans lose their backticks."""
        text = self.section(heading) if heading else self.text
        return rows(text)


def rows(text: str) -> list[list[str]]:
    """The rows of the first table in a text, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    start = next(i for i, line in enumerate(lines) if set(line) <= set("|-: "))
    stop = next((i for i in range(start + 1, len(lines)) if set(lines[i]) <= set("|-: ")), len(lines) + 1) - 1
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines[start + 1 : stop]]


def code(cell: str) -> list[str]:
    """What stands in code spans."""
    return re.findall(r"`([^`]+)`", cell)


@cache
def pages() -> tuple[Page, ...]:
    top = [REPO / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "THREAT-MODEL.md")]
    return tuple(Page(path) for path in (*top, *sorted((REPO / "docs").rglob("*.md"))))


def page(name: str) -> Page:
    return Page(REPO / name)


def shown(text: str) -> str:
    """A text whose ellipses are filled in: `sha256:…` stands for a digest."""
    return text.replace("sha256:…", _DIGEST)


def blocks(*languages: str) -> list[Block]:
    return [block for p in pages() for block in p.blocks() if block.language in languages]


def command_blocks() -> list[Block]:
    """Blocks that a reader types: `console`, `bash`, `sh`, and those without a language that begin with a program."""
    plain = [b for b in blocks("") if b.text.startswith((*PROGRAMS, "$ "))]
    order = {p.name: i for i, p in enumerate(pages())}
    return sorted([*blocks("console", "bash", "sh", "shell"), *plain], key=lambda b: (order[b.page], b.line))


def commands(block: Block) -> list[str]:
    """The commands of a block, each whole: continued lines and here-documents belong to it."""
    lines = iter(shown(block.text).splitlines())
    prompted = any(line.startswith("$ ") for line in block.text.splitlines())
    found = []
    for line in lines:
        if prompted and not line.startswith("$ "):
            continue
        command = line.removeprefix("$ ")
        if not command.strip() or command.startswith("#"):
            continue
        while command.endswith("\\"):
            command += "\n" + next(lines).removeprefix("> ")
        if end := re.search(r"<<-?\s*['\"]?(\w+)", command):
            for more in lines:
                command += "\n" + more
                if more.strip() == end[1]:
                    break
        found.append(command)
    return found

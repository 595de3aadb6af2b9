"""The README and the pages of docs/: their examples, links and headings."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

LANGUAGES = {"sh", "python", "yaml", "text"}  # what a fenced block may say it is
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_TARGET = re.compile(r"\]\(([^)\s]+)\)")
_IN_TABLE = ("reposer ", "python ")  # what begins an example in a table


class Block(NamedTuple):
    """A fenced block, or a command in a table."""

    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Page:
    """A page of Markdown, by its path."""

    path: Path

    @property
    def text(self) -> str:
        """The whole page."""
        return self.path.read_text()

    @property
    def prose(self) -> str:
        """The page without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self) -> list[Block]:
        """Fenced blocks and the commands in tables, as they follow each other."""
        text = self.text
        found = [Block(_line(text, m.start()) + 1, m[1], m[2]) for m in _FENCE.finditer(text)]
        for number, row in enumerate(text.splitlines(), start=1):
            if row.startswith("|"):
                found += [
                    Block(number, "sh", span)
                    for span in _SPAN.findall(row)
                    if span.startswith(_IN_TABLE) and " " in span
                ]
        return sorted(found, key=lambda block: block.line)

    def spans(self) -> list[str]:
        """What stands in `code` in the prose."""
        return [" ".join(span.split()) for span in _SPAN.findall(self.prose)]

    def links(self) -> list[str]:
        """The targets of links and pictures that lead to files and headings."""
        return [t for t in _TARGET.findall(self.prose) if not t.startswith("http")]

    def anchors(self) -> set[str]:
        """The fragments of the page's headings, as GitHub makes them."""
        headings = re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each command of a block, without comments and leading NAME=VALUE."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.match(r"[A-Z_0-9]+=", words[0]):
            words = words[1:]
        if words:
            yield words


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1

# SPDX-License-Identifier: Apache-2.0
"""What a document is made of, before anybody decides between HTML, PDF and DOCX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hepacast.report.content import Equation, Picture
    from hepacast.report.figures.style import Drawing
    from hepacast.report.sheets import Sheet


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; ``[@key]`` cites."""

    text: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Callout:
    """A box that cannot be overlooked."""

    kind: Literal["danger", "warning", "note"]
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures; narrow ones stand side by side."""

    drawings: tuple[Drawing, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; columns without a single entry are left out of the page."""

    sheet: Sheet
    sortable: bool = True


@dataclass(frozen=True, slots=True)
class Details:
    """Blocks to be opened on demand."""

    summary: str
    blocks: tuple[Block, ...]
    printed: bool = False
    """Whether it is open on paper, where nobody can open it."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures of one processing step."""

    heading: str
    pictures: tuple[Picture, ...]
    wide: bool = False
    """One picture a line: those of many panels."""


@dataclass(frozen=True, slots=True)
class Code:
    """Text in fixed pitch: a study file, a BibTeX entry."""

    text: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Works:
    """The list of works cited, numbered in order of citation."""


@dataclass(frozen=True, slots=True)
class Calculator:
    """Fields for the values of a case, and the risk that an equation gives them."""

    title: str
    equation: Equation


@dataclass(frozen=True, slots=True)
class Links:
    """Pages beside this one: name and relative path."""

    heading: str
    pages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section."""

    text: str
    anchor: str


Block = (
    Text
    | Callout
    | Facts
    | Figures
    | Table
    | Details
    | Gallery
    | Code
    | Works
    | Calculator
    | Links
    | Heading
)


@dataclass(frozen=True, slots=True)
class Section:
    """A section with its entry in the navigation."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]

    def every_block(self) -> Iterator[Block]:
        """Go through the blocks in reading order, those inside others too."""
        yield from _walk(self.blocks)


def _walk(blocks: tuple[Block, ...]) -> Iterator[Block]:
    """Go through blocks and what is inside them."""
    for block in blocks:
        yield block
        if isinstance(block, Details):
            yield from _walk(block.blocks)


def figures(*drawings: Drawing | None) -> tuple[Figures, ...]:
    """Gather the drawings that there are; an empty tuple if there are none.

    Examples
    --------
    >>> figures(None)
    ()
    """
    present = tuple(one for one in drawings if one is not None)
    return (Figures(present),) if present else ()

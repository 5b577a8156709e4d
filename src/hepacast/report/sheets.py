# SPDX-License-Identifier: Apache-2.0
"""Tables of a report, made once and then printed as HTML, CSV or DOCX."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hepacast.report.content import Estimate
from hepacast.report.wording import NOTHING, number, p_value, with_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

Cell = str | int | float | bool | Estimate | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column and how its numbers are printed.

    Parameters
    ----------
    label : str
        Heading.
    digits : int
        Decimals of numbers; files get all of them.
    p : bool
        True for P values.
    """

    label: str
    digits: int = 2
    p: bool = False

    def show(self, cell: Cell) -> str:
        """Print a cell for people.

        Examples
        --------
        >>> Column("AUC").show(0.7412), Column("P", p=True).show(0.0001), Column("n").show(12)
        ('0.74', '<0.001', '12')
        """
        if cell is None:
            return NOTHING
        if isinstance(cell, bool):
            return "yes" if cell else "no"
        if isinstance(cell, Estimate):
            # A line may break before the interval, never inside it.
            return with_interval(cell, self.digits).replace(" to ", "\u00a0to\u00a0")
        if isinstance(cell, float):
            return p_value(cell) if self.p else number(cell, self.digits)
        return str(cell)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with the words that belong to it.

    Parameters
    ----------
    name : str
        File name without ending; unique within a report.
    title : str
        Heading.
    columns : tuple of Column
        Headings.
    rows : tuple of tuple
        Cells; an :class:`~hepacast.report.content.Estimate` is printed with its interval
        and becomes three columns in a file.
    note : str
        Printed below.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def without_empty(self) -> Sheet:
        """Return the table without the columns that hold nothing at all.

        Examples
        --------
        >>> sheet = Sheet("t", "t", (Column("a"), Column("b")), (("x", None), ("y", "")))
        >>> [column.label for column in sheet.without_empty().columns]
        ['a']
        """
        keep = [
            at
            for at in range(len(self.columns))
            if not self.rows or any(row[at] not in {None, ""} for row in self.rows)
        ]
        columns = tuple(self.columns[at] for at in keep)
        rows = tuple(tuple(row[at] for at in keep) for row in self.rows)
        return replace(self, columns=columns, rows=rows)

    def shown(self) -> list[list[Shown]]:
        """Return every cell as it is printed, with its sort key."""
        return [
            [Shown(column.show(cell), sort_key(cell), is_number(cell))
             for column, cell in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]  # fmt: skip

    def flat(self) -> tuple[list[str], list[list[Cell]]]:
        """Return heading and rows for a file: estimates spread over three columns."""
        wide = [
            any(isinstance(row[at], Estimate) for row in self.rows)
            for at in range(len(self.columns))
        ]
        header: list[str] = []
        for column, is_wide in zip(self.columns, wide, strict=True):
            header += [column.label]
            header += [f"{column.label} low", f"{column.label} high"] if is_wide else []
        rows = [
            [
                part
                for cell, is_wide in zip(row, wide, strict=True)
                for part in _spread(cell, is_wide)
            ]
            for row in self.rows
        ]
        return header, rows


@dataclass(frozen=True, slots=True)
class Shown:
    """A printed cell.

    Parameters
    ----------
    text : str
        As printed.
    key : str
        What a sort compares: numbers by value, missing ones last.
    numeric : bool
        Aligned to the right.
    """

    text: str
    key: str
    numeric: bool

    @property
    def brief(self) -> bool:
        """Whether it is a short entry that starts with a digit, such as ``48.3 (14.9-121)``."""
        return self.text[:1].isdigit() and len(self.text) <= 24

    @property
    def long(self) -> bool:
        """Whether it is a sentence, which a narrow column would make many lines tall."""
        return not self.numeric and len(self.text) > 24


def sort_key(cell: Cell) -> str:
    """Return what a sort compares: a number in full, or text.

    Examples
    --------
    >>> sort_key(0.25), sort_key("AFP"), sort_key(None)
    ('0.25', 'AFP', '')
    """
    if isinstance(cell, Estimate):
        cell = cell.value
    if cell is None:
        return ""
    return repr(float(cell)) if isinstance(cell, int | float) else cell


def is_number(cell: Cell) -> bool:
    """Whether a cell is aligned as a number."""
    return isinstance(cell, int | float | Estimate) and not isinstance(cell, bool)


def _spread(cell: Cell, wide: bool) -> Sequence[Cell]:  # noqa: FBT001 - internal, called once
    """Spread an estimate over three cells."""
    if not wide:
        return [cell]
    if isinstance(cell, Estimate):
        return [cell.value, cell.low, cell.high]
    return [cell, None, None]

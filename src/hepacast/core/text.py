# SPDX-License-Identifier: Apache-2.0
"""A table as it was written: every cell is text until somebody declares its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.core.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, eq=False)
class TextTable:
    """Columns of text cells; ``None`` where a cell is empty.

    Parameters
    ----------
    columns : mapping of str to tuple of str or None
        Cells by column heading, all of one length.
    source : str
        Name of the file it came from, for messages; never its folder, which may name a patient.
    digest : str
        sha256 of the file's bytes.

    Examples
    --------
    >>> TextTable({"id": ("007", "8")}, "cases.csv", "").column("id")
    ('007', '8')
    """

    columns: Mapping[str, tuple[str | None, ...]]
    source: str
    digest: str

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def column(self, name: str) -> tuple[str | None, ...]:
        """Return the cells of one column.

        Raises
        ------
        TableError
            If there is no such column; the message lists those there are.
        """
        if name not in self.columns:
            raise TableError(
                what=f"the table must have a column {name!r}",
                got=f"the columns {', '.join(self.columns)}",
                fix="Correct the name in the study file, or the heading in the table.",
            ).at(file=self.source)
        return self.columns[name]

    def ids(self, name: str) -> tuple[str, ...]:
        """Return a column of case ids: present, and without blanks around them.

        Raises
        ------
        TableError
            If an id is missing or has blanks around it, naming the row.
        """
        cells = self.column(name)
        for row, cell in enumerate(cells, start=2):
            if cell is None or cell != cell.strip():
                raise TableError(
                    what=f"every row needs an id in column {name!r}, without blanks around it",
                    got=f"{cell!r} in row {row}",
                    fix="Mend the cell; ids are compared letter by letter, never guessed.",
                ).at(file=self.source)
        return tuple(cell for cell in cells if cell is not None)

    def unique_ids(self, name: str) -> tuple[str, ...]:
        """Return a column of ids of which none occurs twice."""
        ids = self.ids(name)
        seen: set[str] = set()
        for row, case in enumerate(ids, start=2):
            if case in seen:
                raise TableError(
                    what=f"ids in column {name!r} must be unique",
                    got=f"{case!r} again in row {row}",
                    fix="Keep one row per case: the one at the index date.",
                ).at(file=self.source, case=case)
            seen.add(case)
        return ids

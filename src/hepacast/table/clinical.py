# SPDX-License-Identifier: Apache-2.0
"""From text cells to typed clinical variables, by the data dictionary."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import StudyError, TableError
from hepacast.core.events import Noticed, ignore
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.table.fields import MISSING_CELLS, cells_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Float

    from hepacast.core.events import Listener
    from hepacast.core.text import TextTable
    from hepacast.table.fields import Dictionary, Field

Cells = tuple[str | None, ...]
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_LIMIT = re.compile(r"[<>]\s*=?\s*(?P<limit>\S+)")
_LISTED = 20
"""Columns named in a notice; the others are counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """One clinical variable of all cases, for Table 1 and for models.

    Parameters
    ----------
    name : str
        Heading in the table.
    field : Field
        Its entry in the dictionary.
    numbers : (case,) float
        The number; 1 and 0 of a flag; the level's index of a category; NaN where not known.
    """

    name: str
    field: Field
    numbers: Float[np.ndarray, " case"]

    @property
    def label(self) -> str:
        """How the report prints it."""
        return self.field.label or self.name

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the values of a flag or category; empty for a number."""
        return ("no", "yes") if self.field.kind == "flag" else self.field.levels


@dataclass(frozen=True, slots=True, eq=False)
class ClinicalTable:
    """Typed clinical variables, and the text they came from (for outcomes)."""

    cases: tuple[str, ...]
    variables: Mapping[str, Variable]
    text: TextTable
    fields: Dictionary
    id_column: str

    def predictors(self, names: Sequence[str]) -> FeatureTable:
        """Encode variables as columns: a category becomes one column per non-reference level.

        The levels come from the dictionary, so nothing is learned from the cases.
        """
        columns: list[FeatureName] = []
        values: list[np.ndarray] = []
        for name in names:
            variable = self.variables[name]
            if variable.field.kind != "category":
                columns.append(FeatureName.clinical(name))
                values.append(variable.numbers)
                continue
            for at, level in enumerate(variable.field.levels[1:], start=1):
                hit = np.where(np.isnan(variable.numbers), np.nan, variable.numbers == at)
                columns.append(FeatureName.clinical(f"{name}={level}".replace("/", "|")))
                values.append(hit)
        stacked = np.column_stack(values) if values else np.empty((len(self.cases), 0))
        return FeatureTable(stacked, self.cases, tuple(columns))


def read_clinical(
    text: TextTable, id_column: str, fields: Dictionary, *, on_event: Listener = ignore
) -> ClinicalTable:
    """Type every described column; columns that nobody described are named and left out.

    Parameters
    ----------
    text : TextTable
        Cells as they were read.
    id_column : str
        Column with the case ids, each once.
    fields : mapping of str to Field
        The dictionary.
    on_event : callable
        Told of columns without a description, and of spellings that were replaced.

    Raises
    ------
    TableError
        Naming column, row and cell of the first value that breaks its description.

    Examples
    --------
    >>> from hepacast.core.text import TextTable
    >>> from hepacast.table.fields import parse_dictionary
    >>> fields = {"afp": {"kind": "number", "unit": "ug/L", "timing": "baseline"}}
    >>> text = TextTable({"case": ("007", "008"), "afp": ("12.5", "NA")}, "clinical.csv", "")
    >>> found = read_clinical(text, "case", parse_dictionary(fields, source="fields.yaml"))
    >>> found.cases, found.variables["afp"].numbers.tolist()
    (('007', '008'), [12.5, nan])
    """
    cases = text.unique_ids(id_column)
    for name in fields:
        text.column(name)
    strange = [name for name in text.columns if name not in fields and name != id_column]
    if strange:
        more = f" and {len(strange) - _LISTED} more" if len(strange) > _LISTED else ""
        listed = ", ".join(strange[:_LISTED]) + more
        on_event(Noticed(text.source, f"columns without a description are not used: {listed}"))
    variables = {
        name: Variable(name, field, parse_cells(text, name, field, cases, on_event=on_event))
        for name, field in fields.items()
        if field.kind in {"number", "category", "flag"}
    }
    return ClinicalTable(cases, variables, text, fields, id_column)


def choose_predictors(clinical: ClinicalTable, use: Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that may predict: those asked for, or every baseline variable.

    Parameters
    ----------
    clinical : ClinicalTable
        Typed variables.
    use : sequence of str, optional
        Names asked for.

    Raises
    ------
    StudyError
        If a column asked for was not known at baseline, or is not described.
    """
    if use is None:
        return tuple(n for n, v in clinical.variables.items() if v.field.timing == "baseline")
    for at, name in enumerate(use):
        if name in use[:at]:
            raise StudyError(
                what="every predictor is named once",
                got=f"{name!r} twice",
                fix="Take one of them out of clinical.use.",
            )
        field = clinical.fields.get(name)
        if field is None:
            raise StudyError(
                what="a predictor must be described in the data dictionary",
                got=repr(name),
                fix="Add its kind, unit and timing to the dictionary.",
            )
        if field.timing != "baseline":
            raise StudyError(
                what="a predictor must be known at baseline",
                got=f"{name!r}, whose timing is {field.timing!r}",
                fix="Leave it out: a forecast cannot use what is only known later.",
            )
        if name not in clinical.variables:
            raise StudyError(
                what="a predictor must be a number, category or flag",
                got=f"{name!r} of kind {field.kind!r}",
                fix="Describe it as one of these, or leave it out.",
            )
    return tuple(use)


def parse_cells(
    text: TextTable, name: str, field: Field, cases: Sequence[str], *, on_event: Listener = ignore
) -> Float[np.ndarray, " case"]:
    """Turn the cells of one column into numbers, as its field says.

    Parameters
    ----------
    text : TextTable
        The table.
    name : str
        Column.
    field : Field
        Its entry in the dictionary.
    cases : sequence of str
        Ids of the rows, for messages.
    on_event : callable
        Told of values below or above a limit of detection that were read as the limit.

    Returns
    -------
    (case,) float
        The number; 1 and 0 of a flag; the index of a category's level; NaN where missing.

    Raises
    ------
    TableError
        Naming the first cell that the field does not allow.
    """
    cells = clean_cells(text, name, field, on_event=on_event)
    numbers = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if cell is None:
            continue
        value = _parse_cell(cell, field)
        if value is None:
            raise TableError(
                what=f"column {name!r} must hold {_expected(field)}",
                got=f"{cell!r} in row {row + 2}",
                fix="Mend the cell, or declare it in the dictionary (missing, rename, levels).",
            ).at(file=text.source, case=cases[row])
        if field.kind == "number" and cell[0] in "<>":
            on_event(Noticed(f"{text.source}:{name}", f"{cases[row]}: {cell!r} read as {value:g}"))
        numbers[row] = value
    return numbers


def clean_cells(text: TextTable, name: str, field: Field, *, on_event: Listener = ignore) -> Cells:
    """Strip blanks, replace declared spellings (logged) and empty the cells that mean missing.

    Parameters
    ----------
    text : TextTable
        The table.
    name : str
        Column.
    field : Field
        Says which spellings and which missing cells there are.
    on_event : callable
        Told of every spelling that was replaced, and how often.

    Returns
    -------
    tuple of str or None
        None where missing.
    """
    missing = {*MISSING_CELLS, *field.missing}
    cleaned: list[str | None] = []
    renamed: dict[str, int] = {}
    for cell in text.column(name):
        stripped = cell.strip() if cell is not None else ""
        if stripped in field.rename:
            renamed[stripped] = renamed.get(stripped, 0) + 1
            stripped = field.rename[stripped]
        # A declared level wins: "NA" may be the name of a group.
        known = stripped in field.levels or stripped not in missing
        cleaned.append(stripped if known else None)
    for spelling, times in renamed.items():
        said = f"{spelling!r} read as {field.rename[spelling]!r} in {times} rows"
        on_event(Noticed(f"{text.source}:{name}", said))
    return tuple(cleaned)


def _parse_cell(cell: str, field: Field) -> float | None:
    """Return the number that one cell stands for, or None if its field does not allow it."""
    if field.kind == "category":
        return float(field.levels.index(cell)) if cell in field.levels else None
    if field.kind == "flag":
        if cell in cells_of(field.true):
            return 1.0
        return 0.0 if cell in cells_of(field.false) else None
    if field.censored == "limit" and (limit := _LIMIT.fullmatch(cell)):
        cell = limit["limit"]
    if not _NUMBER.fullmatch(cell):
        return None
    value = float(cell)
    below = field.low is not None and value < field.low
    above = field.high is not None and value > field.high
    return None if below or above or math.isinf(value) else value


def _expected(field: Field) -> str:
    """Describe in words what a cell of this field may hold."""
    if field.kind == "category":
        return f"one of {', '.join(field.levels)}"
    if field.kind == "flag":
        return f"one of {', '.join(cells_of(field.true) + cells_of(field.false))}"
    low = f" from {field.low:g}" if field.low is not None else ""
    high = f" to {field.high:g}" if field.high is not None else ""
    return f"numbers in {field.unit}{low}{high}"

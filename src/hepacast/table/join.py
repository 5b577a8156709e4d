# SPDX-License-Identifier: Apache-2.0
"""Feature tables made elsewhere, and the join of all sources on the case id."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import TableError
from hepacast.core.events import Noticed, ignore
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.table.fields import MISSING_CELLS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hepacast.core.events import Listener
    from hepacast.core.text import TextTable


def read_features(
    text: TextTable, id_column: str, drop: Collection[str] = (), *, on_event: Listener = ignore
) -> FeatureTable:
    """Read a ready-made feature table: one row per case, one number per cell.

    PyRadiomics' ``diagnostics_`` columns are left out.  A column whose values
    have mean 0 and SD 1 over all cases was standardised by somebody on
    everybody; that is noticed, because it used the later test patients.

    Parameters
    ----------
    text : TextTable
        Cells as they were read.
    id_column : str
        Column with the case ids, each once.
    drop : collection of str
        Columns that are no features.
    on_event : callable
        Told of columns that arrive standardised.

    Raises
    ------
    TableError
        If a cell is not a number, a column to drop does not exist, or no feature is left.

    Examples
    --------
    >>> from hepacast.core.text import TextTable
    >>> cells = {"case": ("007", "008"), "original_glcm_Idm": ("0.25", "")}
    >>> read_features(TextTable(cells, "features.csv", ""), "case").values.tolist()
    [[0.25], [nan]]
    """
    cases = text.unique_ids(id_column)
    for name in drop:
        text.column(name)
    skip = {id_column, *drop}
    names = [n for n in text.columns if n not in skip and not n.startswith("diagnostics_")]
    if not names:
        raise TableError(
            what="a feature table needs at least one feature beside the ids",
            got=f"the columns {', '.join(text.columns)}",
            fix="Take the features out of drop, or name the right table.",
        ).at(file=text.source)
    values = np.column_stack([_numbers(text, name, cases) for name in names])
    try:
        table = FeatureTable(values, cases, tuple(FeatureName.from_column(n) for n in names))
    except TableError as error:
        raise error.at(file=text.source) from None
    with np.errstate(invalid="ignore"):
        scaled = np.isclose(values.mean(0), 0, atol=1e-6) & np.isclose(values.std(0), 1, atol=0.02)
    if scaled.mean() > 0.5:
        said = (
            f"{int(scaled.sum())} of {len(names)} columns arrive standardised over all "
            f"{len(cases)} cases: their scale was learned from everybody, test patients included"
        )
        on_event(Noticed(text.source, said))
    return table


def _numbers(text: TextTable, name: str, cases: tuple[str, ...]) -> np.ndarray:
    """Read one column of numbers; empty cells are NaN."""
    numbers = np.full(len(cases), np.nan)
    for row, cell in enumerate(text.column(name)):
        if cell is None or cell.strip() in MISSING_CELLS:
            continue
        try:
            numbers[row] = float(cell)
        except ValueError:
            numbers[row] = math.inf
        if not math.isfinite(numbers[row]):
            raise TableError(
                what=f"feature column {name!r} must hold finite numbers",
                got=f"{cell!r} in row {row + 2}",
                fix="Mend the cell, or list the column under drop.",
            ).at(file=text.source, case=cases[row])
    return numbers


def join_sources(
    sources: Mapping[str, FeatureTable], cases: tuple[str, ...]
) -> tuple[FeatureTable, dict[str, tuple[FeatureName, ...]]]:
    """Put the tables of all sources beside each other for the given cases.

    Parameters
    ----------
    sources : mapping of str to FeatureTable
        By name.
    cases : tuple of str
        Rows of the result, in this order.

    Returns
    -------
    table : FeatureTable
        All columns.
    columns : dict
        Columns of every source, which scores choose from.

    Raises
    ------
    TableError
        If a source lacks one of the cases.
    """
    joined = FeatureTable(np.empty((len(cases), 0)), cases, ())
    for name, source in sources.items():
        try:
            joined = joined.beside(source)
        except TableError as error:
            raise error.at(source=name) from None
    return joined, {name: source.columns for name, source in sources.items()}

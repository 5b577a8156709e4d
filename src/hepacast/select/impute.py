# SPDX-License-Identifier: Apache-2.0
"""Fill missing values with what is typical of the training patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from hepacast.core.params import Params
from hepacast.select.step import FittedStep, step, with_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Float

    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureName, FeatureTable


class ImputeParams(Params):
    """Settings of the filling of missing values."""

    kind: Literal["impute"] = "impute"
    drop_missing_over: float = Field(default=0.2, ge=0, le=1)
    """Columns with a larger share of missing training values are dropped."""


class Fill(FittedStep):
    """Replace missing values by one number per column.

    Parameters
    ----------
    train : Train
        What it learned from.
    outputs : sequence of FeatureName
        Columns that are kept.
    typical : (output,) float
        What a missing value becomes, in the unit of its column.
    filled : mapping of FeatureName to int
        Missing training values of each kept column that has any.
    notes : sequence of str
        Which columns were dropped.
    """

    def __init__(
        self,
        train: Train,
        outputs: Sequence[FeatureName],
        typical: Float[np.ndarray, " output"],
        filled: Mapping[FeatureName, int],
        notes: Sequence[str],
    ) -> None:
        super().__init__(train, outputs, notes)
        self.typical, self.filled = typical, dict(filled)

    def _apply(self, table: FeatureTable) -> FeatureTable:
        values = with_columns(table, self.outputs).values
        return table.with_values(np.where(np.isnan(values), self.typical, values), self.outputs)


@step(ImputeParams)
def impute(train: Train, params: ImputeParams, rng: np.random.Generator) -> Fill:  # noqa: ARG001
    """Fill each column with its training median, or with the commoner of two values.

    Parameters
    ----------
    train : Train
        NaN where missing; columns without any value are always dropped.
    params : ImputeParams
        From which share of missing values on a column is dropped.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    Fill
        It fills cases never seen with the training patients' numbers.

    Notes
    -----
    A single filled value understates uncertainty; for a table with many gaps
    use several imputations.  Of two equally common values the smaller is taken.
    """
    values, columns = train.table.values, train.table.columns
    missing = np.isnan(values)
    share = missing.mean(axis=0) if len(values) else np.zeros(len(columns))
    keep = np.flatnonzero((share <= params.drop_missing_over) & ~missing.all(axis=0))
    typical = np.array([_typical(values[~missing[:, at], at]) for at in keep])
    filled = {columns[at]: int(missing[:, at].sum()) for at in keep if missing[:, at].any()}
    notes = []
    if dropped := [str(columns[at]) for at in np.setdiff1d(np.arange(len(columns)), keep)]:
        notes.append(
            f"{len(dropped)} columns dropped: more than {params.drop_missing_over:.0%} "
            f"missing in training ({', '.join(dropped[:5])}{', ...' if dropped[5:] else ''})"
        )
    return Fill(train, [columns[at] for at in keep], typical, filled, notes)


def _typical(present: Float[np.ndarray, " case"]) -> float:
    """Return the median, or the commoner value of a column with two.

    >>> _typical(np.array([0.0, 1.0, 1.0])), _typical(np.array([1.0, 2.0, 3.0, 10.0]))
    (1.0, 2.5)
    """
    levels, counts = np.unique(present, return_counts=True)
    if len(levels) == 2:
        return float(levels[np.argmax(counts)])
    return float(np.median(present))

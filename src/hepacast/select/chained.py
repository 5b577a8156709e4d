# SPDX-License-Identifier: Apache-2.0
"""Fill missing values from the other columns, by chained equations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from hepacast.core.params import Params
from hepacast.select.step import FittedStep, step, with_columns
from hepacast.stats.chained_equations import learn_equations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureName, FeatureTable
    from hepacast.stats.chained_equations import Equations


class ChainedParams(Params):
    """Settings of the imputation by chained equations."""

    kind: Literal["chained"] = "chained"
    rounds: int = Field(default=10, ge=1)
    """Passes over the columns."""
    ridge: float = Field(default=0.1, gt=0)
    """L2 penalty of each equation, per case, on standardised columns."""
    drop_missing_over: float = Field(default=0.2, ge=0, le=1)
    """Columns with a larger share of missing training values are dropped."""


class FillFromOthers(FittedStep):
    """Replace missing values by the prediction of ridge equations.

    Parameters
    ----------
    train : Train
        What it learned from.
    outputs : sequence of FeatureName
        Columns that are kept.
    equations : Equations
        Of these columns, in this order.
    notes : sequence of str
        Which columns were dropped.
    """

    def __init__(
        self,
        train: Train,
        outputs: Sequence[FeatureName],
        equations: Equations,
        notes: Sequence[str],
    ) -> None:
        super().__init__(train, outputs, notes)
        self.equations = equations

    def _apply(self, table: FeatureTable) -> FeatureTable:
        values = with_columns(table, self.outputs).values
        return table.with_values(self.equations.fill(values), self.outputs)


@step(ChainedParams)
def chained(train: Train, params: ChainedParams, rng: np.random.Generator) -> FillFromOthers:  # noqa: ARG001
    """Learn, for every column, a ridge equation on all others from the training cases.

    Parameters
    ----------
    train : Train
        NaN where missing; columns without any value are always dropped.
    params : ChainedParams
        Passes, penalty and when to drop a column.
    rng : numpy.random.Generator
        Not used: this is the conditional mean, not a draw.

    Returns
    -------
    FillFromOthers
        The outcome takes no part, so that new patients can be filled alike.

    Notes
    -----
    One filled data set: it understates the uncertainty of coefficients.  The
    model ``imputed`` draws several and pools them (Rubin).  Source: van Buuren
    and Groothuis-Oudshoorn 2011, J Stat Softw 45(3).
    """
    values, columns = train.table.values, train.table.columns
    missing = np.isnan(values)
    share = missing.mean(axis=0) if len(values) else np.zeros(len(columns))
    keep = np.flatnonzero((share <= params.drop_missing_over) & ~missing.all(axis=0))
    outputs = [columns[at] for at in keep]
    notes = [f"{len(columns) - len(keep)} columns dropped"] if len(keep) < len(columns) else []
    equations = learn_equations(values[:, keep], rounds=params.rounds, ridge=params.ridge)
    return FillFromOthers(train, outputs, equations, notes)

# SPDX-License-Identifier: Apache-2.0
"""Fill missing values from the other columns, by chained equations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from hepacast.core.params import Params
from hepacast.select.step import FittedStep, step, with_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float

    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureName, FeatureTable


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
    scale : (3, output) float
        Mean, standard deviation and the two ends of the training range follow
        as rows: mean, SD, low, high.
    equations : sequence of (column, (output,) float)
        Weights for standardised columns, in the order of filling.
    rounds : int
        Passes over the equations.
    notes : sequence of str
        Which columns were dropped.
    """

    def __init__(
        self,
        train: Train,
        outputs: Sequence[FeatureName],
        scale: Float[np.ndarray, "row output"],
        equations: Sequence[tuple[int, Float[np.ndarray, " output"]]],
        *,
        rounds: int,
        notes: Sequence[str],
    ) -> None:
        super().__init__(train, outputs, notes)
        self._scale, self.equations, self.rounds = scale, tuple(equations), rounds

    def _apply(self, table: FeatureTable) -> FeatureTable:
        values = with_columns(table, self.outputs).values
        mean, deviation, low, high = self._scale
        z = (values - mean) / deviation
        gaps = np.isnan(z)
        z = np.where(gaps, 0.0, z)
        for _ in range(self.rounds):
            for column, weights in self.equations:
                z[gaps[:, column], column] = z[gaps[:, column]] @ weights
        # No filled value outside what training patients had.
        filled = np.clip(z * deviation + mean, low, high)
        return table.with_values(np.where(gaps, filled, values), self.outputs)


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
    One filled data set: it understates the uncertainty of coefficients.  For
    pooled inference draw several (Rubin).  Source: van Buuren and
    Groothuis-Oudshoorn 2011, J Stat Softw 45(3).
    """
    values, columns = train.table.values, train.table.columns
    missing = np.isnan(values)
    share = missing.mean(axis=0) if len(values) else np.zeros(len(columns))
    keep = np.flatnonzero((share <= params.drop_missing_over) & ~missing.all(axis=0))
    kept, gaps = values[:, keep], missing[:, keep]
    outputs = [columns[at] for at in keep]
    notes = [f"{len(columns) - len(keep)} columns dropped"] if len(keep) < len(columns) else []
    if not len(keep):
        return FillFromOthers(train, [], np.zeros((4, 0)), (), rounds=1, notes=notes)
    mean, deviation = np.nanmean(kept, axis=0), np.nanstd(kept, axis=0)
    deviation = np.where(deviation > 1e-12 * np.abs(mean), deviation, 1.0)
    scale = np.stack([mean, deviation, np.nanmin(kept, axis=0), np.nanmax(kept, axis=0)])
    z = np.where(gaps, 0.0, (kept - mean) / deviation)
    equations: list[tuple[int, Any]] = []
    # A column complete in training may have gaps in a new patient: all get an equation.
    order = np.argsort(gaps.sum(axis=0), kind="stable")
    for round_ in range(params.rounds):
        equations = []
        for column in order:
            weights = _equation(z, ~gaps[:, column], int(column), params.ridge)
            z[gaps[:, column], column] = z[gaps[:, column]] @ weights
            equations.append((int(column), weights))
        if round_ and not gaps.any():
            break
    return FillFromOthers(train, outputs, scale, equations, rounds=params.rounds, notes=notes)


def _equation(
    z: Float[np.ndarray, "case feature"], rows: np.ndarray, column: int, ridge: float
) -> Float[np.ndarray, " feature"]:
    """Fit one column on the others by ridge regression; its own weight is 0."""
    x, y = z[rows].copy(), z[rows, column]
    x[:, column] = 0.0
    n, p = x.shape
    if p <= n:
        weights = np.linalg.solve(x.T @ x + ridge * n * np.eye(p), x.T @ y)
    else:
        weights = x.T @ np.linalg.solve(x @ x.T + ridge * n * np.eye(n), y)
    weights[column] = 0.0
    return np.asarray(weights, dtype=np.float64)

# SPDX-License-Identifier: Apache-2.0
"""Ridge equations of every column on all others, and missing values filled from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, slots=True, eq=False)
class Equations:
    """What fills the gaps of a table.

    Parameters
    ----------
    scale : (4, term) float
        Mean, standard deviation, and the two ends of the training range, as rows.
    steps : tuple of (column, (term,) float, float)
        Weights for standardised columns and intercept, in the order of filling.
    rounds : int
        Passes over the equations.
    """

    scale: Float[np.ndarray, "row term"]
    steps: tuple[tuple[int, Float[np.ndarray, " term"], float], ...]
    rounds: int

    def fill(self, values: Float[np.ndarray, "case term"]) -> Float[np.ndarray, "case term"]:
        """Return the values with every gap filled; rows do not influence one another."""
        mean, deviation, low, high = self.scale
        z = (values - mean) / deviation
        gaps = np.isnan(z)
        z = np.where(gaps, 0.0, z)
        for _ in range(self.rounds):
            for column, weights, intercept in self.steps:
                z[gaps[:, column], column] = z[gaps[:, column]] @ weights + intercept
        # No filled value outside what training patients had.
        filled = np.clip(z * deviation + mean, low, high)
        complete: Float[np.ndarray, "case term"] = np.where(gaps, filled, values)
        return complete


def learn_equations(
    values: Float[np.ndarray, "case term"], *, rounds: int = 10, ridge: float = 0.1
) -> Equations:
    """Learn, for every column, a ridge equation on all others.

    Parameters
    ----------
    values : (case, term) float
        NaN where missing; each column has a value.
    rounds : int
        Passes over the columns.
    ridge : float
        L2 penalty of each equation, per case, on standardised columns.

    Notes
    -----
    The conditional mean, not a draw.  Source: van Buuren and Groothuis-Oudshoorn 2011, J Stat
    Softw 45(3).

    Examples
    --------
    >>> x = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, np.nan], [4.0, 8.0]])
    >>> learn_equations(x, ridge=1e-6).fill(x)[2].round(1).tolist()
    [3.0, 6.0]
    """
    if not values.shape[1]:
        return Equations(np.zeros((4, 0)), (), 1)
    gaps = np.isnan(values)
    mean, deviation = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    deviation = np.where(deviation > 1e-12 * np.abs(mean), deviation, 1.0)
    scale = np.stack([mean, deviation, np.nanmin(values, axis=0), np.nanmax(values, axis=0)])
    z = np.where(gaps, 0.0, (values - mean) / deviation)
    steps: list[tuple[int, Float[np.ndarray, " term"], float]] = []
    # A column complete in training may have gaps in a new patient: all get an equation.
    order = np.argsort(gaps.sum(axis=0), kind="stable")
    for round_ in range(rounds):
        steps = []
        for column in order:
            weights, intercept = _equation(z, ~gaps[:, column], int(column), ridge)
            z[gaps[:, column], column] = z[gaps[:, column]] @ weights + intercept
            steps.append((int(column), weights, intercept))
        if round_ and not gaps.any():
            break
    return Equations(scale, tuple(steps), rounds)


def _equation(
    z: Float[np.ndarray, "case term"], rows: np.ndarray, column: int, ridge: float
) -> tuple[Float[np.ndarray, " term"], float]:
    """Fit one column on the others by ridge regression; its own weight is 0."""
    x, y = z[rows].copy(), z[rows, column]
    x[:, column] = 0.0
    # Where the column is known the others need not have mean 0.
    centre, level = x.mean(axis=0), float(y.mean())
    x, y = x - centre, y - level
    n, p = x.shape
    if p <= n:
        weights = np.linalg.solve(x.T @ x + ridge * n * np.eye(p), x.T @ y)
    else:
        weights = x.T @ np.linalg.solve(x @ x.T + ridge * n * np.eye(n), y)
    weights[column] = 0.0
    found: Float[np.ndarray, " term"] = np.asarray(weights, dtype=np.float64)
    return found, level - float(centre @ found)

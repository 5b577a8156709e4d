# SPDX-License-Identifier: Apache-2.0
"""How two measurements go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.estimate import interval_text, p_text, z_of
from hepacast.stats.inputs import floats

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy.typing import ArrayLike

Kind = Literal["pearson", "spearman", "kendall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """A correlation with its interval and P value.

    Parameters
    ----------
    kind : {"pearson", "spearman", "kendall"}
        Which coefficient.
    estimate, low, high : float
        Between -1 and 1.
    p : float
        Two-sided P value of no association.
    n : int
        Cases.
    level : float
        Confidence level.
    """

    kind: Kind
    estimate: float
    low: float
    high: float
    p: float
    n: int
    level: float = 0.95

    def sentence(self, digits: int = 2) -> str:
        """Write it as a manuscript would."""
        interval = interval_text(self.low, self.high, self.level, digits)
        name = {"pearson": "Pearson r", "spearman": "Spearman rho", "kendall": "Kendall tau"}
        value = f"{name[self.kind]} {self.estimate:.{digits}f}"
        return f"{value} ({interval}; {p_text(self.p)}, Fisher z)"


def correlate(
    x: ArrayLike, y: ArrayLike, kind: Kind = "pearson", *, level: float = 0.95
) -> Correlation:
    """Correlate two measurements of the same cases.

    Parameters
    ----------
    x, y : (case,) float
        Finite values.
    kind : {"pearson", "spearman", "kendall"}
        Kendall's is tau-b.
    level : float
        Confidence level.

    Returns
    -------
    Correlation
        Limits by Fisher's z, with the variance of Fieller, Hartley and Pearson 1957 (Biometrika
        44:470) for ranks: 1.06 / (n - 3) for Spearman, 0.437 / (n - 4) for Kendall.

    Raises
    ------
    NotEstimableError
        With fewer than five cases, or a measurement that does not vary.

    Examples
    --------
    >>> correlate([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5]).sentence()
    'Pearson r 0.83 (95 % CI 0.05-0.98; P = 0.04, Fisher z)'
    """
    first = floats("x", x)
    second = floats("y", y, first.size)
    n = first.size
    if n < 5 or np.ptp(first) == 0 or np.ptp(second) == 0:
        raise NotEstimableError(
            what="a correlation needs five cases, and measurements that vary",
            got=f"{n} cases, {np.unique(first).size} and {np.unique(second).size} different values",
            fix="Show the values instead.",
        )
    spreads = {"pearson": 1 / (n - 3), "spearman": 1.06 / (n - 3), "kendall": 0.437 / (n - 4)}
    if kind not in spreads:
        raise TableError(
            what="a correlation is pearson, spearman or kendall",
            got=repr(kind),
            fix="Use spearman for skewed measurements.",
        )
    r, p = _coefficient(first, second, kind)
    low, high = _limits(r, spreads[kind], level)
    return Correlation(kind=kind, estimate=r, low=low, high=high, p=p, n=n, level=level)


def _coefficient(
    first: Float[np.ndarray, " case"], second: Float[np.ndarray, " case"], kind: Kind
) -> tuple[float, float]:
    if kind == "pearson":
        pearson = stats.pearsonr(first, second)
        return float(pearson.statistic), float(pearson.pvalue)
    if kind == "spearman":
        spearman = stats.spearmanr(first, second)
        return float(spearman.statistic), float(spearman.pvalue)
    kendall = stats.kendalltau(first, second)
    return float(kendall.statistic), float(kendall.pvalue)


def _limits(r: float, variance: float, level: float) -> tuple[float, float]:
    if abs(r) >= 1:
        return r, r
    reach = z_of(level) * np.sqrt(variance)
    return float(np.tanh(np.arctanh(r) - reach)), float(np.tanh(np.arctanh(r) + reach))


def correlation_matrix(X: ArrayLike, kind: Kind = "spearman") -> Float[np.ndarray, "term term"]:
    """Correlate all columns with one another.

    Parameters
    ----------
    X : (case, term) float
        Finite values.
    kind : {"pearson", "spearman"}
        Which coefficient.

    Returns
    -------
    (term, term) float
        0 for columns that do not vary, 1 on the diagonal.

    Examples
    --------
    >>> correlation_matrix([[1.0, 3], [2, 2], [3, 1]]).round(6).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    table = floats("column", X)
    ranked = stats.rankdata(table, axis=0) if kind == "spearman" else table
    centred = ranked - ranked.mean(axis=0)
    scale = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(scale > 0, scale, 1.0)
    matrix: Float[np.ndarray, "term term"] = np.clip(unit.T @ unit, -1, 1)
    np.fill_diagonal(matrix, 1.0)
    return matrix

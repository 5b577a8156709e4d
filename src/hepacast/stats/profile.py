# SPDX-License-Identifier: Apache-2.0
"""Profile likelihood intervals of logistic regressions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.coefficients import Coefficients, design
from hepacast.stats.inputs import flags
from hepacast.stats.regression import LogisticFit, binomial_loglik, firth_maximum, logistic_maximum

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike

_WIDEST = 60


def _profile(
    matrix: Float[np.ndarray, "case term"],
    event: Bool[np.ndarray, " case"],
    column: int,
    start: Float[np.ndarray, " term"],
    ridge: Float[np.ndarray, " term"],
    *,
    firth: bool,
) -> Callable[[float], float]:
    """Highest (penalised) log likelihood with one coefficient held."""
    free = np.arange(matrix.shape[1]) != column

    def penalised(value: float) -> float:
        # The other coefficients follow along the ridge, or the search starts far off.
        held = start + (value - start[column]) * ridge
        return firth_maximum(matrix, event, free, held)[1]

    def plain(value: float) -> float:
        shift = value * matrix[:, column]
        beta, _, converged = logistic_maximum(matrix[:, free], event, shift)
        if not converged:
            raise NotEstimableError(
                what="the profile likelihood must have a maximum",
                got=f"none with the coefficient held at {value:.3g}",
                fix="Use firth_logistic.",
            )
        return binomial_loglik(shift + matrix[:, free] @ beta, event)

    return penalised if firth else plain


def profile_intervals(
    fit: LogisticFit, X: ArrayLike, event: ArrayLike, *, level: float = 0.95
) -> Coefficients:
    """Replace Wald intervals and P values by those of the profile likelihood.

    Parameters
    ----------
    fit : LogisticFit
        From :func:`~hepacast.stats.regression.fit_logistic` or
        :func:`~hepacast.stats.regression.firth_logistic`.
    X, event
        What it was fitted to, without offset.
    level : float
        Confidence level.

    Returns
    -------
    Coefficients
        Limits where twice the log likelihood falls by the chi-square quantile, solved to
        1e-10 (R's ``confint`` interpolates between a few points); P values of the likelihood
        ratio.  For a Firth fit the penalised likelihood is used.

    Notes
    -----
    Source: Venzon and Moolgavkar 1988, Appl Stat 37:87; Heinze and Schemper 2002.

    Examples
    --------
    >>> from hepacast.stats.regression import fit_logistic
    >>> x, event = [1.0, 2, 3, 4, 5, 6], [0, 0, 1, 0, 1, 1]
    >>> table = profile_intervals(fit_logistic(x, event, ["size"]), x, event)
    >>> table.sentence("size")
    'size: OR 3.37 (95 % CI 0.94-64.02; P = 0.07, profile likelihood)'
    """
    happened = flags("event", event)
    scaled = design(X, fit.coefficients.names[1:])
    if happened.size != fit.n or int(happened.sum()) != fit.events:
        raise TableError(
            what="a profile needs the cases that the model was fitted to",
            got=f"{happened.size} cases, {int(happened.sum())} events; the model saw {fit.n} and "
            f"{fit.events}",
            fix="Pass the training cases.",
        )
    firth = fit.method.startswith("Firth")
    # The intercept of uncentred columns is the parameter that the table reports.
    matrix = np.column_stack([np.ones(happened.size), scaled.scaled + scaled.center / scaled.scale])
    scale = np.concatenate([[1.0], scaled.scale])
    best, se = fit.coefficients.beta * scale, fit.coefficients.se * scale
    top = fit.loglik - (float(np.log(scaled.scale).sum()) if firth else 0.0)
    covariance = fit.coefficients.covariance * np.outer(scale, scale)
    drop = float(stats.chi2.ppf(level, 1)) / 2
    low, high, p = (np.empty(best.size) for _ in range(3))
    for column in range(best.size):
        ridge = covariance[column] / covariance[column, column]
        height = _profile(matrix, happened, column, best, ridge, firth=firth)
        low[column] = _limit(height, best[column], -se[column], top - drop)
        high[column] = _limit(height, best[column], se[column], top - drop)
        p[column] = stats.chi2.sf(2 * max(top - height(0.0), 0.0), 1)
    return replace(
        fit.coefficients,
        low=low / scale,
        high=high / scale,
        p=p,
        method="profile penalised likelihood" if firth else "profile likelihood",
        level=level,
    )


def _limit(height: Callable[[float], float], best: float, step: float, floor: float) -> float:
    """Walk away from the maximum until the profile is below the floor, then solve."""
    inner, outer = best, best + step
    for _ in range(_WIDEST):
        if height(outer) < floor:
            return float(
                optimize.brentq(lambda value: height(value) - floor, inner, outer, xtol=1e-10)
            )
        inner, outer = outer, outer + step
    raise NotEstimableError(
        what="the profile likelihood must fall on both sides",
        got=f"no limit within {_WIDEST} standard errors",
        fix="Use firth_logistic: the classes are nearly separated.",
    )

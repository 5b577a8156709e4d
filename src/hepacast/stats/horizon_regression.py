# SPDX-License-Identifier: Apache-2.0
"""Logistic regression of the event by a horizon, with censoring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from hepacast.core.errors import NotEstimableError
from hepacast.stats.coefficients import design
from hepacast.stats.horizon_competing import weights_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float
    from numpy.typing import ArrayLike

    from hepacast.stats.horizon import Weights

_STEPS = 100


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HorizonFit:
    """A logistic regression of the event by a horizon.

    Parameters
    ----------
    horizon : float
        In the unit of the times.
    intercept : float
        Log odds of a case whose covariates are all 0.
    beta : (term,) float
        Log odds ratios per unit.
    names : tuple of str
        Of the covariates.
    n, events, unknown : int
        Cases, events by the horizon, and cases censored before it (their weight went to the
        others).
    """

    horizon: float
    intercept: float
    beta: Float[np.ndarray, " term"]
    names: tuple[str, ...]
    n: int
    events: int
    unknown: int

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        rows = "; ".join(
            f"{name}: OR {np.exp(one):.2f}" for name, one in zip(self.names, self.beta, strict=True)
        )
        return (
            f"Logistic regression of the event by {self.horizon:g} ({self.events} events in "
            f"{self.n}, {self.unknown} censored before; IPCW): {rows}"
        )


def fit_horizon(
    X: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    horizon: float,
    names: Sequence[str] | None = None,
    *,
    penalty: float = 0.0,
) -> HorizonFit:
    """Fit a logistic regression of the event by a horizon, with weights for censoring.

    Parameters
    ----------
    X : (case, term) or (case,) float
        Covariates; no missing values.
    time : (case,) float
        Time to the first event or to censoring, any one unit.
    event : (case,) bool or int
        True where the event was seen; or a cause: 0 censored, 1 the event of interest, 2 and
        above competing events, which count as no event.
    horizon : float
        In the unit of ``time``.
    names : sequence of str, optional
        Of the columns.
    penalty : float
        L2 penalty of the log odds ratios per standard deviation, times the sum of weights.

    Returns
    -------
    HorizonFit
        Cases censored before the horizon have weight 0; all others 1 / G, with the Kaplan-Meier
        curve G of censoring in these very cases.

    Raises
    ------
    NotEstimableError
        Without events by the horizon or cases followed beyond it, with constant or collinear
        columns, or with separation and no penalty.

    Notes
    -----
    Source: Zheng 2006, Biometrics 62:279; Blanche 2023, Lifetime Data Anal 29:441.

    Examples
    --------
    >>> x, time, event = [1.0, 3, 2, 5, 4, 6], [9, 8, 3, 3, 4, 7], [0, 1, 1, 1, 0, 1]
    >>> fit = fit_horizon(x, time, event, 5.0, ["size"])
    >>> fit.events, fit.unknown, bool(fit.beta[0] > 0)
    (2, 1, True)
    """
    weights = weights_at(time, event, horizon)
    scaled = design(X, names)
    beta = _maximise(scaled.scaled, weights, penalty)
    ratio = beta[1:] / scaled.scale
    return HorizonFit(
        horizon=horizon,
        intercept=float(beta[0] - scaled.center @ ratio),
        beta=ratio,
        names=scaled.names,
        n=weights.time.size,
        events=int(weights.case.sum()),
        unknown=int((~weights.case & ~weights.control).sum()),
    )


def _maximise(
    x: Float[np.ndarray, "case term"], weights: Weights, penalty: float
) -> Float[np.ndarray, " term"]:
    """Newton's method with halving, on the weighted penalised log likelihood."""
    matrix = np.column_stack([np.ones(len(x)), x])
    w, y = weights.weight, weights.case
    brake = penalty * float(w.sum()) * np.concatenate([[0.0], np.ones(x.shape[1])])

    def value(beta: Float[np.ndarray, " term"]) -> float:
        odds = matrix @ beta
        return float(w @ (y * odds - np.logaddexp(0.0, odds)) - 0.5 * brake @ beta**2)

    beta: Float[np.ndarray, " term"] = np.zeros(matrix.shape[1])
    best = value(beta)
    for _ in range(_STEPS):
        mu = special.expit(matrix @ beta)
        score = matrix.T @ (w * (y - mu)) - brake * beta
        information = (matrix * (w * mu * (1 - mu))[:, None]).T @ matrix + np.diag(brake)
        step = np.linalg.lstsq(information, score, rcond=1e-14)[0]
        while value(beta + step) < best - 1e-10 * abs(best) and np.abs(step).max() > 1e-13:
            step = step / 2
        beta = beta + step
        best = value(beta)
        if np.abs(beta).max() > 30:
            break
        if np.abs(step).max() < 1e-11 * (1 + np.abs(beta).max()):
            return beta
    raise NotEstimableError(
        what="the weighted likelihood must have a maximum",
        got="coefficients running away: the covariates separate the events by the horizon",
        fix="Set a penalty, or leave the separating covariate out.",
    )

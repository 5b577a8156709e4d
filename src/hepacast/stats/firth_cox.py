# SPDX-License-Identifier: Apache-2.0
"""Cox regression by Firth's penalised partial likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.stats.coefficients import design
from hepacast.stats.cox import cox_pieces
from hepacast.stats.inputs import flags, some_events, times
from hepacast.stats.risk_sets import risk_sets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float
    from numpy.typing import ArrayLike

    from hepacast.stats.risk_sets import RiskSets, Ties

_STEPS = 200
_DIFFERENCE = 1e-5


def firth_cox(
    X: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    ties: Ties = "efron",
) -> Float[np.ndarray, " term"]:
    """Return log hazard ratios that stay finite where a group has no events.

    Parameters
    ----------
    X : (case, term) float
        Covariates; no missing values, constant or collinear columns.
    time : (case,) float
        Time to the event or to censoring, any one unit.
    event : (case,) bool
        True where the event was seen.
    names : sequence of str, optional
        Of the columns.
    ties : {"efron", "breslow"}
        Treatment of equal event times.

    Raises
    ------
    NotEstimableError
        Without events, or when the columns carry no information where events happen.

    Notes
    -----
    Maximises the log partial likelihood plus half the log determinant of the
    information (Jeffreys).  Source: Heinze and Schemper 2001, Biometrics 57:114.

    Examples
    --------
    >>> group = np.array([[1.0], [1.0], [1.0], [0.0], [0.0], [0.0]])
    >>> bool(0 < firth_cox(group, [1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 0, 0])[0] < 5)
    True
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    some_events("Cox regression", happened)
    scaled = design(X, names)
    sets = risk_sets(np.arange(happened.size), follow, happened, ties)
    beta = np.zeros(scaled.scaled.shape[1])
    value, score, information = _penalised(sets, scaled.scaled, beta)
    for _ in range(_STEPS):
        step = np.linalg.lstsq(information, score, rcond=1e-12)[0]
        step *= min(1.0, 5.0 / max(float(np.abs(step).max(initial=0.0)), 1e-300))
        new = _penalised(sets, scaled.scaled, beta + step)
        while new[0] < value - 1e-12 * abs(value) and np.abs(step).max() > 1e-13:
            step = step / 2
            new = _penalised(sets, scaled.scaled, beta + step)
        beta = beta + step
        value, score, information = new
        if np.abs(step).max(initial=0.0) < 1e-9 * (1 + np.abs(beta).max(initial=0.0)):
            ratio: Float[np.ndarray, " term"] = beta / scaled.scale
            return ratio
    raise NotEstimableError(
        what="the penalised partial likelihood must have a maximum",
        got=f"no convergence after {_STEPS} steps",
        fix="Use fewer covariates.",
    )


def _penalised(
    sets: RiskSets, X: Float[np.ndarray, "case term"], beta: Float[np.ndarray, " term"]
) -> tuple[float, Float[np.ndarray, " term"], Float[np.ndarray, "term term"]]:
    """Return penalised log-likelihood, its gradient, and the information."""
    pieces = cox_pieces(sets, X, beta)
    score = pieces.score.copy()
    for term in range(len(beta)):
        nudge = np.zeros_like(beta)
        nudge[term] = _DIFFERENCE
        up, down = (_half_logdet(sets, X, beta + sign * nudge) for sign in (1, -1))
        score[term] += (up - down) / (2 * _DIFFERENCE)
    return pieces.loglik + _half_logdet(sets, X, beta), score, pieces.information


def _half_logdet(
    sets: RiskSets, X: Float[np.ndarray, "case term"], beta: Float[np.ndarray, " term"]
) -> float:
    """Return half the log determinant of the information."""
    sign, logdet = np.linalg.slogdet(cox_pieces(sets, X, beta).information)
    if sign <= 0:
        raise NotEstimableError(
            what="the columns must vary among the cases at risk when events happen",
            got="an information matrix without inverse",
            fix="Leave a column out.",
        )
    return 0.5 * float(logdet)

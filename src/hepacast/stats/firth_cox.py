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
    from collections.abc import Callable, Sequence

    from jaxtyping import Float
    from numpy.typing import ArrayLike

    from hepacast.stats.risk_sets import Ties

    Evaluated = tuple[float, Float[np.ndarray, " term"], Float[np.ndarray, "term term"]]

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
    x = scaled.scaled

    def evaluate(beta: Float[np.ndarray, " term"]) -> Evaluated:
        pieces = cox_pieces(sets, x, beta)
        return pieces.loglik, pieces.score, pieces.information

    ratio: Float[np.ndarray, " term"] = firth_maximum(evaluate, x.shape[1]) / scaled.scale
    return ratio


def firth_maximum(
    evaluate: Callable[[Float[np.ndarray, " term"]], Evaluated], terms: int
) -> Float[np.ndarray, " term"]:
    """Climb to the maximum of a partial likelihood with Jeffreys' penalty.

    Parameters
    ----------
    evaluate : callable
        Log likelihood, score and information at given coefficients of scaled columns.
    terms : int
        Number of coefficients.

    Raises
    ------
    NotEstimableError
        If there is none, or the columns carry no information.
    """
    beta = np.zeros(terms)
    value, score, information = _penalised(evaluate, beta)
    for _ in range(_STEPS):
        step = np.linalg.lstsq(information, score, rcond=1e-12)[0]
        step *= min(1.0, 5.0 / max(float(np.abs(step).max(initial=0.0)), 1e-300))
        new = _tried(evaluate, beta + step)
        least = value - 1e-12 * abs(value)
        while not new[0] >= least and np.abs(step).max() > 1e-13:
            step = step / 2
            new = _tried(evaluate, beta + step)
        beta = beta + step
        value, score, information = new
        if np.abs(step).max(initial=0.0) < 1e-9 * (1 + np.abs(beta).max(initial=0.0)):
            return beta
    raise NotEstimableError(
        what="the penalised partial likelihood must have a maximum",
        got=f"no convergence after {_STEPS} steps",
        fix="Use fewer covariates.",
    )


def _penalised(
    evaluate: Callable[[Float[np.ndarray, " term"]], Evaluated], beta: Float[np.ndarray, " term"]
) -> Evaluated:
    """Return penalised log-likelihood, its gradient, and the information."""
    loglik, plain, information = evaluate(beta)
    score = plain.copy()
    for term in range(len(beta)):
        nudge = np.zeros_like(beta)
        nudge[term] = _DIFFERENCE
        up, down = (_half_logdet(evaluate(beta + sign * nudge)[2]) for sign in (1, -1))
        score[term] += (up - down) / (2 * _DIFFERENCE)
    return loglik + _half_logdet(information), score, information


def _tried(
    evaluate: Callable[[Float[np.ndarray, " term"]], Evaluated], beta: Float[np.ndarray, " term"]
) -> Evaluated:
    """Evaluate a step that may be too long: where nobody is left at risk it is worse than any."""
    try:
        return _penalised(evaluate, beta)
    except NotEstimableError:
        return -np.inf, np.zeros_like(beta), np.eye(len(beta))


def _half_logdet(information: Float[np.ndarray, "term term"]) -> float:
    """Return half the log determinant of the information."""
    sign, logdet = np.linalg.slogdet(information)
    if sign <= 0:
        raise NotEstimableError(
            what="the columns must vary among the cases at risk when events happen",
            got="an information matrix without inverse",
            fix="Leave a column out.",
        )
    return 0.5 * float(logdet)

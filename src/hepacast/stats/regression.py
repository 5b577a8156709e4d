# SPDX-License-Identifier: Apache-2.0
"""Logistic regression: maximum likelihood, and Firth's penalised likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.coefficients import Coefficients, Design, design, wald
from hepacast.stats.inputs import both_classes, flags, floats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike

INTERCEPT = "(intercept)"
_STEPS = 60


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LogisticFit:
    """A fitted logistic regression.

    Parameters
    ----------
    coefficients : Coefficients
        The intercept first, then one row per covariate; ratios are odds ratios per unit.
    loglik, loglik_null : float
        Log likelihood of the model, and with the intercept (and offset) alone.
    n, events : int
        Cases, and those with the event.
    method : str
        ``"maximum likelihood"`` or ``"Firth penalised likelihood"`` (then ``loglik`` is the
        penalised one).
    """

    coefficients: Coefficients
    loglik: float
    loglik_null: float
    n: int
    events: int
    method: str

    @property
    def intercept(self) -> float:
        """Log odds of a case whose covariates are all 0."""
        return float(self.coefficients.beta[0])

    @property
    def beta(self) -> Float[np.ndarray, " term"]:
        """Log odds ratios without the intercept."""
        return self.coefficients.beta[1:]

    @property
    def aic(self) -> float:
        """Akaike's criterion; lower is better."""
        return -2 * self.loglik + 2 * self.coefficients.beta.size

    def linear(self, X: ArrayLike) -> Float[np.ndarray, " case"]:
        """Return the log odds of the event."""
        matrix = floats("covariate", X)
        matrix = matrix[:, None] if matrix.ndim == 1 else matrix
        if matrix.shape[1] != self.beta.size:
            raise TableError(
                what=f"the model was fitted to {self.beta.size} covariates",
                got=f"{matrix.shape[1]} columns",
                fix=f"Pass {self.coefficients.names[1:]} in this order.",
            )
        odds: Float[np.ndarray, " case"] = self.intercept + matrix @ self.beta
        return odds

    def probability(self, X: ArrayLike) -> Float[np.ndarray, " case"]:
        """Return the probability of the event."""
        risk: Float[np.ndarray, " case"] = special.expit(self.linear(X))
        return risk

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        names = self.coefficients.names[1:]
        rows = "; ".join(self.coefficients.sentence(name) for name in names)
        return f"Logistic regression ({self.events} events in {self.n}; {self.method}): {rows}"


def binomial_loglik(odds: Float[np.ndarray, " case"], event: Bool[np.ndarray, " case"]) -> float:
    """Log likelihood of yes-or-no outcomes given log odds."""
    return float((odds[event]).sum() - np.logaddexp(0.0, odds).sum())


def separating_direction(
    design_matrix: Float[np.ndarray, "case term"], event: Bool[np.ndarray, " case"]
) -> Float[np.ndarray, " term"]:
    """Find a combination of columns that separates the classes, or zeros.

    Parameters
    ----------
    design_matrix : (case, term) float
        With the intercept's column.
    event : (case,) bool
        True where the event happened.

    Notes
    -----
    Linear programme of Konis 2007 (thesis, Oxford): the likelihood has a maximum exactly when
    no direction moves every case towards its own class.

    Examples
    --------
    >>> matrix = np.array([[1.0, 1], [1, 2], [1, 3], [1, 4]])
    >>> bool(separating_direction(matrix, np.array([False, False, True, True])).any())
    True
    """
    towards = np.where(event, 1.0, -1.0)[:, None] * design_matrix
    answer = optimize.linprog(
        -towards.sum(axis=0), A_ub=-towards, b_ub=np.zeros(len(towards)), bounds=(-1, 1)
    )
    direction: Float[np.ndarray, " term"] = np.zeros(design_matrix.shape[1])
    if answer.x is not None and float(towards.sum(axis=0) @ answer.x) > 1e-6:
        direction = np.where(np.abs(answer.x) > 1e-9, answer.x, 0.0)
    return direction


def _refuse_separation(scaled: Design, event: Bool[np.ndarray, " case"]) -> None:
    matrix = np.column_stack([np.ones(len(event)), scaled.scaled])
    direction = separating_direction(matrix, event)[1:]
    if direction.any():
        names = [scaled.names[k] for k in np.flatnonzero(direction)[:5]]
        raise NotEstimableError(
            what="maximum likelihood needs classes that overlap",
            got=f"(quasi-)complete separation along {names}",
            fix="Use firth_logistic, or leave the separating covariate out.",
        )


def logistic_maximum(
    matrix: Float[np.ndarray, "case term"],
    event: Bool[np.ndarray, " case"],
    offset: Float[np.ndarray, " case"],
) -> tuple[Float[np.ndarray, " term"], Float[np.ndarray, "term term"], bool]:
    """Maximise the likelihood of a logistic regression.

    Parameters
    ----------
    matrix, event : (case, term), (case,)
        With the intercept's column, if one is wanted.
    offset : (case,) float
        Log odds added as they are.

    Returns
    -------
    beta : (term,) float
        Coefficients.
    information : (term, term) float
        Inverse of their covariance.
    converged : bool
        False under separation.
    """
    beta = np.zeros(matrix.shape[1])
    last = binomial_loglik(offset + matrix @ beta, event)
    for _ in range(_STEPS):
        mu = special.expit(offset + matrix @ beta)
        information = (matrix * (mu * (1 - mu))[:, None]).T @ matrix
        try:
            step = np.linalg.solve(information, matrix.T @ (event - mu))
        except np.linalg.LinAlgError:
            return beta, information, False
        now = binomial_loglik(offset + matrix @ (beta + step), event)
        while now < last - 1e-9 * abs(last) and np.abs(step).max() > 1e-12:
            step = step / 2
            now = binomial_loglik(offset + matrix @ (beta + step), event)
        beta, last = beta + step, now
        if np.abs(step).max() < 1e-11 * (1 + np.abs(beta).max()):
            mu = special.expit(offset + matrix @ beta)
            return beta, (matrix * (mu * (1 - mu))[:, None]).T @ matrix, True
    return beta, information, False


def _unscale(
    beta: Float[np.ndarray, " term"], covariance: Float[np.ndarray, "term term"], scaled: Design
) -> tuple[Float[np.ndarray, " term"], Float[np.ndarray, "term term"]]:
    """Turn coefficients of centred, scaled columns into those of the original units."""
    back = np.diag(np.concatenate([[1.0], 1 / scaled.scale]))
    back[0, 1:] = -scaled.center / scaled.scale
    return back @ beta, back @ covariance @ back.T


def fit_logistic(
    X: ArrayLike,
    event: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    offset: ArrayLike | None = None,
    level: float = 0.95,
) -> LogisticFit:
    """Fit a logistic regression by maximum likelihood.

    Parameters
    ----------
    X : (case, term) or (case,) float
        Covariates without intercept; no missing values.  Zero columns fit the intercept alone.
    event : (case,) bool
        True where the event happened.
    names : sequence of str, optional
        Of the columns.
    offset : (case,) float, optional
        Log odds added as they are.
    level : float
        Confidence level.

    Raises
    ------
    NotEstimableError
        With one class, constant or collinear columns, or separation (use
        :func:`firth_logistic` then).

    Notes
    -----
    Newton's method on standardised columns, to a relative step of 1e-11: agrees with R's
    ``glm`` iterated to convergence.

    Examples
    --------
    >>> fit = fit_logistic([1.0, 2, 3, 4, 5, 6], [0, 0, 1, 0, 1, 1], ["size"])
    >>> fit.coefficients.sentence("size")
    'size: OR 3.37 (95 % CI 0.56-20.14; P = 0.18, Wald)'
    """
    happened = flags("event", event)
    both_classes("logistic regression", happened)
    scaled = design(X, names)
    if len(scaled.scaled) != happened.size:
        floats("covariate", scaled.scaled, happened.size)
    shift = np.zeros(happened.size) if offset is None else floats("offset", offset, happened.size)
    matrix = np.column_stack([np.ones(happened.size), scaled.scaled])
    beta, information, converged = logistic_maximum(matrix, happened, shift)
    fitted = shift + matrix @ beta
    if not converged or np.abs(fitted).max() > 12:
        _refuse_separation(scaled, happened)
    if not converged:
        raise NotEstimableError(
            what="the likelihood must have a maximum",
            got=f"no convergence after {_STEPS} Newton steps",
            fix="Use firth_logistic, or fewer covariates.",
        )
    null, _, _ = logistic_maximum(np.ones((happened.size, 1)), happened, shift)
    original, covariance = _unscale(beta, np.linalg.inv(information), scaled)
    return LogisticFit(
        coefficients=wald((INTERCEPT, *scaled.names), original, covariance, "OR", level=level),
        loglik=binomial_loglik(fitted, happened),
        loglik_null=binomial_loglik(shift + null[0], happened),
        n=happened.size,
        events=int(happened.sum()),
        method="maximum likelihood",
    )


def _penalised(
    matrix: Float[np.ndarray, "case term"],
    beta: Float[np.ndarray, " term"],
    event: Bool[np.ndarray, " case"],
) -> tuple[float, Float[np.ndarray, " term"], Float[np.ndarray, "term term"]]:
    """Penalised log likelihood, modified score and information."""
    odds = matrix @ beta
    mu = special.expit(odds)
    weight = mu * (1 - mu)
    information = (matrix * weight[:, None]).T @ matrix
    sign, logdet = np.linalg.slogdet(information)
    if sign <= 0:
        return -np.inf, np.zeros_like(beta), information
    half = np.linalg.solve(information, matrix.T)
    leverage = weight * np.einsum("ct,tc->c", matrix, half)
    score = matrix.T @ (event - mu + leverage * (0.5 - mu))
    return binomial_loglik(odds, event) + 0.5 * float(logdet), score, information


def _firth_step(
    matrix: Float[np.ndarray, "case term"],
    beta: Float[np.ndarray, " term"],
    event: Bool[np.ndarray, " case"],
    free: Bool[np.ndarray, " term"],
    score: Float[np.ndarray, " term"],
    information: Float[np.ndarray, "term term"],
) -> Float[np.ndarray, " free"]:
    """Newton's step, or Fisher's where the penalised likelihood is not concave."""
    terms = np.flatnonzero(free)
    curvature = np.empty((terms.size, terms.size))
    for at, term in enumerate(terms):
        reach = 1e-5 * (1 + abs(float(beta[term])))
        ahead, behind = beta.copy(), beta.copy()
        ahead[term] += reach
        behind[term] -= reach
        change = _penalised(matrix, ahead, event)[1] - _penalised(matrix, behind, event)[1]
        curvature[at] = -change[free] / (2 * reach)
    curvature = (curvature + curvature.T) / 2
    concave = bool((np.linalg.eigvalsh(curvature) > 0).all())
    chosen = curvature if concave else information[np.ix_(free, free)]
    step: Float[np.ndarray, " free"] = np.linalg.solve(chosen, score[free])
    return step


def firth_maximum(
    matrix: Float[np.ndarray, "case term"],
    event: Bool[np.ndarray, " case"],
    free: Bool[np.ndarray, " term"],
    start: Float[np.ndarray, " term"],
) -> tuple[Float[np.ndarray, " term"], float, Float[np.ndarray, "term term"]]:
    """Maximise Firth's penalised likelihood over the free terms.

    Parameters
    ----------
    matrix, event : (case, term), (case,)
        With the intercept's column.
    free : (term,) bool
        False where the coefficient stays at its start (for profiles); the penalty is that of
        the whole model.
    start : (term,) float
        Where to begin.
    """
    beta = start.copy()
    value, score, information = _penalised(matrix, beta, event)
    for _ in range(_STEPS):
        step = np.zeros_like(beta)
        step[free] = _firth_step(matrix, beta, event, free, score, information)
        # Steps of more than a few standard deviations overshoot the flat far tail.
        step *= min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
        while True:
            new = _penalised(matrix, beta + step, event)
            if new[0] >= value - 1e-12 * abs(value) or np.abs(step).max() < 1e-13:
                break
            step = step / 2
        beta = beta + step
        value, score, information = new
        if np.abs(step).max() < 1e-11 * (1 + np.abs(beta).max()):
            return beta, value, information
    raise NotEstimableError(
        what="the penalised likelihood must reach its maximum",
        got=f"no convergence after {_STEPS} steps",
        fix="Use fewer covariates.",
    )


def firth_logistic(
    X: ArrayLike,
    event: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    level: float = 0.95,
) -> LogisticFit:
    """Fit a logistic regression by Firth's penalised likelihood.

    Parameters
    ----------
    X : (case, term) or (case,) float
        Covariates without intercept; no missing values.
    event : (case,) bool
        True where the event happened.
    names : sequence of str, optional
        Of the columns.
    level : float
        Confidence level.

    Returns
    -------
    LogisticFit
        Finite also under separation.  Wald intervals are poor then; prefer
        :func:`hepacast.stats.profile.profile_intervals`.

    Notes
    -----
    Jeffreys penalty on every coefficient, the intercept included.  Source: Firth 1993,
    Biometrika 80:27; Heinze and Schemper 2002, Stat Med 21:2409.

    Examples
    --------
    >>> fit = firth_logistic([1.0, 2, 3, 4], [0, 0, 1, 1])
    >>> round(float(fit.coefficients.beta[1]), 3)
    1.31
    """
    happened = flags("event", event)
    both_classes("logistic regression", happened)
    scaled = design(X, names)
    matrix = np.column_stack([np.ones(happened.size), scaled.scaled])
    free = np.ones(matrix.shape[1], dtype=np.bool_)
    # The penalty changes by a constant when columns are scaled, so the maximum does not move.
    beta, value, information = firth_maximum(matrix, happened, free, np.zeros(free.size))
    only = np.ones((happened.size, 1))
    null = firth_maximum(only, happened, np.ones(1, dtype=np.bool_), np.zeros(1))[1]
    original, covariance = _unscale(beta, np.linalg.inv(information), scaled)
    return LogisticFit(
        coefficients=wald((INTERCEPT, *scaled.names), original, covariance, "OR", level=level),
        loglik=value + float(np.log(scaled.scale).sum()),
        loglik_null=null,
        n=happened.size,
        events=int(happened.sum()),
        method="Firth penalised likelihood",
    )

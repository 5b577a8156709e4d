# SPDX-License-Identifier: Apache-2.0
"""Fine and Gray's regression of the subdistribution hazard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.coefficients import Coefficients, design, wald
from hepacast.stats.competing import causes
from hepacast.stats.cox import Baseline
from hepacast.stats.firth_cox import firth_maximum
from hepacast.stats.inputs import floats, times
from hepacast.stats.risk_sets import FAR, RiskSets, monotone_direction, risk_sets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int
    from numpy.typing import ArrayLike

_STEPS = 50


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FineGrayFit:
    """A fitted Fine-Gray regression.

    Parameters
    ----------
    coefficients : Coefficients
        Subdistribution hazard ratios per unit, with robust standard errors.
    loglik, loglik_null : float
        Weighted log partial likelihood of the model, and of no covariates.
    center : (term,) float
        Covariate means: the case that the baseline describes.
    baseline : Baseline
        Cumulative subdistribution hazard at the centre.
    n, events, competing : int
        Cases, events of interest, competing events.
    """

    coefficients: Coefficients
    loglik: float
    loglik_null: float
    center: Float[np.ndarray, " term"]
    baseline: Baseline
    n: int
    events: int
    competing: int

    @property
    def beta(self) -> Float[np.ndarray, " term"]:
        """Log subdistribution hazard ratios per unit."""
        return self.coefficients.beta

    def linear(self, X: ArrayLike) -> Float[np.ndarray, " case"]:
        """Return the log subdistribution hazard ratio against a case at the centre."""
        matrix = floats("covariate", X)
        matrix = matrix[:, None] if matrix.ndim == 1 else matrix
        if matrix.shape[1] != self.beta.size:
            raise TableError(
                what=f"the model was fitted to {self.beta.size} covariates",
                got=f"{matrix.shape[1]} columns",
                fix=f"Pass {self.coefficients.names} in this order.",
            )
        hazard: Float[np.ndarray, " case"] = (matrix - self.center) @ self.beta
        return hazard

    def risk_at(self, X: ArrayLike, when: float) -> Float[np.ndarray, " case"]:
        """Return the cumulative incidence of the event of interest by a time."""
        hazard = self.baseline.at(when)[0] * np.exp(self.linear(X))
        risk: Float[np.ndarray, " case"] = -np.expm1(-hazard)
        return risk

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        rows = "; ".join(self.coefficients.sentence(name) for name in self.coefficients.names)
        return (
            f"Fine-Gray regression ({self.events} events and {self.competing} competing events in "
            f"{self.n}): {rows}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Cohort:
    """Cases with the weight each has at every event time."""

    x: Float[np.ndarray, "case term"]
    time: Float[np.ndarray, " case"]
    cause: Int[np.ndarray, " case"]
    when: Float[np.ndarray, " event"]
    deaths: Float[np.ndarray, " event"]
    moved: Float[np.ndarray, " term"]
    weight: Float[np.ndarray, "event case"]


def _known(
    time: Float[np.ndarray, " case"], cause: Int[np.ndarray, " case"]
) -> tuple[
    Float[np.ndarray, " step"],
    Float[np.ndarray, " step"],
    Float[np.ndarray, " step"],
    Float[np.ndarray, " step"],
]:
    """Distinct times of censoring, hazard of censoring there, at risk, and its curve."""
    steps, many = np.unique(time[cause == 0], return_counts=True)
    at_risk = (time.size - np.searchsorted(np.sort(time), steps, side="left")).astype(np.float64)
    hazard = many / at_risk
    return steps, hazard, at_risk, np.concatenate([[1.0], np.cumprod(1 - hazard)])


def _arrange(
    x: Float[np.ndarray, "case term"],
    time: Float[np.ndarray, " case"],
    cause: Int[np.ndarray, " case"],
) -> _Cohort:
    steps, _, _, curve = _known(time, cause)
    when, index = np.unique(time[cause == 1], return_inverse=True)
    at_event = curve[np.searchsorted(steps, when, side="left")]
    at_own = curve[np.searchsorted(steps, time, side="left")]
    # Whoever had a competing event stays at risk, ever less likely to be uncensored.
    gone = (cause > 1) & (time < when[:, None])
    share = at_event[:, None] / np.where(at_own > 0, at_own, 1.0)
    weight = np.where(time >= when[:, None], 1.0, np.where(gone, share, 0.0))
    moved = x[cause == 1].sum(axis=0)
    return _Cohort(x, time, cause, when, np.bincount(index).astype(np.float64), moved, weight)


def _evaluate(
    cohort: _Cohort, beta: Float[np.ndarray, " term"]
) -> tuple[
    float, Float[np.ndarray, " term"], Float[np.ndarray, "term term"], np.ndarray, np.ndarray
]:
    """Log likelihood, score, information, means at risk, and risk totals."""
    risk = np.exp(cohort.x @ beta)
    s0 = cohort.weight @ risk
    mean = (cohort.weight @ (risk[:, None] * cohort.x)) / s0[:, None]
    d = cohort.deaths
    collected = risk * ((d / s0) @ cohort.weight)
    information = (cohort.x * collected[:, None]).T @ cohort.x - (mean * d[:, None]).T @ mean
    loglik = float(cohort.moved @ beta - d @ np.log(s0))
    return loglik, cohort.moved - d @ mean, information, mean, s0


def _maximise(cohort: _Cohort, names: tuple[str, ...]) -> Float[np.ndarray, " term"]:
    beta: Float[np.ndarray, " term"] = np.zeros(cohort.x.shape[1])
    step = beta
    value, score, information, _, _ = _evaluate(cohort, beta)
    for _ in range(_STEPS):
        if np.abs(beta).max(initial=0.0) > 30 or np.abs(information).max() < 1e-12:
            break
        step = np.linalg.lstsq(information, score, rcond=1e-14)[0]
        new = _evaluate(cohort, beta + step)
        while not new[0] >= value - 1e-10 * abs(value) and np.abs(step).max() > 1e-13:
            step = step / 2
            new = _evaluate(cohort, beta + step)
        beta = beta + step
        value, score, information = new[:3]
        if np.abs(step).max(initial=0.0) < 1e-11 * (1 + np.abs(beta).max(initial=0.0)):
            if np.ptp(cohort.x @ beta) < FAR:
                return beta
            break
    running = np.flatnonzero(monotone_direction([_never_leaving(cohort)], cohort.x))
    if not running.size and np.abs(step).max(initial=0.0) < 1e-6:
        return beta
    raise NotEstimableError(
        what="the partial likelihood must have a maximum",
        got=f"coefficients running away along {[names[k] for k in running[:5]] or 'no column'}",
        fix="A group without events gives an infinite ratio: merge groups, or use firth_fine_gray.",
    )


def _never_leaving(cohort: _Cohort) -> RiskSets:
    """Arrange the risk sets: who had a competing event stays in them."""
    time = np.where(cohort.cause > 1, np.inf, cohort.time)
    return risk_sets(np.arange(time.size), time, cohort.cause == 1, "breslow")


def _influence(cohort: _Cohort, beta: Float[np.ndarray, " term"]) -> Float[np.ndarray, "case term"]:
    """Score contribution of every case, the estimated censoring included."""
    _, _, _, mean, s0 = _evaluate(cohort, beta)
    risk = np.exp(cohort.x @ beta)
    jump = cohort.deaths / s0
    # Expected part: -(x - mean) w risk dLambda, summed over the event times.
    flow = cohort.weight * jump[:, None] * risk
    eta: Float[np.ndarray, "case term"] = -(cohort.x * flow.sum(axis=0)[:, None] - flow.T @ mean)
    hit = cohort.cause == 1
    eta[hit] += cohort.x[hit] - mean[np.searchsorted(cohort.when, cohort.time[hit])]
    steps, hazard, at_risk, _ = _known(cohort.time, cohort.cause)
    if not steps.size:
        return eta
    late = np.where((cohort.cause > 1) & (cohort.time < cohort.when[:, None]), flow, 0.0)
    q = np.empty((steps.size, beta.size))
    for at, step in enumerate(steps):
        part = late[cohort.when >= step][:, cohort.time < step]
        after = mean[cohort.when >= step]
        q[at] = part.sum(axis=0) @ cohort.x[cohort.time < step] - part.sum(axis=1) @ after
    q /= at_risk[:, None]
    running = np.concatenate([np.zeros((1, beta.size)), np.cumsum(q * hazard[:, None], axis=0)])
    psi = -running[np.searchsorted(steps, cohort.time, side="right")]
    censored = cohort.cause == 0
    psi[censored] += q[np.searchsorted(steps, cohort.time[censored])]
    eta += psi
    return eta


def fit_fine_gray(
    X: ArrayLike,
    time: ArrayLike,
    cause: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    level: float = 0.95,
) -> FineGrayFit:
    """Fit Fine and Gray's regression of the event of interest.

    Parameters
    ----------
    X : (case, term) or (case,) float
        Covariates; no missing values.
    time : (case,) float
        Time to the first event or to censoring, any one unit.
    cause : (case,) int
        0 censored, 1 the event of interest, 2 and above competing events.
    names : sequence of str, optional
        Of the columns.
    level : float
        Confidence level.

    Raises
    ------
    NotEstimableError
        Without events of interest, with constant or collinear columns, or with a monotone
        likelihood.

    Notes
    -----
    Breslow ties, one censoring curve for all, robust variance with the estimated censoring, as
    ``cmprsk::crr``.  The memory grows with events times cases.  Source: Fine and Gray 1999,
    J Am Stat Assoc 94:496.

    Examples
    --------
    >>> fit = fit_fine_gray([1.0, 3, 2, 5, 4, 6], [9, 8, 7, 3, 4, 5], [1, 2, 0, 1, 1, 2], ["size"])
    >>> fit.coefficients.ratio_name, bool(fit.beta[0] > 0)
    ('SHR', True)
    """
    code = causes(cause)
    follow = times(time, code.size)
    scaled = design(X, names)
    if len(scaled.scaled) != code.size:
        floats("covariate", scaled.scaled, code.size)
    cohort = _arrange(scaled.scaled, follow, code)
    beta = _maximise(cohort, scaled.names)
    loglik, _, information, _, s0 = _evaluate(cohort, beta)
    bread = np.linalg.inv(information)
    scores = _influence(cohort, beta)
    covariance = bread @ (scores.T @ scores) @ bread / np.outer(scaled.scale, scaled.scale)
    return FineGrayFit(
        coefficients=wald(
            scaled.names,
            beta / scaled.scale,
            covariance,
            "SHR",
            method="robust Wald",
            level=level,
        ),
        loglik=loglik,
        loglik_null=_evaluate(cohort, np.zeros(beta.size))[0],
        center=scaled.center,
        baseline=Baseline(cohort.when, np.cumsum(cohort.deaths / s0)),
        n=code.size,
        events=int((code == 1).sum()),
        competing=int((code > 1).sum()),
    )


def firth_fine_gray(
    X: ArrayLike,
    time: ArrayLike,
    cause: ArrayLike,
    names: Sequence[str] | None = None,
) -> Float[np.ndarray, " term"]:
    """Return log subdistribution hazard ratios that stay finite in groups without events.

    Parameters
    ----------
    X, time, cause, names
        As for :func:`fit_fine_gray`.

    Raises
    ------
    NotEstimableError
        Without events of interest, or when the columns carry no information where they happen.

    Notes
    -----
    Jeffreys' penalty on the weighted partial likelihood, the censoring weights taken as known;
    as :func:`hepacast.stats.firth_cox.firth_cox` where nothing competes.

    Examples
    --------
    >>> group = np.array([1.0, 1, 1, 0, 0, 0])
    >>> bool(0 < firth_fine_gray(group, [1, 2, 3, 4, 5, 6], [1, 1, 1, 2, 0, 0])[0] < 5)
    True
    """
    code = causes(cause)
    scaled = design(X, names)
    cohort = _arrange(scaled.scaled, times(time, code.size), code)
    beta = firth_maximum(lambda at: _evaluate(cohort, at)[:3], scaled.scale.size)
    ratio: Float[np.ndarray, " term"] = beta / scaled.scale
    return ratio


def subdistribution_baseline(
    risk: Float[np.ndarray, " case"], time: ArrayLike, cause: ArrayLike
) -> Baseline:
    """Cumulative subdistribution hazard of a case of risk 0.

    Parameters
    ----------
    risk : (case,) float
        Log subdistribution hazard ratio of every case.
    time, cause : (case,)
        As for :func:`fit_fine_gray`.

    Examples
    --------
    >>> subdistribution_baseline(np.zeros(4), [1, 2, 3, 4], [1, 2, 1, 0]).hazard.round(3).tolist()
    [0.25, 0.583]
    """
    code = causes(cause)
    cohort = _arrange(risk[:, None], times(time, code.size), code)
    s0 = _evaluate(cohort, np.ones(1))[4]
    return Baseline(cohort.when, np.cumsum(cohort.deaths / s0))

# SPDX-License-Identifier: Apache-2.0
"""Cox's proportional hazards regression, with Efron's or Breslow's treatment of ties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.coefficients import Coefficients, design, wald
from hepacast.stats.estimate import HypothesisTest
from hepacast.stats.inputs import flags, floats, some_events, times
from hepacast.stats.risk_sets import FAR, RiskSets, Ties, monotone_direction, risk_sets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int
    from numpy.typing import ArrayLike

_STEPS = 50


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """Likelihood, score, information and hazard steps of one stratum."""

    loglik: float
    score: Float[np.ndarray, " term"]
    information: Float[np.ndarray, "term term"]
    hazard: Float[np.ndarray, " event"]
    mean: Float[np.ndarray, "event term"]


# A trial step may be so long that nobody is left at risk: callers take a likelihood that is not
# finite for one that is worse.
@np.errstate(divide="ignore", over="ignore", invalid="ignore")
def cox_pieces(
    sets: RiskSets, X: Float[np.ndarray, "case term"], beta: Float[np.ndarray, " term"]
) -> _Pieces:
    """Evaluate the partial likelihood of one stratum.

    Parameters
    ----------
    sets : RiskSets
        The stratum.
    X : (case, term) float
        Covariates of all cases.
    beta : (term,) float
        Where to evaluate.
    """
    x = X[sets.order]
    eta = x @ beta
    top = float(eta.max(initial=0.0))
    risk = np.exp(eta - top)
    dead = sets.died
    weighted = risk[:, None] * x
    s0, s1 = np.cumsum(risk)[sets.last], np.cumsum(weighted, axis=0)[sets.last]
    d0 = np.bincount(sets.tie, weights=risk[dead])[sets.tie]
    starts = np.flatnonzero(np.diff(sets.tie, prepend=-1))
    d1 = np.add.reduceat(weighted[dead], starts, axis=0)[sets.tie]
    s0 = s0 - sets.fraction * d0
    mean = (s1 - sets.fraction[:, None] * d1) / s0[:, None]
    # How much expected hazard every case collects while it is at risk.
    step, partial = 1 / s0, sets.fraction / s0
    reach = np.zeros(risk.size)
    np.add.at(reach, sets.last, step)
    collected = risk * np.cumsum(reach[::-1])[::-1]
    collected[dead] -= risk[dead] * np.bincount(sets.tie, weights=partial)[sets.tie]
    return _Pieces(
        float(eta[dead].sum() - np.log(s0).sum() - top * dead.size),
        (x[dead] - mean).sum(axis=0),
        (x * collected[:, None]).T @ x - mean.T @ mean,
        step * np.exp(-top),
        mean,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """Cumulative hazard of a case at the centre of the covariates.

    Parameters
    ----------
    times : (step,) float
        Distinct event times, rising.
    hazard : (step,) float
        From each time on.
    """

    times: Float[np.ndarray, " step"]
    hazard: Float[np.ndarray, " step"]

    def at(self, when: ArrayLike) -> Float[np.ndarray, " when"]:
        """Return the cumulative hazard at given times; 0 before the first event."""
        index = np.searchsorted(self.times, np.atleast_1d(when), side="right")
        value: Float[np.ndarray, " when"] = np.concatenate([[0.0], self.hazard])[index]
        return value


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CoxFit:
    """A fitted Cox regression.

    Parameters
    ----------
    coefficients : Coefficients
        Hazard ratios per unit.
    loglik, loglik_null : float
        Log partial likelihood of the model, and of no covariates.
    score_statistic : float
        Rao's score test of all coefficients (the log-rank test, for one binary covariate and
        no ties).
    n, events : int
        Cases, and those with the event.
    ties : {"efron", "breslow"}
        Treatment of equal event times.
    center : (term,) float
        Covariate means: the case that the baseline describes.
    strata : tuple of str
        Labels; empty without strata.
    baselines : tuple of Baseline
        One per stratum.
    """

    coefficients: Coefficients
    loglik: float
    loglik_null: float
    score_statistic: float
    n: int
    events: int
    ties: Ties
    center: Float[np.ndarray, " term"]
    strata: tuple[str, ...]
    baselines: tuple[Baseline, ...]

    @property
    def beta(self) -> Float[np.ndarray, " term"]:
        """Log hazard ratios per unit."""
        return self.coefficients.beta

    @property
    def aic(self) -> float:
        """Akaike's criterion on the partial likelihood; lower is better."""
        return -2 * self.loglik + 2 * self.beta.size

    @property
    def likelihood_ratio(self) -> HypothesisTest:
        """Test of all coefficients by the likelihood ratio."""
        statistic = 2 * (self.loglik - self.loglik_null)
        return HypothesisTest(
            name="model",
            statistic=statistic,
            df=self.beta.size,
            p=float(stats.chi2.sf(statistic, self.beta.size)),
            method="likelihood ratio test",
        )

    def linear(self, X: ArrayLike) -> Float[np.ndarray, " case"]:
        """Return the log hazard ratio against a case at the centre."""
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

    def risk_at(
        self, X: ArrayLike, when: float, *, stratum: str = ""
    ) -> Float[np.ndarray, " case"]:
        """Return the probability of the event by a time.

        Parameters
        ----------
        X : (case, term) float
            Covariates.
        when : float
            Time, in the unit of the fit.
        stratum : str
            Whose baseline to use, where the model has strata.
        """
        if self.strata and stratum not in self.strata:
            raise TableError(
                what="a stratified model needs to know whose baseline to use",
                got=repr(stratum),
                fix=f"Pass stratum as one of {self.strata}.",
            )
        base = self.baselines[self.strata.index(stratum) if self.strata else 0]
        risk: Float[np.ndarray, " case"] = -np.expm1(-base.at(when)[0] * np.exp(self.linear(X)))
        return risk

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        rows = "; ".join(self.coefficients.sentence(name) for name in self.coefficients.names)
        return f"Cox regression ({self.events} events in {self.n}; {self.ties} ties): {rows}"


def _evaluate(
    strata: list[RiskSets], X: Float[np.ndarray, "case term"], beta: Float[np.ndarray, " term"]
) -> tuple[float, Float[np.ndarray, " term"], Float[np.ndarray, "term term"]]:
    parts = [cox_pieces(sets, X, beta) for sets in strata]
    loglik = sum(part.loglik for part in parts)
    score = np.sum([part.score for part in parts], axis=0)
    return loglik, score, np.sum([part.information for part in parts], axis=0)


def _maximise(
    strata: list[RiskSets], X: Float[np.ndarray, "case term"], names: tuple[str, ...]
) -> tuple[Float[np.ndarray, " term"], float, Float[np.ndarray, "term term"]]:
    """Newton's method with halving; refuse a likelihood without maximum."""
    beta = step = np.zeros(X.shape[1])
    value, score, information = _evaluate(strata, X, beta)
    for _ in range(_STEPS):
        scale = float(np.abs(information).max(initial=0.0))
        if np.abs(beta).max(initial=0.0) > 30 or scale < 1e-12:
            break
        step = np.linalg.lstsq(information, score, rcond=1e-14)[0]
        new = _evaluate(strata, X, beta + step)
        while not new[0] >= value - 1e-10 * abs(value) and np.abs(step).max() > 1e-13:
            step = step / 2
            new = _evaluate(strata, X, beta + step)
        beta = beta + step
        value, score, information = new
        if np.abs(step).max(initial=0.0) < 1e-11 * (1 + np.abs(beta).max(initial=0.0)):
            if all(np.ptp((X @ beta)[sets.order]) < FAR for sets in strata):
                return beta, value, information
            break
    running = np.flatnonzero(monotone_direction(strata, X))
    if not running.size and np.abs(step).max(initial=0.0) < 1e-6:
        return beta, value, information
    raise NotEstimableError(
        what="the partial likelihood must have a maximum",
        got=f"coefficients running away along {[names[k] for k in running[:5]] or 'no column'}",
        fix="A group without events gives an infinite hazard ratio: merge groups, or use "
        "firth_cox.",
    )


def fit_cox(
    X: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    ties: Ties = "efron",
    strata: ArrayLike | None = None,
    level: float = 0.95,
) -> CoxFit:
    """Fit a Cox regression by maximum partial likelihood.

    Parameters
    ----------
    X : (case, term) or (case,) float
        Covariates; no missing values.
    time : (case,) float
        Time to the event or to censoring, any one unit.
    event : (case,) bool
        True where the event was seen.
    names : sequence of str, optional
        Of the columns.
    ties : {"efron", "breslow"}
        Treatment of equal event times; R's default is Efron's.
    strata : (case,), optional
        Labels of groups that have a baseline hazard each.
    level : float
        Confidence level.

    Raises
    ------
    NotEstimableError
        Without events, with constant or collinear columns, or with a monotone likelihood
        (use :func:`hepacast.stats.firth_cox.firth_cox`).

    Notes
    -----
    The baseline steps follow the ties: Breslow's estimator, or Efron's sum within ties, as
    R's ``survfit.coxph``.  Source: Cox 1972, J R Stat Soc B 34:187; Efron 1977, J Am Stat
    Assoc 72:557.

    Examples
    --------
    >>> fit = fit_cox([1.0, 3, 2, 5, 4, 6], [9, 8, 7, 3, 4, 5], [1, 1, 0, 1, 1, 1], ["size"])
    >>> fit.coefficients.sentence("size"), fit.risk_at([[4.0]], 5.0).round(2).tolist()
    ('size: HR 1.94 (95 % CI 0.89-4.24; P = 0.10, Wald)', [0.41])
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    some_events("Cox regression", happened)
    scaled = design(X, names)
    if len(scaled.scaled) != happened.size:
        floats("covariate", scaled.scaled, happened.size)
    labels, layer = _layers(strata, happened.size)
    layers = [
        risk_sets(np.flatnonzero(layer == one), follow, happened, ties)
        for one in range(max(len(labels), 1))
    ]
    sets = [one for one in layers if one.died.size]
    beta, value, information = _maximise(sets, scaled.scaled, scaled.names)
    null, score, at_null = _evaluate(sets, scaled.scaled, np.zeros(beta.size))
    covariance = np.linalg.inv(information) / np.outer(scaled.scale, scaled.scale)
    return CoxFit(
        coefficients=wald(scaled.names, beta / scaled.scale, covariance, "HR", level=level),
        loglik=value,
        loglik_null=null,
        score_statistic=float(score @ np.linalg.solve(at_null, score)),
        n=happened.size,
        events=int(happened.sum()),
        ties=ties,
        center=scaled.center,
        strata=labels,
        baselines=tuple(baseline(one, scaled.scaled, beta) for one in layers),
    )


def _layers(strata: ArrayLike | None, n: int) -> tuple[tuple[str, ...], Int[np.ndarray, " case"]]:
    if strata is None:
        return (), np.zeros(n, dtype=np.int64)
    labels, layer = np.unique(np.asarray(strata), return_inverse=True)
    return tuple(map(str, labels)), layer


def baseline(
    sets: RiskSets, X: Float[np.ndarray, "case term"], beta: Float[np.ndarray, " term"]
) -> Baseline:
    """Cumulative baseline hazard of one stratum, for a case with all covariates 0.

    Parameters
    ----------
    sets, X, beta
        The stratum, covariates of all cases, and coefficients.
    """
    if not sets.died.size:
        return Baseline(np.zeros(0), np.zeros(0))
    steps = np.bincount(sets.tie, weights=cox_pieces(sets, X, beta).hazard)
    return Baseline(sets.tie_times[::-1], np.cumsum(steps[::-1]))

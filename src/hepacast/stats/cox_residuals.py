# SPDX-License-Identifier: Apache-2.0
"""Residuals of a Cox regression, robust standard errors, and the test of proportional hazards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.coefficients import Coefficients, wald
from hepacast.stats.cox import CoxFit, cox_pieces
from hepacast.stats.estimate import HypothesisTest, p_text
from hepacast.stats.inputs import flags, floats, times
from hepacast.stats.risk_sets import RiskSets, risk_sets
from hepacast.stats.risk_table import risk_table

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike

Transform = Literal["km", "rank", "identity", "log"]


@dataclass(frozen=True, slots=True, eq=False)
class CoxData:
    """The cases of a fitted Cox regression, in its strata.

    Parameters
    ----------
    X : (case, term) float
        Covariates, centred.
    time, event : (case,)
        Follow-up.
    sets : tuple of RiskSets
        One per stratum with events.
    """

    X: Float[np.ndarray, "case term"]
    time: Float[np.ndarray, " case"]
    event: Bool[np.ndarray, " case"]
    sets: tuple[RiskSets, ...]


def cox_data(
    fit: CoxFit, X: ArrayLike, time: ArrayLike, event: ArrayLike, strata: ArrayLike | None = None
) -> CoxData:
    """Arrange the cases that a model was fitted to.

    Parameters
    ----------
    fit : CoxFit
        The model.
    X, time, event, strata
        What it was fitted to.

    Raises
    ------
    TableError
        If these are not as many cases and events as the model saw.
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    matrix = floats("covariate", X, happened.size)
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    if (happened.size, int(happened.sum())) != (fit.n, fit.events):
        raise TableError(
            what="residuals belong to the cases that the model was fitted to",
            got=f"{happened.size} cases, {int(happened.sum())} events; the model saw {fit.n} and "
            f"{fit.events}",
            fix="Pass the training cases.",
        )
    layer = (
        np.zeros(happened.size, dtype=np.int64)
        if strata is None
        else np.unique(np.asarray(strata), return_inverse=True)[1]
    )
    sets = (
        risk_sets(np.flatnonzero(layer == one), follow, happened, fit.ties)
        for one in np.unique(layer)
    )
    some = tuple(one for one in sets if one.died.size)
    return CoxData(matrix - fit.center, follow, happened, some)


def schoenfeld(
    fit: CoxFit, data: CoxData
) -> tuple[Float[np.ndarray, " event"], Float[np.ndarray, "event term"]]:
    """Schoenfeld residuals: covariates of each event minus their mean at risk.

    Parameters
    ----------
    fit : CoxFit
        The model.
    data : CoxData
        Its cases, from :func:`cox_data`.

    Returns
    -------
    time : (event,) float
        Event times, rising (within strata).
    residual : (event, term) float
        Tied events share Efron's averaged mean, as in R.

    Examples
    --------
    >>> from hepacast.stats.cox import fit_cox
    >>> cases = [1.0, 3, 2, 5, 4, 6], [9, 8, 7, 3, 4, 5], [1, 1, 0, 1, 1, 1]
    >>> fit = fit_cox(*cases)
    >>> when, residual = schoenfeld(fit, cox_data(fit, *cases))
    >>> when.tolist(), bool(abs(residual.sum()) < 1e-9)
    ([3.0, 4.0, 5.0, 8.0, 9.0], True)
    """
    when, residual = [], []
    for sets in data.sets:
        x = data.X[sets.order]
        mean = _tie_means(sets, cox_pieces(sets, data.X, fit.beta).mean)
        order = np.argsort(sets.time[sets.died], kind="stable")
        when.append(sets.time[sets.died][order])
        residual.append((x[sets.died] - mean)[order])
    return np.concatenate(when), np.concatenate(residual)


def _tie_means(
    sets: RiskSets, mean: Float[np.ndarray, "event term"]
) -> Float[np.ndarray, "event term"]:
    """Average Efron's means within each group of tied events."""
    starts = np.flatnonzero(np.diff(sets.tie, prepend=-1))
    sizes = np.bincount(sets.tie)
    averaged: Float[np.ndarray, "event term"] = (
        np.add.reduceat(mean, starts, axis=0) / sizes[:, None]
    )[sets.tie]
    return averaged


def _lived_through(
    sets: RiskSets, step: Float[np.ndarray, "event term"]
) -> Float[np.ndarray, "row term"]:
    """Add up what happens at each event over the time that each case was at risk."""
    total = np.zeros((sets.order.size, step.shape[1]))
    np.add.at(total, sets.last, step)
    total = np.cumsum(total[::-1], axis=0)[::-1]
    # Under Efron the tied events are only partly at risk for one another.
    starts = np.flatnonzero(np.diff(sets.tie, prepend=-1))
    partial = np.add.reduceat(sets.fraction[:, None] * step, starts, axis=0)
    total[sets.died] -= partial[sets.tie]
    return total


def score_residuals(fit: CoxFit, data: CoxData) -> Float[np.ndarray, "case term"]:
    """Return what each case adds to the score: the base of robust standard errors.

    Parameters
    ----------
    fit : CoxFit
        The model.
    data : CoxData
        Its cases, from :func:`cox_data`.

    Examples
    --------
    >>> from hepacast.stats.cox import fit_cox
    >>> cases = [1.0, 3, 2, 5, 4, 6], [9, 8, 7, 3, 4, 5], [1, 1, 0, 1, 1, 1]
    >>> fit = fit_cox(*cases)
    >>> bool(abs(score_residuals(fit, cox_data(fit, *cases)).sum()) < 1e-9)
    True
    """
    total = np.zeros_like(data.X)
    for sets in data.sets:
        x = data.X[sets.order]
        pieces = cox_pieces(sets, data.X, fit.beta)
        risk = np.exp(x @ fit.beta)[:, None]
        hazard = _lived_through(sets, pieces.hazard[:, None])
        moment = _lived_through(sets, pieces.hazard[:, None] * pieces.mean)
        own = -risk * (x * hazard - moment)
        own[sets.died] += x[sets.died] - _tie_means(sets, pieces.mean)
        total[sets.order] = own
    return total


def martingale_residuals(fit: CoxFit, data: CoxData) -> Float[np.ndarray, " case"]:
    """Observed minus expected events of each case.

    Parameters
    ----------
    fit : CoxFit
        The model.
    data : CoxData
        Its cases, from :func:`cox_data`.

    Examples
    --------
    >>> from hepacast.stats.cox import fit_cox
    >>> cases = [1.0, 3, 2, 5, 4, 6], [9, 8, 7, 3, 4, 5], [1, 1, 0, 1, 1, 1]
    >>> fit = fit_cox(*cases)
    >>> bool(abs(martingale_residuals(fit, cox_data(fit, *cases)).sum()) < 1e-9)
    True
    """
    total = np.zeros(data.time.size)
    for sets in data.sets:
        risk = np.exp(data.X[sets.order] @ fit.beta)
        step = cox_pieces(sets, data.X, fit.beta).hazard
        total[sets.order] = sets.event - risk * _lived_through(sets, step[:, None])[:, 0]
    return total


def robust(fit: CoxFit, data: CoxData, cluster: ArrayLike | None = None) -> Coefficients:
    """Coefficients with the robust (sandwich) standard error of Lin and Wei.

    Parameters
    ----------
    fit : CoxFit
        The model.
    data : CoxData
        Its cases, from :func:`cox_data`.
    cluster : (case,), optional
        Labels of cases that belong together (matched pairs, lesions of a patient).

    Notes
    -----
    As ``coxph(robust=TRUE)`` and ``cluster=``.  Source: Lin and Wei 1989, J Am Stat Assoc
    84:1074.

    Examples
    --------
    >>> from hepacast.stats.cox import fit_cox
    >>> cases = [1.0, 3, 2, 5, 4, 6], [9, 8, 7, 3, 4, 5], [1, 1, 0, 1, 1, 1]
    >>> fit = fit_cox(*cases)
    >>> robust(fit, cox_data(fit, *cases)).method
    'robust Wald'
    """
    change = dfbeta(fit, data)
    if cluster is not None:
        labels, which = np.unique(np.asarray(cluster), return_inverse=True)
        if labels.size < 2:
            raise NotEstimableError(
                what="a robust standard error needs several clusters",
                got=f"{labels.size}",
                fix="Leave the clusters out.",
            )
        grouped = np.zeros((labels.size, change.shape[1]))
        np.add.at(grouped, which, change)
        change = grouped
    table = fit.coefficients
    return wald(
        table.names,
        table.beta,
        change.T @ change,
        table.ratio_name,
        method="robust Wald",
        level=table.level,
    )


def dfbeta(fit: CoxFit, data: CoxData) -> Float[np.ndarray, "case term"]:
    """Approximate change of the coefficients when a case is left out.

    Parameters
    ----------
    fit : CoxFit
        The model.
    data : CoxData
        Its cases, from :func:`cox_data`.
    """
    change: Float[np.ndarray, "case term"] = (
        score_residuals(fit, data) @ fit.coefficients.covariance
    )
    return change


@dataclass(frozen=True, slots=True, eq=False)
class ProportionalHazards:
    """Tests that hazard ratios do not change with time.

    Parameters
    ----------
    names : tuple of str
        Covariates.
    statistic, p : (term,) float
        Chi-square on one degree of freedom, and P value.
    overall : HypothesisTest
        All covariates together.
    transform : str
        Of time.
    """

    names: tuple[str, ...]
    statistic: Float[np.ndarray, " term"]
    p: Float[np.ndarray, " term"]
    overall: HypothesisTest
    transform: Transform

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        worst = int(np.argmin(self.p))
        return (
            f"proportional hazards: {p_text(self.overall.p)} overall, least for "
            f"{self.names[worst]} ({p_text(float(self.p[worst]))}; {self.overall.method})"
        )


def _clock(data: CoxData, when: Float[np.ndarray, " event"], transform: Transform) -> np.ndarray:
    if transform == "identity":
        return when
    if transform == "log":
        return np.asarray(np.log(when))
    if transform == "rank":
        # Ranks among all follow-up times, censored ones included, as in R.
        every = np.sort(data.time)
        below = np.searchsorted(every, when, side="left")
        upto = np.searchsorted(every, when, side="right")
        return (below + upto + 1) / 2
    table = risk_table(data.time, data.event)
    curve = np.concatenate([[1.0], np.cumprod(1 - table.events / table.at_risk)])
    return np.asarray(1 - curve[np.searchsorted(table.times, when, side="left")])


def proportional_hazards(
    fit: CoxFit, data: CoxData, transform: Transform = "km"
) -> ProportionalHazards:
    """Test each covariate for a hazard ratio that changes with time.

    Parameters
    ----------
    fit : CoxFit
        The model.
    data : CoxData
        Its cases, from :func:`cox_data`.
    transform : {"km", "rank", "identity", "log"}
        Of time; R's default is 1 minus the Kaplan-Meier curve just before.

    Notes
    -----
    Score test of the product of covariate and transformed time, as ``cox.zph`` since
    survival 3.0.  Source: Grambsch and Therneau 1994, Biometrika 81:515.

    Examples
    --------
    >>> from hepacast.stats.cox import fit_cox
    >>> fit = fit_cox(*(cases := ([1.0, 3, 2, 5, 4, 6], [9, 8, 7, 3, 4, 5], [1, 1, 0, 1, 1, 1])))
    >>> round(float(proportional_hazards(fit, cox_data(fit, *cases)).p[0]), 2)
    0.5
    """
    p = data.X.shape[1]
    all_times = np.concatenate([sets.time[sets.died] for sets in data.sets])
    shift = float(_clock(data, all_times, transform).mean())
    score = np.zeros(p)
    plain, mixed, squared = (np.zeros((p, p)) for _ in range(3))
    clocks = np.split(
        _clock(data, all_times, transform) - shift,
        np.cumsum([sets.died.size for sets in data.sets])[:-1],
    )
    for sets, clock in zip(data.sets, clocks, strict=True):
        x = data.X[sets.order]
        pieces = cox_pieces(sets, data.X, fit.beta)
        spread = _spread(sets, x, fit.beta, pieces.mean)
        score += clock @ (x[sets.died] - pieces.mean)
        plain += spread.sum(axis=0)
        mixed += np.einsum("e,eab->ab", clock, spread)
        squared += np.einsum("e,eab->ab", clock**2, spread)
    inverse = np.linalg.inv(plain)
    own = np.array([mixed[k] @ inverse @ mixed[k] for k in range(p)])
    statistic = score**2 / (np.diag(squared) - own)
    whole = float(score @ np.linalg.solve(squared - mixed @ inverse @ mixed, score))
    overall = HypothesisTest(
        name="proportional hazards",
        statistic=whole,
        df=p,
        p=float(stats.chi2.sf(whole, p)),
        method=f"score test over time, {transform}",
    )
    return ProportionalHazards(
        fit.coefficients.names, statistic, stats.chi2.sf(statistic, 1), overall, transform
    )


def _spread(
    sets: RiskSets,
    x: Float[np.ndarray, "case term"],
    beta: Float[np.ndarray, " term"],
    mean: Float[np.ndarray, "event term"],
) -> Float[np.ndarray, "event term term"]:
    """Weighted covariance of the covariates at risk at each event."""
    eta = x @ beta
    risk = np.exp(eta - eta.max())
    squares = risk[:, None, None] * x[:, :, None] * x[:, None, :]
    starts = np.flatnonzero(np.diff(sets.tie, prepend=-1))
    s0, d0 = np.cumsum(risk)[sets.last], np.add.reduceat(risk[sets.died], starts)[sets.tie]
    s2, d2 = (
        np.cumsum(squares, axis=0)[sets.last],
        np.add.reduceat(squares[sets.died], starts, axis=0),
    )
    share = sets.fraction
    top = s2 - share[:, None, None] * d2[sets.tie]
    covariance: Float[np.ndarray, "event term term"] = (
        top / (s0 - share * d0)[:, None, None] - mean[:, :, None] * mean[:, None, :]
    )
    return covariance

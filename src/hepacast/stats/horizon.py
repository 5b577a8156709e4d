# SPDX-License-Identifier: Apache-2.0
"""Accuracy of predictions at a time: time-dependent AUC, Brier score, prediction error curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.estimate import Comparison, compared, interval_text, z_of
from hepacast.stats.inputs import both_classes, flags, floats, probabilities, times
from hepacast.stats.risk_table import censoring_survival, risk_table

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Inverse probability of censoring weights at a horizon.

    Parameters
    ----------
    weight : (case,) float
        1 / G just before the event, or at the horizon; 0 where censored before the horizon.
    case, control : (case,) bool
        Event of interest by the horizon; cases it is compared with.
    time, event : (case,)
        Follow-up; the event is True where it did not end by censoring.
    horizon : float
        In the unit of ``time``.
    """

    weight: Float[np.ndarray, " case"]
    case: Bool[np.ndarray, " case"]
    control: Bool[np.ndarray, " case"]
    time: Float[np.ndarray, " case"]
    event: Bool[np.ndarray, " case"]
    horizon: float

    def take(self, rows: Int[np.ndarray, " row"]) -> Weights:
        """Return the chosen rows with the weights that they have among all."""
        chosen = (one[rows] for one in (self.weight, self.case, self.control, self.time))
        weight, case, control, time = chosen
        return Weights(weight, case, control, time, self.event[rows], self.horizon)

    def through_censoring(self, pull: Float[np.ndarray, " case"]) -> Float[np.ndarray, " case"]:
        """Return how the estimated censoring curve carries each case into a weighted sum.

        Parameters
        ----------
        pull : (case,) float
            Derivative of the estimate with respect to the log weight of each case.

        Returns
        -------
        (case,) float
            Derivative with respect to the multiplicity of each case, by way of G.
        """
        table = risk_table(self.time, self.event)
        exposed = table.at_risk - table.events
        some = (table.censored > 0) & (table.times <= self.horizon)
        steps, y, c = table.times[some], exposed[some], table.censored[some]
        if not steps.size:
            return np.zeros(self.time.size)
        # Weights that the censoring at each step enters: of all whose state was known after it.
        known = self.case | self.control
        until = np.where(self.time > self.horizon, np.inf, self.time)[known]
        own = np.argsort(until)
        later = np.concatenate([np.cumsum(pull[known][own][::-1])[::-1], [0.0]])
        carried = later[np.searchsorted(until[own], steps, side="right")]
        # At the last step everybody at risk may be censored; nothing is weighted beyond it.
        left = np.where(y > c, y - c, 1.0)
        jump = np.where(y > c, carried / left, 0.0)
        drift = np.where(y > c, carried * c / (y * left), 0.0)
        # An event at the moment of a censoring was no longer at risk of it.
        running = np.concatenate([[0.0], np.cumsum(drift)])
        upto = np.searchsorted(steps, self.time, side="right")
        before = np.searchsorted(steps, self.time, side="left")
        out = -running[np.where(self.event, before, upto)]
        hit = ~self.event & (self.time <= self.horizon)
        out[hit] += jump[np.searchsorted(steps, self.time[hit])]
        return out


def censoring_weights(time: ArrayLike, event: ArrayLike, horizon: float) -> Weights:
    """Weigh the cases whose state at the horizon is known, for those whose state is not.

    Parameters
    ----------
    time : (case,) float
        Time to the event or to censoring.
    event : (case,) bool
        True where the event was seen.
    horizon : float
        In the unit of ``time``.

    Raises
    ------
    NotEstimableError
        If nobody had the event by the horizon, or nobody was followed beyond it.

    Examples
    --------
    >>> censoring_weights([1.0, 2, 3, 4], [1, 0, 1, 1], 3.0).weight.round(3).tolist()
    [1.0, 0.0, 1.5, 1.5]
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    case, control = happened & (follow <= horizon), follow > horizon
    if not case.any() or not control.any():
        raise NotEstimableError(
            what="a horizon needs events before it and cases followed beyond it",
            got=f"{int(case.sum())} events by {horizon:g}, {int(control.sum())} cases beyond",
            fix="Choose another horizon.",
        )
    before = censoring_survival(follow, happened, follow, before=True)
    at = float(censoring_survival(follow, happened, np.array([horizon]))[0])
    weight = np.where(case, 1 / np.where(case, before, 1.0), 0.0)
    weight[control] = 1 / at
    return Weights(weight, case, control, follow, happened, horizon)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class AtHorizon:
    """An accuracy at a horizon with its interval.

    Parameters
    ----------
    name : str
        ``"time-dependent AUC"`` or ``"Brier score"``.
    horizon : float
        In the unit of the times.
    estimate, low, high, se : float
        Value, limits, standard error (the estimated censoring included).
    n, events : int
        Cases, and events by the horizon.
    influence : (case,) float
        Infinitesimal jackknife values; their squares add up to ``se`` squared.
    method : str
        How the interval was made.
    level : float
        Confidence level.
    """

    name: str
    horizon: float
    estimate: float
    low: float
    high: float
    se: float
    n: int
    events: int
    influence: Float[np.ndarray, " case"]
    method: str
    level: float = 0.95

    def sentence(self, digits: int = 2) -> str:
        """Write it as a manuscript would."""
        interval = interval_text(self.low, self.high, self.level, digits)
        value = f"{self.estimate:.{digits}f}"
        return f"{self.name} at {self.horizon:g} {value} ({interval}; {self.method})"


def _conclude(
    name: str,
    weights: Weights,
    estimate: float,
    influence: Float[np.ndarray, " case"],
    level: float,
) -> AtHorizon:
    se = float(np.sqrt((influence**2).sum()))
    reach = z_of(level) * se
    return AtHorizon(
        name=name,
        horizon=weights.horizon,
        estimate=estimate,
        low=max(estimate - reach, 0.0),
        high=min(estimate + reach, 1.0),
        se=se,
        n=influence.size,
        events=int(weights.case.sum()),
        influence=influence,
        method="IPCW, infinitesimal jackknife",
        level=level,
    )


def auc_at(
    risk: ArrayLike, time: ArrayLike, event: ArrayLike, horizon: float, *, level: float = 0.95
) -> AtHorizon:
    """Cumulative/dynamic AUC at a horizon, with censoring.

    Parameters
    ----------
    risk : (case,) float
        Higher means an earlier event is expected.
    time : (case,) float
        Time to the event or to censoring.
    event : (case,) bool
        True where the event was seen.
    horizon : float
        In the unit of ``time``.
    level : float
        Confidence level.

    Returns
    -------
    AtHorizon
        Chance that a case with the event by the horizon has a higher risk than one free of it;
        equal risks count one half.

    Raises
    ------
    NotEstimableError
        If nobody had the event by the horizon, or nobody was followed beyond it.

    Notes
    -----
    Source: Uno 2007, J Am Stat Assoc 102:527; Blanche 2013, Stat Med 32:5381.

    Examples
    --------
    >>> auc_at([4, 3, 2, 1], [1.0, 2, 3, 4], [1, 0, 1, 1], 2.5).estimate
    1.0
    """
    return weighted_auc(risk, censoring_weights(time, event, horizon), level=level)


def weighted_auc(risk: ArrayLike, weights: Weights, *, level: float = 0.95) -> AtHorizon:
    """AUC of weighted cases and controls; see :func:`auc_at`.

    Parameters
    ----------
    risk : (case,) float
        Higher means the event is more likely by the horizon.
    weights : Weights
        Who counts as what, and how much.
    level : float
        Confidence level.

    Examples
    --------
    >>> weights = censoring_weights([1.0, 2, 3, 4], [1, 0, 1, 1], 2.5)
    >>> weighted_auc([4, 3, 2, 1], weights).estimate
    1.0
    """
    values = floats("risk", risk, weights.time.size)
    both_classes("AUC at a horizon", weights.case[weights.case | weights.control])
    wins_case, wins_control = wins(values, weights)
    w, case, control = weights.weight, weights.case, weights.control
    a, b = float(w[case].sum()), float(w[control].sum())
    estimate = float((w * wins_case)[case].sum()) / (a * b)
    gradient = np.zeros(values.size)
    gradient[case] = wins_case[case] / (a * b) - estimate / a
    gradient[control] = wins_control[control] / (a * b) - estimate / b
    pull = gradient * w
    influence = pull + weights.through_censoring(pull)
    return _conclude("time-dependent AUC", weights, estimate, influence, level)


def wins(
    risk: Float[np.ndarray, " case"], weights: Weights
) -> tuple[Float[np.ndarray, " case"], Float[np.ndarray, " case"]]:
    """Return the weight of the controls below, and of the cases above each risk.

    Parameters
    ----------
    risk : (case,) float
        Higher means the event is more likely; equal risks count one half.
    weights : Weights
        Who counts as what, and how much.

    Examples
    --------
    >>> weights = censoring_weights([1.0, 2, 3, 4], [1, 1, 1, 1], 2.5)
    >>> [one.tolist() for one in wins(np.array([4.0, 2.0, 2.0, 1.0]), weights)]
    [[2.0, 1.5, 1.5, 0.5], [0.5, 1.5, 1.5, 2.0]]
    """

    def below(own: Float[np.ndarray, " case"], others: Bool[np.ndarray, " case"]) -> np.ndarray:
        order = np.argsort(risk[others], kind="stable")
        ranked = risk[others][order]
        running = np.concatenate([[0.0], np.cumsum(weights.weight[others][order])])
        left = running[np.searchsorted(ranked, own, side="left")]
        right = running[np.searchsorted(ranked, own, side="right")]
        return np.asarray((left + right) / 2)

    above = weights.weight[weights.case].sum() - below(risk, weights.case)
    return below(risk, weights.control), above


def brier_at(
    probability: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    horizon: float,
    *,
    level: float = 0.95,
) -> AtHorizon:
    """Brier score of predicted risks by a horizon, with censoring.

    Parameters
    ----------
    probability : (case,) float
        Predicted risk of the event by the horizon (not survival).
    time : (case,) float
        Time to the event or to censoring.
    event : (case,) bool
        True where the event was seen.
    horizon : float
        In the unit of ``time``.
    level : float
        Confidence level.

    Notes
    -----
    Source: Graf 1999, Stat Med 18:2529; Gerds and Schumacher 2006, Biom J 48:1029.

    Examples
    --------
    >>> round(brier_at([0.9, 0.5, 0.4, 0.2], [1.0, 2, 3, 4], [1, 1, 1, 1], 2.5).estimate, 6)
    0.115
    """
    return weighted_brier(probability, censoring_weights(time, event, horizon), level=level)


def weighted_brier(probability: ArrayLike, weights: Weights, *, level: float = 0.95) -> AtHorizon:
    """Brier score of weighted cases; see :func:`brier_at`.

    Parameters
    ----------
    probability : (case,) float
        Predicted risk of the event by the horizon.
    weights : Weights
        Who counts as what, and how much.
    level : float
        Confidence level.

    Examples
    --------
    >>> weights = censoring_weights([1.0, 2, 3, 4], [1, 1, 1, 1], 2.5)
    >>> round(weighted_brier([0.9, 0.5, 0.4, 0.2], weights).estimate, 6)
    0.115
    """
    risk = probabilities(probability, weights.time.size)
    error = weights.weight * (weights.case - risk) ** 2
    n = risk.size
    estimate = float(error.mean())
    influence = (error - estimate) / n + weights.through_censoring(error / n)
    return _conclude("Brier score", weights, estimate, influence, level)


def compare_at(first: AtHorizon, second: AtHorizon) -> Comparison:
    """Compare two accuracies of the same cases at the same horizon.

    Parameters
    ----------
    first, second : AtHorizon
        From the same cases in the same order.

    Returns
    -------
    Comparison
        First minus second.

    Examples
    --------
    >>> time, event = [1.0, 2, 3, 4, 5, 6], [1, 0, 1, 1, 0, 1]
    >>> one = auc_at([6, 5, 3, 4, 2, 1], time, event, 3.5)
    >>> compare_at(one, one).p
    1.0
    """
    same = (first.name, first.horizon, first.n, first.events)
    if same != (second.name, second.horizon, second.n, second.events):
        raise TableError(
            what="a paired comparison needs one accuracy of the same cases at one horizon",
            got=f"{first.name} at {first.horizon:g} of {first.n} and {second.name} at "
            f"{second.horizon:g} of {second.n}",
            fix="Score both models on the same cases.",
        )
    gap = first.influence - second.influence
    return compared(
        f"{first.name} at {first.horizon:g}",
        first.estimate,
        second.estimate,
        float(np.sqrt((gap**2).sum())),
        method="paired infinitesimal jackknife",
        level=first.level,
    )

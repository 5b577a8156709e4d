# SPDX-License-Identifier: Apache-2.0
"""Clinical benefit: decision curves for yes-or-no, survival and competing-risk outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.competing import causes, cumulative_incidence
from hepacast.stats.inputs import both_classes, flags, floats, probabilities, times
from hepacast.stats.survival import kaplan_meier

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DecisionCurve:
    """Net benefit of acting on a model over a range of thresholds.

    Parameters
    ----------
    thresholds : (threshold,) float
        Risk from which on one would act, between 0 and 1.
    model, treat_all : (threshold,) float
        Net benefit (true positives per case, false positives deducted at the threshold's odds)
        of acting on the model, and on everybody; of acting on nobody it is 0.
    prevalence : float
        Share with the event (by the horizon).
    n : int
        Cases.
    method : str
        How the event rate among the positives was estimated.
    """

    thresholds: Float[np.ndarray, " threshold"]
    model: Float[np.ndarray, " threshold"]
    treat_all: Float[np.ndarray, " threshold"]
    prevalence: float
    n: int
    method: str

    @property
    def treat_none(self) -> Float[np.ndarray, " threshold"]:
        """Net benefit of acting on nobody: 0 everywhere."""
        return np.zeros(self.thresholds.size)

    @property
    def standardised(self) -> Float[np.ndarray, " threshold"]:
        """Net benefit over its maximum, the prevalence (relative utility's numerator)."""
        share: Float[np.ndarray, " threshold"] = self.model / self.prevalence
        return share

    @property
    def treat_all_standardised(self) -> Float[np.ndarray, " threshold"]:
        """Net benefit of acting on everybody over the prevalence."""
        share: Float[np.ndarray, " threshold"] = self.treat_all / self.prevalence
        return share

    @property
    def interventions_avoided(self) -> Float[np.ndarray, " threshold"]:
        """Interventions avoided per 100 cases against acting on everybody."""
        odds = self.thresholds / (1 - self.thresholds)
        gain: Float[np.ndarray, " threshold"] = 100 * (self.model - self.treat_all) / odds
        return gain

    def useful_range(self) -> tuple[float, float]:
        """First and last threshold at which the model beats both simple strategies.

        Raises
        ------
        NotEstimableError
            If it beats them nowhere.
        """
        better = (self.model > np.maximum(self.treat_all, 0) + 1e-12).nonzero()[0]
        if not better.size:
            raise NotEstimableError(
                what="the model must beat acting on everybody and on nobody somewhere",
                got="no such threshold",
                fix="Say that the model has no clinical benefit in this range.",
            )
        return float(self.thresholds[better[0]]), float(self.thresholds[better[-1]])

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        try:
            low, high = self.useful_range()
        except NotEstimableError:
            return "The model had no net benefit over acting on everybody or nobody."
        return (
            f"The model had a higher net benefit than acting on everybody or nobody at "
            f"thresholds from {low:.0%} to {high:.0%} ({self.method})."
        )


def _thresholds(values: ArrayLike | None) -> Float[np.ndarray, " threshold"]:
    wanted = floats("threshold", np.arange(1, 100) / 100 if values is None else values)
    if ((wanted <= 0) | (wanted >= 1)).any():
        raise TableError(
            what="a decision threshold lies strictly between 0 and 1",
            got=f"{wanted.min():g} to {wanted.max():g}",
            fix="Leave 0 and 1 out: their odds are 0 and infinite.",
        )
    return wanted


def _curve(
    risk: Float[np.ndarray, " case"],
    thresholds: Float[np.ndarray, " threshold"],
    rate: Callable[[Bool[np.ndarray, " case"]], float],
    method: str,
) -> DecisionCurve:
    """Trace net benefit, given the event rate of any subset."""
    everybody = np.ones(risk.size, dtype=np.bool_)
    prevalence = rate(everybody)
    odds = thresholds / (1 - thresholds)
    # Neighbouring thresholds often select the same cases: ask for each subset once.
    counts = risk.size - np.searchsorted(np.sort(risk), thresholds, side="left")
    known = {0: 0.0}
    for threshold, count in zip(thresholds, counts, strict=True):
        if int(count) not in known:
            known[int(count)] = rate(risk >= threshold)
    hit = np.array([known[int(count)] for count in counts])
    share = counts / risk.size
    return DecisionCurve(
        thresholds=thresholds,
        model=share * (hit - (1 - hit) * odds),
        treat_all=prevalence - (1 - prevalence) * odds,
        prevalence=prevalence,
        n=risk.size,
        method=method,
    )


def decision_curve(
    probability: ArrayLike, event: ArrayLike, thresholds: ArrayLike | None = None
) -> DecisionCurve:
    """Decision curve of a yes-or-no outcome.

    Parameters
    ----------
    probability : (case,) float
        Predicted risk; a case at or above a threshold is acted on.
    event : (case,) bool
        True where the event happened.
    thresholds : (threshold,) float, optional
        Strictly between 0 and 1; 0.01 to 0.99 otherwise.

    Notes
    -----
    Source: Vickers and Elkin 2006, Med Decis Making 26:565; standardised: Kerr 2016, J Clin
    Oncol 34:2534.

    Examples
    --------
    >>> curve = decision_curve([0.1, 0.3, 0.6, 0.9], [0, 0, 1, 1], [0.2, 0.5])
    >>> curve.model.round(4).tolist(), curve.treat_all.round(3).tolist()
    ([0.4375, 0.5], [0.375, 0.0])
    """
    happened = flags("event", event)
    both_classes("a decision curve", happened)
    risk = probabilities(probability, happened.size)
    return _curve(
        risk, _thresholds(thresholds), lambda chosen: float(happened[chosen].mean()), "counts"
    )


def decision_curve_survival(
    probability: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    horizon: float,
    thresholds: ArrayLike | None = None,
) -> DecisionCurve:
    """Decision curve of the event by a horizon, with censoring.

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
    thresholds : (threshold,) float, optional
        Strictly between 0 and 1; 0.01 to 0.99 otherwise.

    Raises
    ------
    NotEstimableError
        If nobody has the event by the horizon, or nobody was followed as long.

    Notes
    -----
    The event rate among the positives is 1 minus their Kaplan-Meier curve at the horizon; the
    curve's last value is kept where their follow-up ends earlier.  Source: Vickers 2008, BMC
    Med Inform Decis Mak 8:53.

    Examples
    --------
    >>> curve = decision_curve_survival([0.2, 0.4, 0.7, 0.9], [9, 5, 3, 1], [0, 1, 1, 1], 4, [0.5])
    >>> curve.model.tolist()
    [0.5]
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    risk = probabilities(probability, happened.size)
    if not (happened & (follow <= horizon)).any() or follow.max() < horizon:
        raise NotEstimableError(
            what="a decision curve at a horizon needs events before it and follow-up to it",
            got=f"{int((happened & (follow <= horizon)).sum())} events by {horizon:g}, "
            f"longest follow-up {follow.max():g}",
            fix="Choose an earlier horizon.",
        )

    def rate(chosen: Bool[np.ndarray, " case"]) -> float:
        return 1 - float(kaplan_meier(follow[chosen], happened[chosen]).at(horizon)[0])

    return _curve(risk, _thresholds(thresholds), rate, f"Kaplan-Meier at {horizon:g}")


def decision_curve_competing(
    probability: ArrayLike,
    time: ArrayLike,
    cause: ArrayLike,
    horizon: float,
    thresholds: ArrayLike | None = None,
) -> DecisionCurve:
    """Decision curve of the event of interest by a horizon, with competing events.

    Parameters
    ----------
    probability : (case,) float
        Predicted cumulative incidence of the event of interest by the horizon.
    time : (case,) float
        Time to the first event or to censoring.
    cause : (case,) int
        0 censored, 1 the event of interest, 2 and above competing events.
    horizon : float
        In the unit of ``time``.
    thresholds : (threshold,) float, optional
        Strictly between 0 and 1; 0.01 to 0.99 otherwise.

    Raises
    ------
    NotEstimableError
        If nobody has the event of interest by the horizon, or nobody was followed as long.

    Notes
    -----
    The event rate among the positives is their cumulative incidence: a competing event is not
    a censoring.  Source: Vickers 2008, BMC Med Inform Decis Mak 8:53.

    Examples
    --------
    >>> risk, time, cause = [0.2, 0.4, 0.7, 0.9], [9, 5, 3, 1], [0, 1, 2, 1]
    >>> decision_curve_competing(risk, time, cause, 4, [0.5]).model.tolist()
    [0.0]
    """
    code = causes(cause)
    follow = times(time, code.size)
    risk = probabilities(probability, code.size)
    early = int(((code == 1) & (follow <= horizon)).sum())
    if not early or follow.max() < horizon:
        raise NotEstimableError(
            what="a decision curve at a horizon needs events before it and follow-up to it",
            got=f"{early} events by {horizon:g}, longest follow-up {follow.max():g}",
            fix="Choose an earlier horizon.",
        )

    def rate(chosen: Bool[np.ndarray, " case"]) -> float:
        if not (code[chosen] == 1).any():
            return 0.0
        return float(cumulative_incidence(follow[chosen], code[chosen]).at(horizon)[0])

    return _curve(risk, _thresholds(thresholds), rate, f"cumulative incidence at {horizon:g}")

# SPDX-License-Identifier: Apache-2.0
"""From a centred risk to the probability of the event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import optimize, special

from hepacast.core.errors import NotEstimableError
from hepacast.core.outcome import Binary, CompetingRisks, Outcome
from hepacast.stats.competing import cumulative_incidence
from hepacast.stats.cox import Baseline, baseline
from hepacast.stats.fine_gray import subdistribution_baseline
from hepacast.stats.risk_sets import Ties, risk_sets

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


@dataclass(frozen=True, slots=True)
class LogitForecast:
    """Probability of a binary event.

    Parameters
    ----------
    intercept : float
        Log odds of a case of risk 0.
    """

    intercept: float

    def probability(
        self, risk: Float[np.ndarray, " case"], at_days: float | None
    ) -> Float[np.ndarray, " case"]:
        """Return the probability of the event; a time has no meaning here.

        Examples
        --------
        >>> LogitForecast(0.0).probability(np.array([0.0, np.log(3.0)]), None).tolist()
        [0.5, 0.75]
        """
        if at_days is not None:
            raise NotEstimableError(
                what="a binary outcome carries its own horizon",
                got=f"at_days={at_days:g}",
                fix="Leave at_days out, or use a survival outcome.",
            )
        chance: Float[np.ndarray, " case"] = special.expit(self.intercept + risk)
        return chance


@dataclass(frozen=True, slots=True, eq=False)
class HazardForecast:
    """Probability of an event within a time.

    Parameters
    ----------
    event : Baseline
        Cumulative hazard of the event at risk 0, days.
    competing : Baseline
        Cumulative hazard of all competing events, the same for everybody;
        without steps where there are none.
    last_day : float
        Longest follow-up in training; nothing is known beyond it.
    """

    event: Baseline
    competing: Baseline
    last_day: float

    def probability(
        self, risk: Float[np.ndarray, " case"], at_days: float | None
    ) -> Float[np.ndarray, " case"]:
        """Return 1 - S(t) without competing events, and the cumulative incidence with them.

        Examples
        --------
        >>> one = Baseline(np.array([5.0]), np.array([np.log(2.0)]))
        >>> none = Baseline(np.zeros(0), np.zeros(0))
        >>> HazardForecast(one, none, 9.0).probability(np.zeros(1), 5.0).tolist()
        [0.5]
        """
        day = _within(at_days, self.last_day)
        steps = int(np.searchsorted(self.event.times, day, side="right"))
        if steps == 0:
            return np.zeros(len(risk))
        # A predictor hundreds of units away has probability 1, not an overflow.
        relative = np.exp(np.minimum(risk, 700.0))
        survived = np.exp(-np.outer(relative, self.event.hazard[:steps]))
        before = np.hstack([np.ones((len(risk), 1)), survived[:, :-1]])
        # Competing events of the same day come after the event of interest.
        alive = np.exp(-_before(self.competing, self.event.times[:steps]))
        # Shares that add up to 1 may add up to a little more than 1 in floating point.
        chance: Float[np.ndarray, " case"] = np.clip((before - survived) @ alive, 0.0, 1.0)
        return chance


@dataclass(frozen=True, slots=True, eq=False)
class SubdistributionForecast:
    """Cumulative incidence of an event within a time, others competing.

    Parameters
    ----------
    event : Baseline
        Cumulative subdistribution hazard at risk 0, days.
    last_day : float
        Longest follow-up in training; nothing is known beyond it.
    """

    event: Baseline
    last_day: float

    def probability(
        self, risk: Float[np.ndarray, " case"], at_days: float | None
    ) -> Float[np.ndarray, " case"]:
        """Return the cumulative incidence by a day.

        Examples
        --------
        >>> one = Baseline(np.array([5.0]), np.array([np.log(2.0)]))
        >>> SubdistributionForecast(one, 9.0).probability(np.zeros(1), 5.0).tolist()
        [0.5]
        """
        day = _within(at_days, self.last_day)
        hazard = self.event.at(day)[0] * np.exp(np.minimum(risk, 700.0))
        chance: Float[np.ndarray, " case"] = -np.expm1(-hazard)
        return chance


def _within(at_days: float | None, last_day: float) -> float:
    """Refuse a time that no training patient was followed to."""
    if at_days is None or not 0 <= at_days <= last_day:
        raise NotEstimableError(
            what="a probability needs a time within the follow-up of the training patients",
            got=f"at_days={at_days}, follow-up ends on day {last_day:g}",
            fix="Pass at_days inside it.",
        )
    return at_days


@dataclass(frozen=True, slots=True, eq=False)
class OddsForecast:
    """Probability of an event within a time, from a risk on the scale of the log odds.

    Parameters
    ----------
    risk : (case,) float
        Of the training cases.
    times, incidence : (step,) float
        Share of them with the event by each time, days.
    last_day : float
        Longest follow-up in training; nothing is known beyond it.
    """

    risk: Float[np.ndarray, " case"]
    times: Float[np.ndarray, " step"]
    incidence: Float[np.ndarray, " step"]
    last_day: float

    def probability(
        self, risk: Float[np.ndarray, " case"], at_days: float | None
    ) -> Float[np.ndarray, " case"]:
        """Return the probability by a day: proportional odds, right in the mean on every day.

        Examples
        --------
        >>> found = OddsForecast(np.zeros(4), np.array([2.0, 5.0]), np.array([0.25, 0.5]), 9.0)
        >>> found.probability(np.array([0.0, np.log(3.0)]), 6.0).tolist()
        [0.5, 0.75]
        """
        step = int(np.searchsorted(self.times, _within(at_days, self.last_day), side="right"))
        share = float(self.incidence[step - 1]) if step else 0.0
        if not 0 < share < 1:
            return np.full(len(risk), share)
        chance: Float[np.ndarray, " case"] = special.expit(log_odds_at(self.risk, share) + risk)
        return chance


Forecast = LogitForecast | HazardForecast | SubdistributionForecast | OddsForecast
Scale = Literal["hazard", "subdistribution", "odds"]
"""What a risk of an outcome with a time is: a log hazard ratio (cause-specific, or of the
subdistribution), or a log odds ratio."""


def forecast_from(
    risk: Float[np.ndarray, " case"],
    outcome: Outcome,
    ties: Ties = "efron",
    *,
    scale: Scale = "hazard",
) -> Forecast:
    """Learn what a risk of 0 means from the training cases.

    Parameters
    ----------
    risk : (case,) float
        Risk of the training cases, on the log odds or log hazard scale; it is
        taken as it is (slope 1).
    outcome : Binary, Survival or CompetingRisks
        Of the same cases.
    ties : {"efron", "breslow"}
        Steps of the baseline hazard where events share a day.
    scale : {"hazard", "subdistribution", "odds"}
        What the risk of an outcome with a time is; without competing risks the first two are
        the same.

    Returns
    -------
    Forecast
        The intercept makes the mean probability the observed share of events.
        Under competing risks the cumulative incidence combines the cause-specific
        hazard, which depends on the risk, with the marginal hazard of the other
        causes, which does not.

    Notes
    -----
    Source: Breslow 1972, J R Stat Soc B 34:216; Prentice et al. 1978,
    Biometrics 34:541 (cumulative incidence).
    """
    if isinstance(outcome, Binary):
        return LogitForecast(_intercept(risk, outcome.event))
    time = outcome.time_days
    if scale == "odds":
        curve = cumulative_incidence(time, outcome.cause)
        return OddsForecast(risk, curve.times, curve.incidence, float(time.max()))
    if scale == "subdistribution" and isinstance(outcome, CompetingRisks):
        base = subdistribution_baseline(risk, time, outcome.cause)
        return SubdistributionForecast(base, float(time.max()))
    main = _hazard(risk, time, outcome.event, ties)
    other = Baseline(np.zeros(0), np.zeros(0))
    if isinstance(outcome, CompetingRisks):
        other = _hazard(np.zeros_like(risk), time, outcome.cause > 1, ties)
    return HazardForecast(main, other, float(time.max()))


def _hazard(
    risk: Float[np.ndarray, " case"],
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
    ties: Ties,
) -> Baseline:
    """Return the cumulative hazard of a case of risk 0."""
    sets = risk_sets(np.arange(len(time)), time, event, ties)
    return baseline(sets, risk[:, None], np.ones(1))


def _intercept(risk: Float[np.ndarray, " case"], event: Bool[np.ndarray, " case"]) -> float:
    """Find the log odds at risk 0 that reproduce the observed share."""
    share = float(event.mean())
    if not 0 < share < 1:
        raise NotEstimableError(
            what="a probability needs cases with and without the event",
            got=f"{int(event.sum())} events in {len(event)} cases",
            fix="Use fewer folds, or collect more cases.",
        )
    return log_odds_at(risk, share)


def log_odds_at(risk: Float[np.ndarray, " case"], share: float) -> float:
    """Find the log odds at risk 0 that give a mean probability.

    Examples
    --------
    >>> round(log_odds_at(np.array([-1.0, 1.0]), 0.25), 4)
    -1.3514
    """
    start = float(np.log(share / (1 - share)))
    if not risk.any():
        return start
    reach = float(np.abs(risk).max()) + 1.0
    found = optimize.brentq(
        lambda at: float(special.expit(at + risk).mean()) - share,
        start - reach,
        start + reach,
        xtol=1e-14,
    )
    return float(found)


def _before(steps: Baseline, times: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    """Return the cumulative hazard just before each time."""
    index = np.searchsorted(steps.times, times, side="left")
    value: Float[np.ndarray, " time"] = np.concatenate([[0.0], steps.hazard])[index]
    return value

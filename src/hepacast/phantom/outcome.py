# SPDX-License-Identifier: Apache-2.0
"""What happens to the patients: recurrence, death before it, death after it, censoring.

A Markov illness-death model with constant hazards, so that every risk has a
closed form.  Months inside, days at the door.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import exprel

from hepacast.core.outcome import DAYS_PER_MONTH

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from hepacast.phantom.latent import Latent
    from hepacast.phantom.params import PhantomParams

EndPoint = Literal["recurrence", "rfs", "os"]
END_POINTS: tuple[EndPoint, ...] = ("recurrence", "rfs", "os")
"""Recurrence (death without it competes), recurrence-free survival, overall survival."""

RECURRENCE_PER_MONTH = 0.020
DEATH_PER_MONTH = 0.0035
DEATH_AFTER_RECURRENCE_PER_MONTH = 0.030
DEATH_SHARE_OF_CLINICAL_EFFECT = 0.8
LOSS_PER_MONTH = 0.0015
FOLLOW_UP_MONTHS = (26.0, 72.0)
"""Administrative end of follow-up; it starts after the default horizon, so that a label at 24
months is rarely censored."""


@dataclass(frozen=True, slots=True, eq=False)
class Hazards:
    """Events per month of every patient.

    Parameters
    ----------
    recurrence, death, death_after : (patient,) float
        From healthy to recurrence, from healthy to death, from recurrence to death.
    """

    recurrence: Float[np.ndarray, ...]
    death: Float[np.ndarray, ...]
    death_after: Float[np.ndarray, ...]

    @classmethod
    def of(
        cls,
        params: PhantomParams,
        z: Float[np.ndarray, ...],
        recurrence_risk: Float[np.ndarray, ...],
        death_risk: Float[np.ndarray, ...],
    ) -> Hazards:
        """Hazards of patients with these causes; higher causes = higher hazards."""
        frail = np.exp(DEATH_SHARE_OF_CLINICAL_EFFECT * params.clinical_effect * death_risk)
        pull = params.effect * z + params.clinical_effect * recurrence_risk
        return cls(
            RECURRENCE_PER_MONTH * np.exp(pull),
            DEATH_PER_MONTH * frail,
            DEATH_AFTER_RECURRENCE_PER_MONTH * frail,
        )

    @classmethod
    def of_latent(cls, params: PhantomParams, latent: Latent) -> Hazards:
        """Hazards of drawn patients."""
        return cls.of(params, latent.aggressiveness, latent.recurrence_risk, latent.death_risk)

    def risk(self, end_point: EndPoint, months: float) -> Float[np.ndarray, ...]:
        """Probability of the end point within a time, in closed form.

        Parameters
        ----------
        end_point : str
            ``recurrence`` is the cumulative incidence, death competing.
        months : float
            Horizon.

        Examples
        --------
        >>> even = Hazards(np.array([0.02]), np.array([0.02]), np.array([0.02]))
        >>> float(even.risk("recurrence", 1e6)[0])
        0.5
        """
        leave = self.recurrence + self.death
        gone = -np.expm1(-leave * months)
        if end_point == "rfs":
            return np.asarray(gone)
        if end_point == "recurrence":
            return np.asarray(self.recurrence / leave * gone)
        # Alive with recurrence at t: leave healthy at s, live on from s to t; integrated over s.
        lived_on = np.exp(-self.death_after * months) * exprel((self.death_after - leave) * months)
        return np.asarray(gone - self.recurrence * months * lived_on)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What happens to the patients, seen to the end.

    Parameters
    ----------
    recurrence_months : (patient,) float
        Time to recurrence; infinite where death came first.
    death_months : (patient,) float
        Time to death.
    censored_months : (patient,) float
        When the patient is lost or the study ends.
    """

    recurrence_months: Float[np.ndarray, " patient"]
    death_months: Float[np.ndarray, " patient"]
    censored_months: Float[np.ndarray, " patient"]

    def within(self, end_point: EndPoint, months: float) -> Bool[np.ndarray, " patient"]:
        """Whether the end point is reached within a time, were nobody censored."""
        times = {
            "recurrence": self.recurrence_months,
            "rfs": np.minimum(self.recurrence_months, self.death_months),
            "os": self.death_months,
        }
        return np.asarray(times[end_point] <= months)

    @property
    def first_days(self) -> Int[np.ndarray, " patient"]:
        """Days to recurrence, death or censoring, whichever is first; at least 1."""
        first = np.minimum(self.recurrence_months, self.death_months)
        return _days(np.minimum(first, self.censored_months))

    @property
    def cause(self) -> Int[np.ndarray, " patient"]:
        """0 censored, 1 recurrence, 2 death without recurrence."""
        first = np.minimum(self.recurrence_months, self.death_months)
        kind = np.where(self.recurrence_months < self.death_months, 1, 2)
        return np.where(first <= self.censored_months, kind, 0)

    @property
    def alive_days(self) -> Int[np.ndarray, " patient"]:
        """Days to death or censoring; at least 1."""
        return _days(np.minimum(self.death_months, self.censored_months))

    @property
    def dead(self) -> Bool[np.ndarray, " patient"]:
        """Whether death was seen."""
        return np.asarray(self.death_months <= self.censored_months)

    def observed(
        self, end_point: EndPoint
    ) -> tuple[Int[np.ndarray, " patient"], Bool[np.ndarray, " patient"]]:
        """Days and event of an end point as a study records them (deaths censor recurrence)."""
        if end_point == "os":
            return self.alive_days, self.dead
        return self.first_days, self.cause == 1 if end_point == "recurrence" else self.cause > 0


def follow(rng: np.random.Generator, hazards: Hazards) -> Course:
    """Draw the course of every patient.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    hazards : Hazards
        Per patient.
    """
    patients = len(hazards.recurrence)
    recurrence = rng.exponential(size=patients) / hazards.recurrence
    death = rng.exponential(size=patients) / hazards.death
    after = recurrence + rng.exponential(size=patients) / hazards.death_after
    lost = rng.exponential(size=patients) / LOSS_PER_MONTH
    end = rng.uniform(*FOLLOW_UP_MONTHS, size=patients)
    recurs = recurrence < death
    return Course(
        np.where(recurs, recurrence, np.inf),
        np.where(recurs, after, death),
        np.minimum(lost, end),
    )


def _days(months: Float[np.ndarray, " patient"]) -> Int[np.ndarray, " patient"]:
    """Round up to whole days."""
    days: Int[np.ndarray, " patient"] = np.ceil(months * DAYS_PER_MONTH).astype(np.int64)
    days[days < 1] = 1
    return days

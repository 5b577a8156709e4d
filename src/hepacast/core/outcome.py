# SPDX-License-Identifier: Apache-2.0
"""What happened to the cases: an event, a time to it, or one of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import TableError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

DAYS_PER_MONTH = 365.25 / 12
"""Mean length of a month, days; months in study files mean this."""


def _check(what: str, length: int, *arrays: np.ndarray) -> None:
    """Check that all arrays are as long as each other, and freeze them."""
    for array in arrays:
        if array.shape != (length,):
            raise TableError(
                what=f"{what} needs arrays of one length",
                got=f"shapes {[a.shape for a in arrays]}",
                fix="Take all columns from the same rows.",
            )
        array.flags.writeable = False


def _check_times(what: str, time_days: np.ndarray) -> None:
    """Refuse negative and missing times; zero is a real time (an event on day 0)."""
    wrong = ~np.isfinite(time_days) | (time_days < 0)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise TableError(
            what=f"times of {what} must be finite and not negative",
            got=f"{time_days[first]} days in row {first} ({int(wrong.sum())} rows in all)",
            fix="Mend the dates, or leave those cases out with a reason.",
        )


@dataclass(frozen=True, slots=True, eq=False)
class Binary:
    """An event that a case had or had not.

    Parameters
    ----------
    event : (case,) bool
        True where the event happened.
    name : str
        What the study file calls it.
    weight : (case,) float, optional
        How many cases each stands for; 1 where none is given.
    """

    event: Bool[np.ndarray, " case"]
    name: str = "event"
    weight: Float[np.ndarray, " case"] | None = None

    def __post_init__(self) -> None:
        """Check and freeze."""
        weights = () if self.weight is None else (self.weight,)
        _check(self.name, len(self.event), self.event, *weights)

    def __len__(self) -> int:
        return len(self.event)

    @property
    def strata(self) -> Int[np.ndarray, " case"]:
        """Labels to balance when cases are divided."""
        return self.event.astype(np.int64)

    def take(self, rows: Int[np.ndarray, " row"]) -> Binary:
        """Return the chosen rows."""
        weight = None if self.weight is None else self.weight[rows]
        return Binary(self.event[rows], self.name, weight)


@dataclass(frozen=True, slots=True, eq=False)
class Survival:
    """Time to an event, or to the last moment without it.

    Parameters
    ----------
    time_days : (case,) float
        Days from the index date to the event or to censoring.
    event : (case,) bool
        True where the event was seen.
    name : str
        What the study file calls it.
    horizon_days : float, optional
        Where forecasts are judged by who had the event until this day, not by the order of
        the times.
    """

    time_days: Float[np.ndarray, " case"]
    event: Bool[np.ndarray, " case"]
    name: str = "survival"
    horizon_days: float | None = None

    def __post_init__(self) -> None:
        """Check and freeze."""
        _check(self.name, len(self.event), self.time_days, self.event)
        _check_times(self.name, self.time_days)

    def __len__(self) -> int:
        return len(self.event)

    @property
    def cause(self) -> Int[np.ndarray, " case"]:
        """1 where the event was seen, 0 where censored, as for :class:`CompetingRisks`."""
        return self.event.astype(np.int64)

    @property
    def strata(self) -> Int[np.ndarray, " case"]:
        """Labels to balance when cases are divided."""
        return self.event.astype(np.int64)

    def take(self, rows: Int[np.ndarray, " row"]) -> Survival:
        """Return the chosen rows."""
        return Survival(self.time_days[rows], self.event[rows], self.name, self.horizon_days)


@dataclass(frozen=True, slots=True, eq=False)
class CompetingRisks:
    """Time to the first of several events.

    Parameters
    ----------
    time_days : (case,) float
        Days from the index date to the first event or to censoring.
    cause : (case,) int
        0 where censored, 1 for the event of interest, 2 and above for others.
    name : str
        What the study file calls it.
    horizon_days : float, optional
        As for :class:`Survival`.
    """

    time_days: Float[np.ndarray, " case"]
    cause: Int[np.ndarray, " case"]
    name: str = "competing risks"
    horizon_days: float | None = None

    def __post_init__(self) -> None:
        """Check and freeze."""
        _check(self.name, len(self.cause), self.time_days, self.cause)
        _check_times(self.name, self.time_days)

    def __len__(self) -> int:
        return len(self.cause)

    @property
    def event(self) -> Bool[np.ndarray, " case"]:
        """True where the event of interest was seen."""
        happened: Bool[np.ndarray, " case"] = self.cause == 1
        return happened

    @property
    def strata(self) -> Int[np.ndarray, " case"]:
        """Labels to balance when cases are divided."""
        return self.cause

    def take(self, rows: Int[np.ndarray, " row"]) -> CompetingRisks:
        """Return the chosen rows."""
        return CompetingRisks(self.time_days[rows], self.cause[rows], self.name, self.horizon_days)


Outcome = Binary | Survival | CompetingRisks

# SPDX-License-Identifier: Apache-2.0
"""Do predicted cumulative incidences mean what they say?  Outcomes with competing events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.stats.calibration import CalibrationGroups, quantile_groups
from hepacast.stats.calibration_survival import complementary, over_expected
from hepacast.stats.competing import causes, cumulative_incidence
from hepacast.stats.fine_gray import fit_fine_gray
from hepacast.stats.inputs import probabilities, times

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from numpy.typing import ArrayLike

    from hepacast.stats.estimate import Estimate


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CompetingCalibration:
    """Calibration of predicted cumulative incidences by a horizon.

    Parameters
    ----------
    horizon : float
        In the unit of the times.
    slope : Estimate
        Fine-Gray coefficient of log(-log(1 - risk)); 1 is ideal, below 1 too extreme predictions.
    observed_expected : Estimate
        Cumulative incidence at the horizon over the mean predicted one; 1 is ideal.
    groups : CalibrationGroups
        Cumulative incidence in groups of rising predicted risk.
    n, events : int
        Cases, and events of interest by the horizon.
    """

    horizon: float
    slope: Estimate
    observed_expected: Estimate
    groups: CalibrationGroups
    n: int
    events: int

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        return f"At {self.horizon:g}: {self.slope.sentence()}; {self.observed_expected.sentence()}"


def calibration_competing(
    probability: ArrayLike,
    time: ArrayLike,
    cause: ArrayLike,
    horizon: float,
    *,
    groups: int = 5,
    level: float = 0.95,
) -> CompetingCalibration:
    """Assess the calibration of predicted cumulative incidences by a horizon.

    Parameters
    ----------
    probability : (case,) float
        Predicted cumulative incidence of the event of interest by the horizon, of cases not
        learned from.
    time : (case,) float
        Time to the first event or to censoring.
    cause : (case,) int
        0 censored, 1 the event of interest, 2 and above competing events.
    horizon : float
        In the unit of ``time``.
    groups : int
        Of rising predicted risk, for the plot; equal predictions stay together.
    level : float
        Confidence level.

    Raises
    ------
    NotEstimableError
        Without events of interest by the horizon or follow-up to it, or if predictions hardly
        vary.

    Notes
    -----
    A competing event is not a censoring: Kaplan-Meier's curve would overstate what was observed.
    Source: van Geloven 2022, BMJ 377:e069249.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> risk = rng.uniform(0.1, 0.8, 400)
    >>> cause = np.where(rng.uniform(size=400) < risk, 1, 2)
    >>> time = rng.uniform(0, 1, 400)
    >>> result = calibration_competing(risk, time, cause, 0.999)
    >>> result.slope.low < 1 < result.slope.high
    True
    """
    code = causes(cause)
    follow = times(time, code.size)
    risk = probabilities(probability, code.size)
    events = int(((code == 1) & (follow <= horizon)).sum())
    if not events or follow.max() < horizon:
        raise NotEstimableError(
            what="calibration at a horizon needs events before it and follow-up to it",
            got=f"{events} events by {horizon:g}, longest follow-up {follow.max():g}",
            fix="Choose an earlier horizon.",
        )
    table = fit_fine_gray(complementary(risk), follow, code, ["slope"], level=level).coefficients
    slope = table.estimate(
        0, "calibration slope", "Fine-Gray recalibration", n=code.size, events=events
    )
    observed = cumulative_incidence(follow, code, level=level).estimate_at(horizon)
    return CompetingCalibration(
        horizon=horizon,
        slope=slope,
        observed_expected=over_expected(observed, risk, "Aalen-Johansen"),
        groups=_groups(risk, follow, code, horizon, groups),
        n=code.size,
        events=events,
    )


def _groups(
    risk: Float[np.ndarray, " case"],
    time: Float[np.ndarray, " case"],
    cause: Int[np.ndarray, " case"],
    horizon: float,
    groups: int,
) -> CalibrationGroups:
    """Observed incidence in groups; 0, without limits, where a group has no event of interest."""
    which = quantile_groups(risk, groups)
    n = np.bincount(which)
    seen = np.zeros((n.size, 3))
    for one in range(n.size):
        rows = which == one
        if (cause[rows] == 1).any():
            found = cumulative_incidence(time[rows], cause[rows]).estimate_at(horizon)
            seen[one] = found.estimate, found.low, found.high
    return CalibrationGroups(
        np.bincount(which, weights=risk) / n, seen[:, 0], seen[:, 1], seen[:, 2], n
    )

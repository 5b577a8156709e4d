# SPDX-License-Identifier: Apache-2.0
"""Prediction error curves: the Brier score over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.inputs import flags, floats, probabilities, times
from hepacast.stats.risk_table import censoring_survival
from hepacast.stats.survival import kaplan_meier

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PredictionError:
    """Prediction error curve: the Brier score over time.

    Parameters
    ----------
    times : (time,) float
        Rising.
    error, reference : (time,) float
        Brier score of the model, and of the Kaplan-Meier curve that ignores covariates.
    integrated, integrated_reference : float
        Mean over time from 0 to the last of ``times``, as the step function that it is.
    n : int
        Cases.
    """

    times: Float[np.ndarray, " time"]
    error: Float[np.ndarray, " time"]
    reference: Float[np.ndarray, " time"]
    integrated: float
    integrated_reference: float
    n: int

    @property
    def explained(self) -> float:
        """1 minus the ratio of integrated errors (index of prediction accuracy)."""
        return 1 - self.integrated / self.integrated_reference

    def sentence(self, digits: int = 3) -> str:
        """Write it as a manuscript would."""
        return (
            f"integrated Brier score to {self.times[-1]:g}: {self.integrated:.{digits}f} "
            f"(Kaplan-Meier {self.integrated_reference:.{digits}f}; IPCW)"
        )


def brier_curve(
    probability: Float[np.ndarray, "case time"],
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
    when: Float[np.ndarray, " time"],
) -> Float[np.ndarray, " time"]:
    """Brier score at many times; before the first event it is the mean squared risk.

    Parameters
    ----------
    probability : (case, time) float
        Predicted risk of the event by each time.
    time, event : (case,)
        Follow-up.
    when : (time,) float
        In the unit of ``time``.
    """
    before = censoring_survival(time, event, time, before=True)
    at = censoring_survival(time, event, when)
    safe = np.where(before > 0, before, 1.0)
    if (at <= 0).any():
        raise NotEstimableError(
            what="the Brier score at a time needs somebody uncensored then",
            got=f"nobody from {when[at <= 0][0]:g} on",
            fix="End the curve earlier.",
        )
    case = event[:, None] & (time[:, None] <= when)
    control = time[:, None] > when
    squared = case * (1 - probability) ** 2 / safe[:, None] + control * probability**2 / at
    score: Float[np.ndarray, " time"] = squared.mean(axis=0)
    return score


def _step_mean(when: Float[np.ndarray, " time"], values: Float[np.ndarray, " time"]) -> float:
    """Mean of a step function that keeps each value until the next time, from 0 on."""
    if when.size == 1:
        return float(values[0])
    start = when[0]
    return float((values[:-1] @ np.diff(when)) / (when[-1] - start))


def prediction_error(
    probability: ArrayLike, time: ArrayLike, event: ArrayLike, when: ArrayLike
) -> PredictionError:
    """Trace the Brier score over time and integrate it.

    Parameters
    ----------
    probability : (case, time) float
        Predicted risk of the event by each of the times.
    time : (case,) float
        Time to the event or to censoring.
    event : (case,) bool
        True where the event was seen.
    when : (time,) float
        Rising; begin with 0 to integrate from there.  The integral is a step integral between
        the first and the last time, as in R's ``pec``.

    Raises
    ------
    NotEstimableError
        If everybody has been censored before the last time.

    Notes
    -----
    Source: Graf 1999, Stat Med 18:2529; Mogensen 2012, J Stat Softw 50(11).

    Examples
    --------
    >>> time, event, when = np.array([1.0, 2, 3, 4]), [1, 1, 0, 1], np.array([0.0, 1, 2, 3])
    >>> km = 1 - kaplan_meier(time, event).at(when)
    >>> curve = prediction_error(np.tile(km, (4, 1)), time, event, when)
    >>> bool(np.allclose(curve.error, curve.reference)), round(curve.integrated, 4)
    (True, 0.1458)
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    grid = floats("time", when)
    risk = probabilities(probability, happened.size)
    if risk.ndim != 2 or risk.shape[1] != grid.size or (np.diff(grid) <= 0).any():
        raise TableError(
            what="risks need one column for each of the rising times",
            got=f"shape {risk.shape} for {grid.size} times",
            fix="Predict the risk at each of the times, in order.",
        )
    error = brier_curve(risk, follow, happened, grid)
    overall = 1 - kaplan_meier(follow, happened).at(grid)
    reference = brier_curve(np.tile(overall, (follow.size, 1)), follow, happened, grid)
    return PredictionError(
        times=grid,
        error=error,
        reference=reference,
        integrated=_step_mean(grid, error),
        integrated_reference=_step_mean(grid, reference),
        n=follow.size,
    )

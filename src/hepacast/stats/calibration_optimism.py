# SPDX-License-Identifier: Apache-2.0
"""A survival calibration curve corrected for optimism by the bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.stats.calibration_survival import smooth_observed
from hepacast.stats.inputs import flags, probabilities, times

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float, Int
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CorrectedCurve:
    """A calibration curve corrected for optimism.

    Parameters
    ----------
    horizon : float
        In the unit of the times.
    predicted : (point,) float
        Predicted risks.
    apparent : (point,) float
        Smooth observed risk in the training cases.
    corrected : (point,) float
        Apparent minus the mean optimism over resamples.
    resamples : int
        That could be fitted.
    """

    horizon: float
    predicted: Float[np.ndarray, " point"]
    apparent: Float[np.ndarray, " point"]
    corrected: Float[np.ndarray, " point"]
    resamples: int

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        before = np.abs(self.apparent - self.predicted).mean()
        after = np.abs(self.corrected - self.predicted).mean()
        return (
            f"mean distance from perfect calibration at {self.horizon:g}: {after:.3f} after "
            f"correction for optimism (apparent {before:.3f}; {self.resamples} resamples)"
        )


def corrected_calibration(
    fit_risk: Callable[[Int[np.ndarray, " row"]], Float[np.ndarray, " case"]],
    time: ArrayLike,
    event: ArrayLike,
    horizon: float,
    draws: Int[np.ndarray, "resample case"],
    *,
    at: ArrayLike | None = None,
) -> CorrectedCurve:
    """Correct a calibration curve for optimism by the bootstrap.

    Parameters
    ----------
    fit_risk : callable
        Runs the whole modelling on row numbers, and returns the risks by the horizon that the
        model predicts for all cases.
    time, event : (case,)
        Follow-up of all cases.
    horizon : float
        In the unit of ``time``.
    draws : (resample, case) int
        From :func:`hepacast.stats.resampling.bootstrap_rows`.
    at : (point,) float, optional
        Predicted risks of the curve; from the 5th to the 95th percentile otherwise.

    Raises
    ------
    NotEstimableError
        If more than one resample in ten cannot be fitted.

    Notes
    -----
    Optimism is the curve in the resample minus the curve of the same model in all cases, as
    ``rms::calibrate``; the curve is that of :func:`smooth_observed`.

    Examples
    --------
    >>> from hepacast.stats.cox import fit_cox
    >>> from hepacast.stats.resampling import bootstrap_rows
    >>> rng = np.random.default_rng(3)
    >>> x = rng.normal(size=150)
    >>> follow = rng.exponential(np.exp(-x))
    >>> def fit_risk(rows):
    ...     return fit_cox(x[rows], follow[rows], np.ones(rows.size)).risk_at(x, 1.0)
    >>> rows = bootstrap_rows(150, 10, rng)
    >>> corrected_calibration(fit_risk, follow, np.ones(150), 1.0, rows).resamples
    10
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    everybody = np.arange(happened.size)
    risk = fit_risk(everybody)
    low, high = (float(np.quantile(risk, share)) for share in (0.05, 0.95))
    points = np.linspace(low, high, 50) if at is None else probabilities(at)
    apparent = smooth_observed(risk, follow, happened, horizon, points)
    gaps = []
    for rows in draws:
        try:
            again = fit_risk(rows)
            inside = smooth_observed(again[rows], follow[rows], happened[rows], horizon, points)
            gaps.append(inside - smooth_observed(again, follow, happened, horizon, points))
        except NotEstimableError:
            continue
    if len(gaps) < 0.9 * len(draws):
        raise NotEstimableError(
            what="a correction for optimism needs resamples that can be fitted",
            got=f"{len(draws) - len(gaps)} of {len(draws)} could not",
            fix="The model is too large for the cohort, or the horizon too early.",
        )
    return CorrectedCurve(
        horizon=horizon,
        predicted=points,
        apparent=apparent,
        corrected=np.clip(apparent - np.mean(gaps, axis=0), 0, 1),
        resamples=len(gaps),
    )

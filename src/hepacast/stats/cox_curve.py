# SPDX-License-Identifier: Apache-2.0
"""Risks that a Cox regression predicts, with their limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.cox import cox_pieces
from hepacast.stats.estimate import z_of
from hepacast.stats.inputs import flags, floats, times
from hepacast.stats.risk_sets import risk_sets

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy.typing import ArrayLike

    from hepacast.stats.cox import CoxFit


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PredictedRisk:
    """Risks of the event by a time.

    Parameters
    ----------
    when : float
        In the unit of the times.
    risk, low, high : (case,) float
        Between 0 and 1; pointwise limits.
    log_hazard_se : (case,) float
        Standard error of the log cumulative hazard, baseline and coefficients included.
    method : str
        How the limits were made.
    level : float
        Confidence level.
    """

    when: float
    risk: Float[np.ndarray, " case"]
    low: Float[np.ndarray, " case"]
    high: Float[np.ndarray, " case"]
    log_hazard_se: Float[np.ndarray, " case"]
    method: str = "log-log interval"
    level: float = 0.95


def predicted_risk(
    fit: CoxFit,
    X: ArrayLike,
    follow_up: tuple[ArrayLike, ArrayLike],
    new: ArrayLike,
    when: float,
    *,
    level: float = 0.95,
) -> PredictedRisk:
    """Predict the risk of the event by a time, with limits.

    Parameters
    ----------
    fit : CoxFit
        Without strata.
    X : (case, term) float
        Covariates that it was fitted to.
    follow_up : (time, event)
        Time and event that it was fitted to.
    new : (row, term) float
        Covariates to predict for.
    when : float
        In the unit of the times.
    level : float
        Confidence level.

    Raises
    ------
    TableError
        If the model has strata.
    NotEstimableError
        Before the first event, where the risk is 0 without limits.

    Notes
    -----
    Standard errors as R's ``survfit.coxph``, limits on the scale of the log cumulative
    hazard (``conf.type = "log-log"``).  Source: Tsiatis 1981, Ann Stat 9:93.

    Examples
    --------
    >>> from hepacast.stats.cox import fit_cox
    >>> x, time, event = np.arange(6.0), [9, 8, 7, 3, 4, 5], [1, 1, 0, 1, 1, 1]
    >>> found = predicted_risk(fit_cox(x, time, event), x, (time, event), [2.0], 5.0)
    >>> [round(float(one[0]), 2) for one in (found.low, found.risk, found.high)]
    [0.03, 0.24, 0.89]
    """
    if fit.strata:
        raise TableError(
            what="limits of a predicted risk need one baseline",
            got=f"strata {fit.strata[:5]}",
            fix="Fit the stratum alone.",
        )
    happened = flags("event", follow_up[1])
    follow = times(follow_up[0], happened.size)
    matrix, rows = (floats("covariate", one) for one in (X, new))
    matrix, rows = (one[:, None] if one.ndim == 1 else one for one in (matrix, rows))
    sets = risk_sets(np.arange(happened.size), follow, happened, fit.ties)
    pieces = cox_pieces(sets, matrix - fit.center, fit.beta)
    early = sets.time[sets.died] <= when
    if not early.any():
        raise NotEstimableError(
            what="a predicted risk needs an event before its time",
            got=f"none by {when:g}",
            fix="Choose a later time.",
        )
    step, mean = pieces.hazard[early], pieces.mean[early]
    total = float(step.sum())
    # Relative to the hazard: the spread of its steps, and what the coefficients add.
    lean = (rows - fit.center) - (step @ mean) / total
    covariance = fit.coefficients.covariance
    variance = (step**2).sum() / total**2 + np.einsum("rt,tu,ru->r", lean, covariance, lean)
    se = np.sqrt(variance)
    hazard = total * np.exp(fit.linear(rows))
    factor = np.exp(z_of(level) * se)
    return PredictedRisk(
        when=when,
        risk=-np.expm1(-hazard),
        low=-np.expm1(-hazard / factor),
        high=-np.expm1(-hazard * factor),
        log_hazard_se=se,
        level=level,
    )

# SPDX-License-Identifier: Apache-2.0
"""Accuracy of predictions at a time where another event can come first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.stats.competing import causes
from hepacast.stats.horizon import (
    AtHorizon,
    Weights,
    censoring_weights,
    weighted_auc,
    weighted_brier,
)
from hepacast.stats.inputs import times
from hepacast.stats.risk_table import censoring_survival

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Controls = Literal["others", "event-free"]


def competing_weights(
    time: ArrayLike, cause: ArrayLike, horizon: float, *, controls: Controls = "others"
) -> Weights:
    """Weigh the cases whose state at the horizon is known, for those whose state is not.

    Parameters
    ----------
    time : (case,) float
        Time to the first event or to censoring.
    cause : (case,) int
        0 censored, 1 the event of interest, 2 and above competing events.
    horizon : float
        In the unit of ``time``.
    controls : {"others", "event-free"}
        Cases without the event of interest by the horizon, those with a competing event
        included; or only those without any event.

    Returns
    -------
    Weights
        1 / G just before the event of any cause, or at the horizon; 0 where censored before it.

    Raises
    ------
    NotEstimableError
        If nobody had the event of interest by the horizon, or there are no controls.

    Examples
    --------
    >>> weights = competing_weights([1.0, 2, 3, 4], [1, 0, 2, 1], 3.0)
    >>> weights.weight.round(3).tolist(), weights.control.tolist()
    ([1.0, 0.0, 1.5, 1.5], [False, False, True, True])
    """
    code = causes(cause)
    follow = times(time, code.size)
    early = follow <= horizon
    case = early & (code == 1)
    other = early & (code > 1)
    control = ~early | (other if controls == "others" else False)
    if not case.any() or not control.any():
        raise NotEstimableError(
            what="a horizon needs events of interest before it, and controls",
            got=f"{int(case.sum())} events by {horizon:g}, {int(control.sum())} controls",
            fix="Choose another horizon.",
        )
    before = censoring_survival(follow, code > 0, follow, before=True)
    at = float(censoring_survival(follow, code > 0, np.array([horizon]))[0])
    settled = case | (control & early)
    weight = np.where(settled, 1 / np.where(settled, before, 1.0), 0.0)
    weight[~early] = 1 / at if at > 0 else 0.0
    return Weights(weight, case, control, follow, code > 0, horizon)


def weights_at(time: ArrayLike, cause: ArrayLike, horizon: float) -> Weights:
    """Weigh the cases whose state at the horizon is known, with competing events or without.

    Parameters
    ----------
    time : (case,) float
        Time to the first event or to censoring.
    cause : (case,) int or bool
        0 censored, 1 the event of interest, 2 and above competing events, which count as no
        event.
    horizon : float
        In the unit of ``time``.

    Examples
    --------
    >>> weights_at([1.0, 2, 3, 4], [True, False, True, True], 3.0).weight.round(3).tolist()
    [1.0, 0.0, 1.5, 1.5]
    """
    codes = np.asarray(cause).astype(np.int64)
    if (codes > 1).any():
        return competing_weights(time, codes, horizon)
    return censoring_weights(time, codes, horizon)


def auc_at_competing(
    risk: ArrayLike,
    time: ArrayLike,
    cause: ArrayLike,
    horizon: float,
    *,
    controls: Controls = "others",
    level: float = 0.95,
) -> AtHorizon:
    """Cumulative/dynamic AUC at a horizon, with competing risks and censoring.

    Parameters
    ----------
    risk : (case,) float
        Higher means the event of interest is more likely by the horizon.
    time, cause : (case,)
        As for :func:`competing_weights`.
    horizon : float
        In the unit of ``time``.
    controls : {"others", "event-free"}
        Whom the cases with the event are compared with.
    level : float
        Confidence level.

    Returns
    -------
    AtHorizon
        Chance that a case with the event of interest by the horizon has a higher risk than a
        control; equal risks count one half.  Without competing events, :func:`auc_at`.

    Notes
    -----
    ``"others"`` is the second definition of Blanche 2013, Stat Med 32:5381 (timeROC's
    ``AUC_2``), ``"event-free"`` the first.

    Examples
    --------
    >>> time, cause = [1.0, 2, 3, 4, 5], [1, 2, 1, 0, 0]
    >>> auc_at_competing([5, 4, 3, 2, 1], time, cause, 3.0).estimate.__round__(4)
    0.8333
    >>> auc_at_competing([5, 4, 3, 2, 1], time, cause, 3.0, controls="event-free").estimate
    1.0
    """
    weights = competing_weights(time, cause, horizon, controls=controls)
    return weighted_auc(risk, weights, level=level)


def brier_at_competing(
    probability: ArrayLike,
    time: ArrayLike,
    cause: ArrayLike,
    horizon: float,
    *,
    level: float = 0.95,
) -> AtHorizon:
    """Brier score of predicted cumulative incidences by a horizon, with censoring.

    Parameters
    ----------
    probability : (case,) float
        Predicted cumulative incidence of the event of interest by the horizon.
    time, cause : (case,)
        As for :func:`competing_weights`.
    horizon : float
        In the unit of ``time``.
    level : float
        Confidence level.

    Notes
    -----
    A competing event by the horizon counts as no event of interest.  Source: Schoop 2011,
    Biom J 53:88.

    Examples
    --------
    >>> score = brier_at_competing([0.9, 0.5, 0.4, 0.2], [1.0, 2, 3, 4], [1, 2, 1, 1], 2.5)
    >>> round(score.estimate, 4)
    0.115
    """
    return weighted_brier(probability, competing_weights(time, cause, horizon), level=level)

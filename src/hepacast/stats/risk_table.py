# SPDX-License-Identifier: Apache-2.0
"""Who is at risk when, and the probability of not being censored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


@dataclass(frozen=True, slots=True, eq=False)
class RiskTable:
    """Counts at every distinct time; rows are times."""

    times: Float[np.ndarray, " step"]
    at_risk: Float[np.ndarray, " step"]
    events: Float[np.ndarray, " step"]
    censored: Float[np.ndarray, " step"]


def risk_table(
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
    weight: Float[np.ndarray, " case"] | None = None,
) -> RiskTable:
    """Count those at risk, with events and censored at every distinct time.

    Parameters
    ----------
    time : (case,) float
        Follow-up.
    event : (case,) bool
        True where the event was seen.
    weight : (case,) float, optional
        Case weights.
    """
    ones = np.ones(time.size) if weight is None else weight
    steps, which = np.unique(time, return_inverse=True)
    leaving = np.bincount(which, weights=ones, minlength=steps.size)
    happened = np.bincount(which, weights=ones * event, minlength=steps.size)
    return RiskTable(steps, np.cumsum(leaving[::-1])[::-1], happened, leaving - happened)


def censoring_survival(
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
    when: Float[np.ndarray, " when"],
    *,
    before: bool = False,
) -> Float[np.ndarray, " when"]:
    """Probability of not being censored by given times (the G of weighted estimators).

    Parameters
    ----------
    time, event : (case,)
        Follow-up, and True where it ended with any event rather than with censoring.
    when : (when,) float
        Times wanted.
    before : bool
        Just before each time, G(t-), instead of at it.

    Notes
    -----
    At equal times events come first, so that a case with the event is not at risk of being
    censored at the same moment.

    Examples
    --------
    >>> follow, event = np.array([1.0, 2.0, 3.0]), np.array([False, True, False])
    >>> censoring_survival(follow, event, np.array([1.0, 3.0]), before=True).round(3).tolist()
    [1.0, 0.667]
    """
    table = risk_table(time, event)
    exposed = table.at_risk - table.events
    share = np.where(exposed > 0, table.censored / np.where(exposed > 0, exposed, 1.0), 0.0)
    curve = np.concatenate([[1.0], np.cumprod(1 - share)])
    side: Literal["left", "right"] = "left" if before else "right"
    wanted: Float[np.ndarray, " when"] = curve[np.searchsorted(table.times, when, side=side)]
    return wanted

# SPDX-License-Identifier: Apache-2.0
"""Discrete-time hazard: a logistic regression of each interval survived."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from hepacast.core.errors import NotEstimableError
from hepacast.core.outcome import CompetingRisks, Survival
from hepacast.models.model import ModelParams, WeightedSum, complete, model
from hepacast.models.regression import dependent, logistic_weights
from hepacast.stats.inputs import some_events

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from hepacast.core.folds import Train


class DiscreteHazardParams(ModelParams):
    """Settings of the discrete-time hazard model."""

    outcomes: ClassVar[frozenset[type]] = frozenset({Survival, CompetingRisks})

    kind: Literal["discrete-hazard"] = "discrete-hazard"
    intervals: int = Field(default=8, ge=2)
    """Intervals, with about as many events each; fewer where events are few."""


@model(DiscreteHazardParams)
def discrete_hazard(
    train: Train,
    params: DiscreteHazardParams,
    rng: np.random.Generator,  # noqa: ARG001
) -> WeightedSum:
    """Fit one log odds ratio per column for the event in an interval, given survival to it.

    Parameters
    ----------
    train : Train
        Complete columns; constant ones get no weight.
    params : DiscreteHazardParams
        Number of intervals.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    WeightedSum
        With short intervals its weights approach those of Cox regression, and
        absolute risks use the same baseline.  Competing events count as censored.

    Notes
    -----
    A case contributes the intervals that it entered; censoring within an
    interval counts as survived when it falls in its second half.  Source:
    Tutz and Schmid 2016, Modeling Discrete Time-to-Event Data.
    """
    values = complete(train.table, "a discrete-time hazard")
    event, time = train.outcome.event, train.outcome.time_days  # type: ignore[union-attr]
    some_events("a discrete-time hazard", event)
    edges = _edges(time[event], params.intervals)
    rows, interval, happened = _person_periods(time, event, edges)
    # Among the cases that count: one that left at once may be the only one of its level.
    counted = values[rows]
    varies = np.flatnonzero(np.ptp(counted, axis=0) > 1e-12 * np.abs(counted.mean(axis=0)))
    if not len(varies):
        return WeightedSum(train, params.name, {}, ["no column varies: average model"])
    used = np.unique(interval)
    dummies = (interval[:, None] == used[None, 1:]).astype(np.float64)
    notes = [f"{len(used)} intervals, {len(rows)} case intervals"]
    # Intervals come first by name: a column that follows from others gets no weight.
    labels = [f" {at}" for at in range(dummies.shape[1])]
    labels += [f"x {train.table.columns[at]}" for at in varies]
    extra = set(dependent(np.hstack([dummies, values[rows][:, varies]]), labels))
    kept = [at for k, at in enumerate(varies, start=dummies.shape[1]) if k not in extra]
    if len(kept) < len(varies):
        notes.append(f"{len(varies) - len(kept)} columns follow from the others, no weight")
    varies = np.array(kept, dtype=np.intp)
    beta, firth = logistic_weights(np.hstack([values[rows][:, varies], dummies]), happened)
    if firth:
        notes.append("the likelihood has no maximum (separation): Firth's penalty was used")
    names = [train.table.columns[at] for at in varies]
    weights = dict(zip(names, beta[: len(varies)].tolist(), strict=True))
    return WeightedSum(train, params.name, weights, notes)


def _edges(event_times: Float[np.ndarray, " event"], intervals: int) -> Float[np.ndarray, " edge"]:
    """Return the upper ends of the intervals: quantiles of the event times."""
    count = max(2, min(intervals, len(event_times) // 5))
    inner = np.quantile(event_times, np.arange(1, count + 1) / count)
    edges: Float[np.ndarray, " edge"] = np.unique(inner)
    return edges


def _person_periods(
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
    edges: Float[np.ndarray, " edge"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return case, interval and event of every interval that a case counts in.

    >>> rows, interval, happened = _person_periods(
    ...     np.array([1.0, 9.0, 9.0]), np.array([True, False, True]), np.array([2.0, 10.0])
    ... )
    >>> rows.tolist(), interval.tolist(), happened.tolist()
    ([0, 1, 2, 1, 2], [0, 0, 0, 1, 1], [True, False, False, False, True])
    """
    lower = np.concatenate([[0.0], edges[:-1]])
    rows, interval, happened = [], [], []
    for at, (low, high) in enumerate(zip(lower, edges, strict=True)):
        entered = time > low if at else np.ones(len(time), dtype=bool)
        now = event & entered & (time <= high)
        # Half an interval under observation is enough to count as survived.
        counts = now | (entered & (time >= (low + high) / 2))
        if now[counts].all():
            # Its own term goes to infinity, and it says nothing about the columns.
            continue
        rows.append(np.flatnonzero(counts))
        interval.append(np.full(int(counts.sum()), at))
        happened.append(now[counts])
    if not rows:
        raise NotEstimableError(
            what="a discrete-time hazard needs an interval that some cases survive",
            got=f"{len(edges)} intervals that nobody survived",
            fix="Use Cox regression, or more cases.",
        )
    return np.concatenate(rows), np.concatenate(interval), np.concatenate(happened)

# SPDX-License-Identifier: Apache-2.0
"""A mean of signed z-scores: nothing to overfit but the signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from hepacast.core.errors import NotEstimableError
from hepacast.core.outcome import Binary, Outcome
from hepacast.models.model import ModelParams, WeightedSum, complete, model
from hepacast.models.regression import cox_weights, logistic_weights
from hepacast.stats.univariate import screen_c, screen_mann_whitney

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from hepacast.core.folds import Train


class IcareParams(ModelParams):
    """Settings of the sign-weighted mean."""

    kind: Literal["icare"] = "icare"
    c_above: float = Field(default=0.55, ge=0.5, lt=1)
    """Columns with a C (AUC) this far from chance, in either direction, take part."""
    limit: float = Field(default=0.7, gt=0, le=1)
    """A column is left out when it correlates above this with a stronger one that takes part."""


@model(IcareParams)
def icare(train: Train, params: IcareParams, rng: np.random.Generator) -> WeightedSum:  # noqa: ARG001
    """Average the z-scores of columns, each with the sign of its association.

    Parameters
    ----------
    train : Train
        Complete columns.
    params : IcareParams
        Which columns take part.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    WeightedSum
        The mean, times one slope that puts it on the log odds or hazard scale
        (0 or above).  Without a column that takes part, the average model.

    Notes
    -----
    After Rebaud et al. 2022 (ICARE, HECKTOR challenge), without bagging: signs
    instead of weights make it a hard baseline to beat in small cohorts.
    """
    values = complete(train.table, "the sign-weighted mean")
    outcome = train.outcome
    spread = values.std(axis=0)
    usable = spread > 1e-12 * np.abs(values.mean(axis=0))
    strength = np.where(usable, _concordance(values, outcome) - 0.5, 0.0)
    z = (values - values.mean(axis=0)) / np.where(usable, spread, 1.0)
    names = [str(column) for column in train.table.columns]
    take = _spread_out(z, np.abs(strength), params, names)
    if not take.any():
        return WeightedSum(train, params.name, {}, ["no column takes part: average model"])
    sign = np.sign(strength[take])
    mean = z[:, take] @ sign / take.sum()
    if isinstance(outcome, Binary):
        slope = logistic_weights(mean[:, None], outcome.event)[0][0]
    else:
        slope = cox_weights(mean[:, None], outcome.time_days, outcome.event)[0][0]
    weight = max(float(slope), 0.0) * sign / (take.sum() * spread[take])
    chosen = [train.table.columns[at] for at in np.flatnonzero(take)]
    notes = [f"{len(chosen)} of {len(names)} columns take part"]
    weights = dict(zip(chosen, weight.tolist(), strict=True))
    return WeightedSum(train, params.name, weights, notes)


def _concordance(
    values: Float[np.ndarray, "case feature"], outcome: Outcome
) -> Float[np.ndarray, " feature"]:
    """Return the AUC or C index of each column."""
    event = outcome.event
    if not event.any() or (isinstance(outcome, Binary) and event.all()):
        raise NotEstimableError(
            what="signs need events and non-events",
            got=f"{int(event.sum())} events in {len(event)} cases",
            fix="Use fewer folds, or collect more cases.",
        )
    if values.shape[1] == 0:
        return np.zeros(0)
    if isinstance(outcome, Binary):
        return screen_mann_whitney(values, event).difference
    return screen_c(values, outcome.time_days, event)


def _spread_out(
    z: Float[np.ndarray, "case feature"],
    strength: Float[np.ndarray, " feature"],
    params: IcareParams,
    names: list[str],
) -> Bool[np.ndarray, " feature"]:
    """Take strong columns that are unlike the stronger ones taken."""
    order = sorted(range(len(names)), key=lambda at: (-round(float(strength[at]), 9), names[at]))
    strong = [at for at in order if strength[at] > params.c_above - 0.5]
    taken = np.zeros(len(names), dtype=bool)
    for at in strong:
        like = np.abs(z[:, taken].T @ z[:, at]) / len(z)
        taken[at] = like.max(initial=0.0) <= params.limit
    return taken

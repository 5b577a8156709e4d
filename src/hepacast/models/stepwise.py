# SPDX-License-Identifier: Apache-2.0
"""Logistic or Cox regression on the terms that AIC picks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from hepacast.core.outcome import Binary
from hepacast.models.model import ModelParams, WeightedSum, complete, model
from hepacast.models.regression import regression_on
from hepacast.stats.inputs import some_events
from hepacast.stats.stepwise import stepwise_cox, stepwise_logistic

if TYPE_CHECKING:
    from hepacast.core.folds import Train


class StepwiseParams(ModelParams):
    """Settings of stepwise regression."""

    kind: Literal["stepwise"] = "stepwise"
    direction: Literal["both", "forward", "backward"] = "both"
    """Moves allowed; ``both`` and ``forward`` start without terms, ``backward`` with all."""
    penalty: float = Field(default=2.0, gt=0)
    """Per coefficient: 2 is AIC, log(events) is BIC."""


@model(StepwiseParams)
def stepwise(train: Train, params: StepwiseParams, rng: np.random.Generator) -> WeightedSum:  # noqa: ARG001
    """Add and drop terms while AIC falls, then fit what is left.

    Parameters
    ----------
    train : Train
        Complete columns; constant ones are left out.
    params : StepwiseParams
        Direction and penalty.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    WeightedSum
        Its notes list the moves.  Coefficients after selection are too large
        and their P values too small.

    Notes
    -----
    Source: Venables and Ripley 2002, Modern Applied Statistics with S, section 7.3.
    """
    values = complete(train.table, "stepwise regression")
    spread = values.std(axis=0)
    varies = np.flatnonzero(spread > 1e-12 * np.abs(values.mean(axis=0)))
    names = [str(train.table.columns[at]) for at in varies]
    matrix, event = values[:, varies], train.outcome.event
    some_events("stepwise regression", event)
    start = list(names) if params.direction == "backward" else []
    if isinstance(train.outcome, Binary):
        path = stepwise_logistic(
            matrix, event, names, direction=params.direction, start=start, penalty=params.penalty
        )[1]
    else:
        path = stepwise_cox(
            matrix,
            train.outcome.time_days,
            event,
            names,
            direction=params.direction,
            start=start,
            penalty=params.penalty,
        )[1]
    chosen = [column for column in train.table.columns if str(column) in set(path.chosen)]
    weights, notes = regression_on(train, chosen, "firth")
    moves = f"moves by AIC: {', '.join(path.steps) or 'none'}"
    return WeightedSum(train, params.name, weights, [moves, *notes])

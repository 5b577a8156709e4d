# SPDX-License-Identifier: Apache-2.0
"""Stacking: a regression of scores in which no score may count against itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hepacast.core.folds import keep_columns
from hepacast.models.model import ModelParams, WeightedSum, model
from hepacast.models.regression import RegressionParams, regression

if TYPE_CHECKING:
    import numpy as np

    from hepacast.core.folds import Train


class StackParams(ModelParams):
    """Settings of stacking."""

    kind: Literal["stack"] = "stack"


@model(StackParams)
def stack(train: Train, params: StackParams, rng: np.random.Generator) -> WeightedSum:
    """Fit logistic or Cox regression on scores, with weights that are not negative.

    Every score already says that higher is worse, so a negative weight only
    repeats by how much chance turned a weak score round in the training part.
    The score with the most negative weight leaves, and the rest is fitted
    again, until none is negative; none at all may be left.

    Parameters
    ----------
    train : Train
        Scores that were themselves out of fold; higher is worse.
    params : StackParams
        No choice to make.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    WeightedSum
        Its notes name the scores that left.

    Notes
    -----
    Source: Breiman 1996, Mach Learn 24:49 (stacked regressions, non-negative weights).
    """
    left: list[str] = []
    settings = RegressionParams(name=params.name)
    while True:
        found = regression(train, settings, rng)
        if not isinstance(found, WeightedSum):
            raise TypeError(found)
        weights = dict(found.coefficients)
        worst = min(weights, key=lambda name: (weights[name], str(name)), default=None)
        if worst is None or weights[worst] >= 0:
            notes = [f"{name} had a negative weight and was left out" for name in left]
            return WeightedSum(train, params.name, weights, (*found.notes, *notes))
        left.append(worst.feature)
        train = keep_columns(train, [name for name in train.table.columns if name != worst])

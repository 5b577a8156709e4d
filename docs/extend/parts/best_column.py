# SPDX-License-Identifier: Apache-2.0
"""A model: the one column that tells the training patients apart best, weighed by regression."""

from typing import ClassVar, Literal

import numpy as np

from hepacast.core.folds import Train
from hepacast.core.outcome import Binary
from hepacast.models.model import ModelParams, WeightedSum, complete, model
from hepacast.models.regression import logistic_weights
from hepacast.stats.univariate import screen_mann_whitney


class BestColumnParams(ModelParams):
    """Settings of the single-column model."""

    kind: Literal["best-column"] = "best-column"
    outcomes: ClassVar[frozenset[type]] = frozenset({Binary})


@model(BestColumnParams)
def best_column(train: Train, params: BestColumnParams, rng: np.random.Generator) -> WeightedSum:
    """Weigh the column whose AUC lies furthest from one half."""
    values = complete(train.table, "the best column")
    auc = screen_mann_whitney(values, train.outcome.event).difference
    at = int(np.argmax(np.abs(auc - 0.5)))
    weight = logistic_weights(values[:, [at]], train.outcome.event)[0][0]
    chosen = train.table.columns[at]
    return WeightedSum(train, params.name, {chosen: float(weight)}, [f"chose {chosen.label}"])

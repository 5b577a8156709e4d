# SPDX-License-Identifier: Apache-2.0
"""A score as it was published: its order stays, only its scale is learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hepacast.core.outcome import Binary
from hepacast.models.model import ModelParams, WeightedSum, complete, model
from hepacast.models.regression import cox_weights, logistic_weights

if TYPE_CHECKING:
    import numpy as np

    from hepacast.core.folds import Train

_LEAST = 1e-6
"""Log odds per standard deviation of a score that does not forecast at all."""


class PublishedParams(ModelParams):
    """Settings of a published score."""

    kind: Literal["published"] = "published"


@model(PublishedParams)
def published(train: Train, params: PublishedParams, rng: np.random.Generator) -> WeightedSum:  # noqa: ARG001
    """Add the columns up as they are, and learn one slope that never turns them around.

    Parameters
    ----------
    train : Train
        Complete columns: a score, or its points; higher is worse by its publication.
    params : PublishedParams
        Name of the score.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    WeightedSum
        Every column has the same weight.  Where the training patients show no
        association, or the opposite one, it is next to nothing: the order stays, the
        probabilities are all alike.

    Examples
    --------
    >>> import numpy as np
    >>> from hepacast.core.folds import Cohort, Fold
    >>> from hepacast.core.table import FeatureName, FeatureTable
    >>> cases, column = ("a", "b", "c", "d"), (FeatureName.score("points"),)
    >>> table = FeatureTable(np.array([[1.0], [2.0], [3.0], [4.0]]), cases, column)
    >>> cohort = Cohort(table, Binary(np.array([True, True, False, False])))
    >>> train = Fold(frozenset(cases), frozenset()).train(cohort)
    >>> fitted = published(train, PublishedParams(), np.random.default_rng(0))
    >>> [0 < weight < 1e-5 for weight in fitted.coefficients.values()]
    [True]
    """
    total = complete(train.table, "a published score").sum(axis=1, keepdims=True)
    spread = float(total.std())
    if not spread:
        return WeightedSum(train, params.name, {}, ["the score does not vary: null model"])
    outcome = train.outcome
    if isinstance(outcome, Binary):
        slope = float(logistic_weights(total, outcome.event)[0][0])
    else:
        slope = float(cox_weights(total, outcome.time_days, outcome.event)[0][0])
    notes = [] if slope > 0 else ["no association, or the opposite one, in the training patients"]
    weight = max(slope, _LEAST / spread)
    return WeightedSum(train, params.name, dict.fromkeys(train.table.columns, weight), notes)

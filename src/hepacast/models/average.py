# SPDX-License-Identifier: Apache-2.0
"""The model that knows nothing about the case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hepacast.models.model import ModelParams, WeightedSum, model

if TYPE_CHECKING:
    import numpy as np

    from hepacast.core.folds import Train


class AverageParams(ModelParams):
    """Settings of the average model."""

    kind: Literal["average"] = "average"


@model(AverageParams)
def average(train: Train, params: AverageParams, rng: np.random.Generator) -> WeightedSum:  # noqa: ARG001
    """Give everybody the risk 0, and the probability of the average patient.

    Parameters
    ----------
    train : Train
        Only its outcome is used.
    params : AverageParams
        Name of the score.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    WeightedSum
        Without columns.
    """
    return WeightedSum(train, params.name, {})

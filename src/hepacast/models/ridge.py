# SPDX-License-Identifier: Apache-2.0
"""L2 logistic and L2 Cox regression, for any number of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from hepacast.models.model import ModelParams, WeightedSum, complete, model
from hepacast.stats.penalised import PenaltyParams
from hepacast.stats.sparse import PathSettings, cv_lasso

if TYPE_CHECKING:
    from hepacast.core.folds import Train


class RidgeParams(ModelParams, PenaltyParams):
    """Settings of ridge regression."""

    kind: Literal["ridge"] = "ridge"
    n_penalties: int = Field(default=50, ge=2)
    """Length of the grid."""


@model(RidgeParams)
def ridge(train: Train, params: RidgeParams, rng: np.random.Generator) -> WeightedSum:
    """Shrink all coefficients of logistic or cause-specific Cox regression, drop none.

    Parameters
    ----------
    train : Train
        Complete columns in any units; they are standardised inside.
    params : RidgeParams
        Rule, folds and grid.
    rng : numpy.random.Generator
        Deals the training patients into inner folds.

    Returns
    -------
    WeightedSum
        Of all columns that vary.

    Notes
    -----
    With more columns than cases the problem is turned onto the principal axes
    of the training cases, which changes no fitted value.  Source: Hastie and
    Tibshirani 2004, Biostatistics 5:329.
    """
    values = complete(train.table, "ridge regression")
    centre, spread = values.mean(axis=0), values.std(axis=0)
    varies = np.flatnonzero(spread > 1e-12 * np.abs(centre))
    if not len(varies):
        return WeightedSum(train, params.name, {}, ["no column varies: average model"])
    z = (values[:, varies] - centre[varies]) / spread[varies]
    left, size, axes = np.linalg.svd(z, full_matrices=False)
    use = size > 1e-10 * size[0]
    turned = left[:, use] * size[use]
    settings = PathSettings(l1_ratio=0.0, n_penalties=params.n_penalties, standardise=False)
    found = cv_lasso(
        turned, train.outcome, train.table.patients, rng, folds=params.folds, settings=settings
    )
    weights = (found.coefficients(params.choose) @ axes[use]) / spread[varies]
    chosen = {train.table.columns[at]: float(one) for at, one in zip(varies, weights, strict=True)}
    penalty = found.path.penalties[found.place(params.choose)]
    note = f"lambda.{params.choose} = {penalty:.4g} by {params.folds}-fold deviance"
    return WeightedSum(train, params.name, chosen, [note], ties="breslow")

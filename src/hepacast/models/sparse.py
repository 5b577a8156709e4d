# SPDX-License-Identifier: Apache-2.0
"""L1 logistic and L1 Cox regression as a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from hepacast.models.model import ModelParams, WeightedSum, complete, model
from hepacast.stats.sparse import PathSettings, cv_elastic_net, cv_lasso

if TYPE_CHECKING:
    from hepacast.core.folds import Train


class LassoParams(ModelParams):
    """Settings of L1 logistic and L1 Cox regression."""

    kind: Literal["lasso"] = "lasso"
    choose: Literal["min", "1se"] = "min"
    """Penalty of the lowest cross-validated deviance, or the largest within one SE of it."""
    folds: int = Field(default=5, ge=2)
    """Inner folds, by patient."""
    l1_ratio: float = Field(default=1.0, gt=0, le=1)
    """1 is the LASSO; below 1 the elastic net."""
    n_penalties: int = Field(default=100, ge=2)
    """Length of the grid."""


@model(LassoParams)
def lasso(train: Train, params: LassoParams, rng: np.random.Generator) -> WeightedSum:
    """Fit L1 logistic (binary) or L1 cause-specific Cox regression.

    Parameters
    ----------
    train : Train
        Complete columns in any units; they are standardised inside.
    params : LassoParams
        Rule, folds and mixing.
    rng : numpy.random.Generator
        Deals the training patients into inner folds.

    Returns
    -------
    WeightedSum
        Of the columns with a non-zero coefficient; without any it is the average model.

    Raises
    ------
    NotEstimableError
        If a class or all events are missing in the training part of a fold.
    """
    values = complete(train.table, "the LASSO")
    settings = PathSettings(l1_ratio=params.l1_ratio, n_penalties=params.n_penalties)
    found = cv_lasso(
        values, train.outcome, train.table.patients, rng, folds=params.folds, settings=settings
    )
    weights = found.coefficients(params.choose)
    chosen = {train.table.columns[at]: float(weights[at]) for at in np.flatnonzero(weights)}
    penalty = found.path.penalties[found.place(params.choose)]
    note = (
        f"lambda.{params.choose} = {penalty:.4g} by {params.folds}-fold deviance: "
        f"{len(chosen)} of {values.shape[1]} columns"
    )
    return WeightedSum(train, params.name, chosen, [note], ties="breslow")


class ElasticNetParams(ModelParams):
    """Settings of the elastic net, its mixing chosen too."""

    kind: Literal["elastic-net"] = "elastic-net"
    l1_ratios: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """Mixings to try; each above 0."""
    choose: Literal["min", "1se"] = "min"
    """Penalty of the lowest cross-validated deviance, or the largest within one SE of it."""
    folds: int = Field(default=5, ge=2)
    """Inner folds, by patient."""


@model(ElasticNetParams)
def elastic_net(train: Train, params: ElasticNetParams, rng: np.random.Generator) -> WeightedSum:
    """Fit elastic-net logistic or cause-specific Cox regression.

    Parameters
    ----------
    train : Train
        Complete columns in any units; they are standardised inside.
    params : ElasticNetParams
        Mixings, rule and folds.
    rng : numpy.random.Generator
        Deals the training patients into inner folds, the same for every mixing.

    Notes
    -----
    Source: Zou and Hastie 2005, J R Stat Soc B 67:301.
    """
    values = complete(train.table, "the elastic net")
    found = cv_elastic_net(
        values,
        train.outcome,
        train.table.patients,
        rng,
        folds=params.folds,
        mixings=params.l1_ratios,
    )
    weights = found.choice.coefficients(params.choose)
    chosen = {train.table.columns[at]: float(weights[at]) for at in np.flatnonzero(weights)}
    note = f"l1_ratio = {found.l1_ratio:g}: {len(chosen)} of {values.shape[1]} columns"
    return WeightedSum(train, params.name, chosen, [note], ties="breslow")

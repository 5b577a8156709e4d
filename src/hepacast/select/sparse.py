# SPDX-License-Identifier: Apache-2.0
"""Choose columns by an L1 penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from hepacast.core.params import Params
from hepacast.select.step import KeepColumns, complete, step
from hepacast.stats.sparse import PathSettings, cv_elastic_net, cv_lasso

if TYPE_CHECKING:
    import numpy as np

    from hepacast.core.folds import Train


class LassoParams(Params):
    """Settings of the choice by L1 logistic or L1 Cox regression."""

    kind: Literal["lasso"] = "lasso"
    choose: Literal["min", "1se"] = "min"
    """Penalty of the lowest cross-validated deviance, or the largest within one SE of it."""
    folds: int = Field(default=5, ge=2)
    """Inner folds, by patient."""
    l1_ratio: float = Field(default=1.0, gt=0, le=1)
    """1 is the LASSO; below 1 the elastic net."""
    n_penalties: int = Field(default=100, ge=2)
    """Length of the grid."""


@step(LassoParams)
def lasso(train: Train, params: LassoParams, rng: np.random.Generator) -> KeepColumns:
    """Keep the columns whose L1-penalised coefficient is not zero.

    Parameters
    ----------
    train : Train
        Complete columns; they are standardised inside.
    params : LassoParams
        Rule, folds and mixing.
    rng : numpy.random.Generator
        Deals the training patients into inner folds.

    Returns
    -------
    KeepColumns
        Its evidence is the coefficient per standard deviation.  Where the
        penalty leaves nothing, no column is kept: the average model follows.

    Raises
    ------
    NotEstimableError
        If a class or all events are missing in the training part of a fold.
    """
    values = complete(train, "the LASSO")
    settings = PathSettings(l1_ratio=params.l1_ratio, n_penalties=params.n_penalties)
    found = cv_lasso(
        values, train.outcome, train.table.patients, rng, folds=params.folds, settings=settings
    )
    weights = found.coefficients(params.choose) * values.std(axis=0)
    penalty = found.path.penalties[found.place(params.choose)]
    note = f"lambda.{params.choose} = {penalty:.4g} by {params.folds}-fold deviance"
    return KeepColumns(train, weights != 0, weights, "coefficient per SD", [note])


class ElasticNetParams(Params):
    """Settings of the choice by the elastic net, its mixing chosen too."""

    kind: Literal["elastic-net"] = "elastic-net"
    l1_ratios: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """Mixings to try; each above 0."""
    choose: Literal["min", "1se"] = "min"
    """Penalty of the lowest cross-validated deviance, or the largest within one SE of it."""
    folds: int = Field(default=5, ge=2)
    """Inner folds, by patient."""


@step(ElasticNetParams)
def elastic_net(train: Train, params: ElasticNetParams, rng: np.random.Generator) -> KeepColumns:
    """Keep the columns of the elastic net whose mixing and penalty predict best.

    Parameters
    ----------
    train : Train
        Complete columns; they are standardised inside.
    params : ElasticNetParams
        Mixings, rule and folds.
    rng : numpy.random.Generator
        Deals the training patients into inner folds, the same for every mixing.

    Returns
    -------
    KeepColumns
        Its evidence is the coefficient per standard deviation.
    """
    values = complete(train, "the elastic net")
    found = cv_elastic_net(
        values,
        train.outcome,
        train.table.patients,
        rng,
        folds=params.folds,
        mixings=params.l1_ratios,
    )
    weights = found.choice.coefficients(params.choose) * values.std(axis=0)
    penalty = found.choice.path.penalties[found.choice.place(params.choose)]
    note = f"l1_ratio = {found.l1_ratio:g}, lambda.{params.choose} = {penalty:.4g}"
    return KeepColumns(train, weights != 0, weights, "coefficient per SD", [note])

# SPDX-License-Identifier: Apache-2.0
"""L1 logistic and L1 Cox regression as a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.models.model import ModelParams, WeightedSum, complete, model
from hepacast.stats.penalised import L1Params, MixingParams, penalised_l1, penalised_mixing

if TYPE_CHECKING:
    from hepacast.core.folds import Train
    from hepacast.stats.penalised import Penalised


class LassoParams(ModelParams, L1Params):
    """Settings of L1 logistic and L1 Cox regression."""

    kind: Literal["lasso"] = "lasso"


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
    return _weigh(train, params.name, penalised_l1(values, train, params, rng))


class ElasticNetParams(ModelParams, MixingParams):
    """Settings of the elastic net, its mixing chosen too."""

    kind: Literal["elastic-net"] = "elastic-net"


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
    return _weigh(train, params.name, penalised_mixing(values, train, params, rng))


def _weigh(train: Train, name: str, found: Penalised) -> WeightedSum:
    """Make a model of the columns that the penalty left."""
    weights, columns = found.weights, train.table.columns
    chosen = {columns[at]: float(weights[at]) for at in np.flatnonzero(weights)}
    note = f"{found.note}: {len(chosen)} of {len(columns)} columns"
    return WeightedSum(train, name, chosen, [note], ties="breslow")

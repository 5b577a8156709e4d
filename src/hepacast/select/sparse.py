# SPDX-License-Identifier: Apache-2.0
"""Choose columns by an L1 penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hepacast.select.step import KeepColumns, complete, step
from hepacast.stats.penalised import L1Params, MixingParams, penalised_l1, penalised_mixing

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from hepacast.core.folds import Train
    from hepacast.stats.penalised import Penalised


class LassoParams(L1Params):
    """Settings of the choice by L1 logistic or L1 Cox regression."""

    kind: Literal["lasso"] = "lasso"


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
    return _keep(train, values, penalised_l1(values, train, params, rng))


class ElasticNetParams(MixingParams):
    """Settings of the choice by the elastic net, its mixing chosen too."""

    kind: Literal["elastic-net"] = "elastic-net"


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
    return _keep(train, values, penalised_mixing(values, train, params, rng))


def _keep(train: Train, values: Float[np.ndarray, "case feature"], found: Penalised) -> KeepColumns:
    """Keep the columns that the penalty left."""
    weights = found.weights * values.std(axis=0)
    return KeepColumns(train, weights != 0, weights, "coefficient per SD", [found.note])

# SPDX-License-Identifier: Apache-2.0
"""L1 and elastic-net coefficients at the penalty that predicts best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from hepacast.core.params import Params
from hepacast.stats.sparse import PathSettings, cv_elastic_net, cv_lasso

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from hepacast.core.folds import Train


class PenaltyParams(Params):
    """How the strength of a penalty is chosen."""

    choose: Literal["min", "1se"] = "min"
    """Penalty of the lowest cross-validated deviance, or the largest within one SE of it."""
    folds: int = Field(default=5, ge=2)
    """Inner folds, by patient."""


class L1Params(PenaltyParams):
    """Settings of L1 logistic and L1 Cox regression."""

    l1_ratio: float = Field(default=1.0, gt=0, le=1)
    """1 is the LASSO; below 1 the elastic net."""
    n_penalties: int = Field(default=100, ge=2)
    """Length of the grid."""


class MixingParams(PenaltyParams):
    """Settings of the elastic net, its mixing chosen too."""

    l1_ratios: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """Mixings to try; each above 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Penalised:
    """Coefficients under the chosen penalty.

    Parameters
    ----------
    weights : (feature,) float
        Per unit of each column; 0 where the penalty leaves nothing.
    note : str
        Which penalty was chosen, and how.
    """

    weights: Float[np.ndarray, " feature"]
    note: str


def penalised_l1(
    values: Float[np.ndarray, "case feature"],
    train: Train,
    params: L1Params,
    rng: np.random.Generator,
) -> Penalised:
    """Fit L1 logistic (binary) or L1 cause-specific Cox regression.

    Parameters
    ----------
    values : (case, feature) float
        Complete columns of the training cases; they are standardised inside.
    train : Train
        What happened to them, and whose they are.
    params : L1Params
        Rule, folds and mixing.
    rng : numpy.random.Generator
        Deals the patients into inner folds.

    Raises
    ------
    NotEstimableError
        If a class or all events are missing in the training part of a fold.
    """
    settings = PathSettings(l1_ratio=params.l1_ratio, n_penalties=params.n_penalties)
    found = cv_lasso(
        values, train.outcome, train.table.patients, rng, folds=params.folds, settings=settings
    )
    penalty = found.path.penalties[found.place(params.choose)]
    note = f"lambda.{params.choose} = {penalty:.4g} by {params.folds}-fold deviance"
    return Penalised(found.coefficients(params.choose), note)


def penalised_mixing(
    values: Float[np.ndarray, "case feature"],
    train: Train,
    params: MixingParams,
    rng: np.random.Generator,
) -> Penalised:
    """Fit the elastic net at the mixing and the penalty that predict best.

    Parameters
    ----------
    values, train, rng
        As for :func:`penalised_l1`; the folds are the same for every mixing.
    params : MixingParams
        Mixings, rule and folds.

    Notes
    -----
    Source: Zou and Hastie 2005, J R Stat Soc B 67:301.
    """
    patients = train.table.patients
    found = cv_elastic_net(
        values, train.outcome, patients, rng, folds=params.folds, mixings=params.l1_ratios
    )
    choice = found.choice
    penalty = choice.path.penalties[choice.place(params.choose)]
    note = f"l1_ratio = {found.l1_ratio:g}, lambda.{params.choose} = {penalty:.4g}"
    return Penalised(choice.coefficients(params.choose), note)

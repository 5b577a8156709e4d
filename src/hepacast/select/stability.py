# SPDX-License-Identifier: Apache-2.0
"""Choices that hold in most halves of the training patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from hepacast.core.errors import NotEstimableError
from hepacast.core.outcome import Binary, Outcome
from hepacast.core.params import Params
from hepacast.select.step import KeepColumns, complete, step
from hepacast.stats.dealing import deal_folds
from hepacast.stats.sparse import PathSettings, lasso_path_cox, lasso_path_logistic

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from hepacast.core.folds import Train


class StabilityParams(Params):
    """Settings of stability selection."""

    kind: Literal["stability"] = "stability"
    pairs: int = Field(default=25, ge=5)
    """How often the patients are divided into two halves."""
    columns_per_half: int = Field(default=10, ge=1)
    """The path of each half runs until so many columns have entered."""
    share: float = Field(default=0.6, gt=0.5, le=1)
    """Keep columns that entered in at least this share of the halves."""


@step(StabilityParams)
def stability(train: Train, params: StabilityParams, rng: np.random.Generator) -> KeepColumns:
    """Keep columns that the LASSO enters early in most halves of the patients.

    Parameters
    ----------
    train : Train
        Complete columns.
    params : StabilityParams
        Number of halves, and the two limits.
    rng : numpy.random.Generator
        Divides the patients, by class.

    Returns
    -------
    KeepColumns
        Its evidence is the share of halves in which a column entered.

    Notes
    -----
    With q columns per half out of p, at most q^2 / ((2 share - 1) p) columns
    that are no better than noise are expected to be kept.  Source: Meinshausen
    and Buhlmann 2010, J R Stat Soc B 72:417; complementary pairs by Shah and
    Samworth 2013, same journal 75:55.
    """
    values = complete(train, "stability selection")
    outcome, patients = train.outcome, train.table.patients
    entered = np.zeros(values.shape[1])
    for _ in range(params.pairs):
        half = deal_folds(patients, outcome.event.astype(np.int64), 2, rng)
        for side in (0, 1):
            entered += _first_in(values, outcome, half == side, params.columns_per_half)
    share = entered / (2 * params.pairs)
    bound = params.columns_per_half**2 / ((2 * params.share - 1) * max(values.shape[1], 1))
    note = f"at most {bound:.2g} columns of pure noise expected"
    return KeepColumns(train, share >= params.share, share, "share of halves", [note])


def _first_in(
    values: Float[np.ndarray, "case feature"],
    outcome: Outcome,
    rows: Bool[np.ndarray, " case"],
    most: int,
) -> Float[np.ndarray, " feature"]:
    """Return 1 for the first columns on the path of some rows."""
    part: Any = outcome.take(np.flatnonzero(rows))
    settings = PathSettings(max_columns=most, tolerance=1e-7)
    try:
        if isinstance(part, Binary):
            path = lasso_path_logistic(values[rows], part.event, settings)
        else:
            path = lasso_path_cox(values[rows], part.time_days, part.event, settings)
    except NotEstimableError as error:
        raise error.at(step="stability") from None
    first = np.zeros(values.shape[1])
    count = (path.weights != 0).sum(axis=1)
    fits = np.flatnonzero(count <= most)
    first[path.columns[path.weights[fits[-1]] != 0]] = 1.0
    return first

# SPDX-License-Identifier: Apache-2.0
"""Put columns on a common scale, learned from the training patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import TableError
from hepacast.core.params import Params
from hepacast.select.step import Rescale, step

if TYPE_CHECKING:
    from hepacast.core.folds import Train


class ZScoreParams(Params):
    """Settings of the z-score."""

    kind: Literal["zscore"] = "zscore"


@step(ZScoreParams)
def zscore(train: Train, params: ZScoreParams, rng: np.random.Generator) -> Rescale:  # noqa: ARG001
    """Bring each column to training mean 0 and standard deviation 1 (ddof 0).

    Parameters
    ----------
    train : Train
        Missing values are left out of the statistics and stay missing.
    params : ZScoreParams
        Nothing to set.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    Rescale
        A constant column becomes 0.

    Raises
    ------
    TableError
        If a column has no value at all.
    """
    values = train.table.values
    present = np.isfinite(values)
    if not present.any(axis=0).all():
        empty = train.table.columns[int(np.flatnonzero(~present.any(axis=0))[0])]
        raise TableError(
            what="a z-score needs at least one value in each column",
            got=f"none in {empty}",
            fix="Put an impute step before it: it drops empty columns.",
        )
    count = present.sum(axis=0)
    centre = np.where(present, values, 0.0).sum(axis=0) / count
    scale = np.sqrt((np.where(present, values - centre, 0.0) ** 2).sum(axis=0) / count)
    # A constant column has a spread of a few ulp, which would blow its noise up to 1.
    return Rescale(train, centre, np.where(scale > 1e-12 * np.abs(centre), scale, 0.0))

# SPDX-License-Identifier: Apache-2.0
"""Drop columns that hardly vary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from hepacast.core.params import Params
from hepacast.select.step import KeepColumns, step

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.core.folds import Train


class VarianceParams(Params):
    """Settings of the near-zero variance filter."""

    kind: Literal["variance"] = "variance"
    max_ratio: float = Field(default=19.0, gt=1)
    """Commonest over second commonest value: above it, a column of few values is dropped."""
    max_distinct: float = Field(default=0.1, ge=0, le=1)
    """Distinct values over cases: above it, the ratio does not matter."""


@step(VarianceParams)
def variance(
    train: Train,
    params: VarianceParams,
    rng: np.random.Generator,  # noqa: ARG001
) -> KeepColumns:
    """Drop constant columns, and those in which one value is nearly alone.

    Parameters
    ----------
    train : Train
        Missing values are left out of the count.
    params : VarianceParams
        Both limits; a column is dropped when it breaks both.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    KeepColumns
        Its evidence is the standard deviation (ddof 0) of each column.

    Notes
    -----
    Source: Kuhn and Johnson 2013, Applied Predictive Modeling, section 3.5.
    A column whose spread is rounding noise (1e-12 of its mean) is constant.
    """
    values = train.table.values
    present = ~np.isnan(values)
    count = np.maximum(present.sum(axis=0), 1)
    centre = np.where(present, values, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(present, values - centre, 0.0) ** 2).sum(axis=0) / count)
    keep = spread > 1e-12 * np.abs(centre)
    ordered = np.sort(values, axis=0)
    # Sorting puts NaN last, where it differs from its neighbour; such "values" do not count.
    changes = (ordered[1:] != ordered[:-1]) & ~np.isnan(ordered[1:])
    distinct = changes.sum(axis=0) + 1
    for at in np.flatnonzero(keep & (distinct <= params.max_distinct * count)):
        keep[at] = _ratio(values[present[:, at], at]) <= params.max_ratio
    return KeepColumns(train, keep, spread, "standard deviation")


def _ratio(present: Float[np.ndarray, " case"]) -> float:
    """Return how much commoner the commonest value is than the next.

    >>> _ratio(np.array([0.0, 0.0, 0.0, 1.0, 2.0]))
    3.0
    """
    counts = np.sort(np.unique(present, return_counts=True)[1])
    return float(counts[-1] / counts[-2])

# SPDX-License-Identifier: Apache-2.0
"""Put columns on a common scale, learned from the training patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import ndtri

from hepacast.core.errors import TableError
from hepacast.core.params import Params
from hepacast.select.step import FittedStep, Rescale, step

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureTable


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
    values = _with_values(train, "a z-score")
    present = np.isfinite(values)
    count = present.sum(axis=0)
    centre = np.where(present, values, 0.0).sum(axis=0) / count
    scale = np.sqrt((np.where(present, values - centre, 0.0) ** 2).sum(axis=0) / count)
    # A constant column has a spread of a few ulp, which would blow its noise up to 1.
    return Rescale(train, centre, np.where(scale > 1e-12 * np.abs(centre), scale, 0.0))


class RobustParams(Params):
    """Settings of robust scaling."""

    kind: Literal["robust"] = "robust"


@step(RobustParams)
def robust(train: Train, params: RobustParams, rng: np.random.Generator) -> Rescale:  # noqa: ARG001
    """Bring each column to training median 0 and interquartile range 1.

    Parameters
    ----------
    train : Train
        Missing values are left out of the statistics and stay missing.
    params : RobustParams
        Nothing to set.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    Rescale
        A column whose middle half is one value is only centred.

    Notes
    -----
    Quartiles interpolate linearly between the order statistics (R's type 7).
    """
    values = _with_values(train, "robust scaling")
    if not values.shape[1]:
        return Rescale(train, np.zeros(0), np.zeros(0))
    low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75], axis=0)
    return Rescale(train, middle, high - low)


class QuantileParams(Params):
    """Settings of the quantile transform."""

    kind: Literal["quantile"] = "quantile"
    to: Literal["normal", "uniform"] = "normal"
    """Distribution that the training values get."""


class MapQuantiles(FittedStep):
    """Replace a value by the normal or uniform quantile of its rank in training.

    Parameters
    ----------
    train : Train
        What it learned from.
    sorted_values : tuple of (present,) float
        Training values of each column, rising.
    to : {"normal", "uniform"}
        Distribution aimed at.
    """

    def __init__(
        self, train: Train, sorted_values: tuple[Float[np.ndarray, " present"], ...], to: str
    ) -> None:
        super().__init__(train, train.table.columns)
        self.sorted_values, self.to = sorted_values, to

    def _apply(self, table: FeatureTable) -> FeatureTable:
        values = self._values(table)
        out = np.empty_like(values)
        for at, known in enumerate(self.sorted_values):
            level, first = np.unique(known, return_index=True)
            last = np.append(first[1:], len(known))
            # Mid-ranks keep ties together and stay clear of 0 and 1.
            share = (first + last) / (2 * len(known))
            out[:, at] = np.interp(values[:, at], level, share)
        out[np.isnan(values)] = np.nan
        return table.with_values(ndtri(out) if self.to == "normal" else out, self.outputs)


@step(QuantileParams)
def quantile(
    train: Train,
    params: QuantileParams,
    rng: np.random.Generator,  # noqa: ARG001
) -> MapQuantiles:
    """Give each column a normal or uniform distribution by its training ranks.

    Parameters
    ----------
    train : Train
        Missing values are left out of the ranks and stay missing.
    params : QuantileParams
        Distribution aimed at.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    MapQuantiles
        New values are interpolated between training values; beyond the training
        range they get the outermost quantile.
    """
    values = _with_values(train, "a quantile transform")
    known = tuple(np.sort(column[np.isfinite(column)]) for column in values.T)
    return MapQuantiles(train, known, params.to)


def _with_values(train: Train, who: str) -> Float[np.ndarray, "case feature"]:
    """Return the training values, and refuse a column without any."""
    values = train.table.values
    filled = np.isfinite(values).any(axis=0)
    if not filled.all():
        raise TableError(
            what=f"{who} needs at least one value in each column",
            got=f"none in {train.table.columns[int(np.flatnonzero(~filled)[0])]}",
            fix="Put an impute step before it: it drops empty columns.",
        )
    return values

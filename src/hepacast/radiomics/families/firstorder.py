# SPDX-License-Identifier: Apache-2.0
"""First-order statistics of the intensities."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.radiomics.families.registry import FAMILIES, Family, catalogue
from hepacast.radiomics.settings import FamilyParams

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.radiomics.families.registry import Numbers
    from hepacast.radiomics.sample import Sample

EPS = float(np.spacing(1))

FEATURES = catalogue(
    """
    10Percentile | QG58 | image | 10th percentile, linear between order statistics
    90Percentile | 8DWT | image | 90th percentile
    Energy | N8CA | image^2 | sum of (intensity + shift)^2
    Entropy | TLU2 | bit | -sum p log2 p over grey levels
    InterquartileRange | SALO | image | 75th less 25th percentile
    Kurtosis | IPH6 | 1 | fourth moment / variance^2, not less 3 (IBSI subtracts 3)
    Maximum | 84IY | image | highest intensity
    MeanAbsoluteDeviation | 4FUA | image | mean of |intensity - mean|
    Mean | Q4LE | image | sum of intensities / voxels
    Median | Y12H | image | 50th percentile
    Minimum | 1GSF | image | lowest intensity
    Range | 2OJQ | image | maximum less minimum
    RobustMeanAbsoluteDeviation | 1128 | image | the same, within the 10th to 90th percentile
    RootMeanSquared | 5ZWQ | image | root of energy / voxels
    Skewness | KE2A | 1 | third moment / variance^1.5
    TotalEnergy | | image^2 mm3 | energy x voxel volume
    Uniformity | BJ5W | 1 | sum p^2 over grey levels
    Variance | ECT3 | image^2 | mean of (intensity - mean)^2
    StandardDeviation | | image | root of the variance
    """,
    deprecated=frozenset({"StandardDeviation"}),
)


class FirstOrderParams(FamilyParams):
    """Settings of the first-order statistics."""

    kind: Literal["firstorder"] = "firstorder"


def percentiles(
    values: np.ndarray, low: float, high: float, shares: tuple[float, ...]
) -> dict[float, float]:
    """Percentiles by linear interpolation between order statistics.

    Parameters
    ----------
    values : (voxel,) float64
        Intensities.
    low, high : float
        Their extremes.
    shares : tuple of float
        Ascending, in percent.

    >>> percentiles(np.array([1.0, 2.0, 3.0, 5.0]), 1.0, 5.0, (10.0, 50.0))
    {10.0: 1.3, 50.0: 2.5}
    """
    from hepacast.radiomics.kernels.values import at_ranks

    spots = [(values.size - 1) * (share / 100) for share in shares]
    lower = [min(int(spot), values.size - 1) for spot in spots]
    ranks = np.array([r for at in lower for r in (at, min(at + 1, values.size - 1))], np.int64)
    order = np.argsort(ranks, kind="stable")
    found = np.empty(ranks.size)
    found[order] = at_ranks(values, low, high, ranks[order])
    result = {}
    for n, share in enumerate(shares):
        a, b, t = float(found[2 * n]), float(found[2 * n + 1]), spots[n] - lower[n]
        # The two forms of one line: a value equal to its own percentile must stay equal to it.
        result[share] = a + (b - a) * t if t < 0.5 else b - (b - a) * (1 - t)
    return result


def shares(sample: Sample) -> Float[np.ndarray, " level"]:
    """Share of the voxels at each grey level that occurs."""
    try:
        return sample.probabilities
    except NotEstimableError:
        # More levels than there is room for matrices, which this does not need.
        width = float(sample.bins.width)
        first = min(sample.values) if sample.bins.origin == "minimum" else sample.bins.origin
        level = np.floor((sample.values - (0.0 if first == "zero" else float(first))) / width)
        counts = np.unique(level, return_counts=True)[1]
        found: Float[np.ndarray, " level"] = counts / sample.place.size
        return found


def first_order(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the first-order statistics.

    Parameters
    ----------
    sample : Sample
        Intensities of one region.
    params : FirstOrderParams
        Not used beyond the choice of features.

    Returns
    -------
    numbers : mapping of name to float
        Skewness and kurtosis of a flat region are 0, as PyRadiomics has them.
    """
    del params
    from hepacast.radiomics.kernels.values import central_sums, power_sums, trimmed_deviation

    values, size = sample.values, sample.place.size
    low, high = (float(v) for v in sample.extremes)
    total, energy = power_sums(values, sample.shift)
    # The sum of equal numbers is not always their number times one of them.
    mean = total / size if high > low else low
    s2, s3, s4, absolute = central_sums(values, mean)
    variance = s2 / size
    spread = variance if variance != 0 else 1.0
    at = percentiles(values, low, high, (10.0, 25.0, 50.0, 75.0, 90.0))
    p = shares(sample)
    k, j, i = sample.place.spacing
    return {
        "10Percentile": at[10.0],
        "90Percentile": at[90.0],
        "Energy": energy,
        "Entropy": -float(np.sum(p * np.log2(p + EPS))),
        "InterquartileRange": at[75.0] - at[25.0],
        "Kurtosis": s4 / size / spread**2,
        "Maximum": high,
        "MeanAbsoluteDeviation": absolute / size,
        "Mean": mean,
        "Median": at[50.0],
        "Minimum": low,
        "Range": high - low,
        "RobustMeanAbsoluteDeviation": trimmed_deviation(values, at[10.0], at[90.0]),
        "RootMeanSquared": math.sqrt(energy / size),
        "Skewness": s3 / size / spread**1.5,
        "TotalEnergy": energy * (k * j * i),
        "Uniformity": float(np.sum(p * p)),
        "Variance": variance,
        "StandardDeviation": math.sqrt(variance),
    }


FAMILIES.register(FirstOrderParams)(
    Family(FEATURES, first_order, "PyRadiomics 3.0.1, firstorder; IBSI, intensity-based statistics")
)

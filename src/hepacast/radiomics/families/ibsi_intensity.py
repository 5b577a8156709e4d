# SPDX-License-Identifier: Apache-2.0
"""Intensity families of IBSI: statistics, histogram, volume histogram, local peaks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import PositiveFloat

from hepacast.core.errors import NotEstimableError
from hepacast.radiomics.discretise import bin_edges
from hepacast.radiomics.families.firstorder import percentiles
from hepacast.radiomics.families.ibsi_names import HISTOGRAM, LOCAL, STATISTICS, VOLUME
from hepacast.radiomics.families.registry import FAMILIES, Family
from hepacast.radiomics.settings import Bins, FamilyParams

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.radiomics.families.registry import Numbers
    from hepacast.radiomics.sample import Sample

SPHERE_MM = 10 * (3 / (4 * math.pi)) ** (1 / 3)
"""Radius of a sphere of 1 cm3, mm."""


class StatisticsParams(FamilyParams):
    """Settings of the intensity-based statistics (IBSI, UHIW)."""

    kind: Literal["ibsi-stat"] = "ibsi-stat"


class HistogramParams(FamilyParams):
    """Settings of the intensity histogram features (IBSI, ZVCW)."""

    kind: Literal["ibsi-ih"] = "ibsi-ih"


class VolumeHistogramParams(FamilyParams):
    """Settings of the intensity-volume histogram features (IBSI, P88C)."""

    kind: Literal["ibsi-ivh"] = "ibsi-ivh"
    bins: Bins | None = None
    """Bins; intensities are taken as they are, in steps of 1, if absent."""
    low: float | None = None
    """Intensity at fraction 0; the region's lowest if absent."""
    high: float | None = None
    """Intensity at fraction 1; the region's highest if absent."""


class LocalParams(FamilyParams):
    """Settings of the local intensity features (IBSI, 9ST6)."""

    kind: Literal["ibsi-loc"] = "ibsi-loc"
    radius_mm: PositiveFloat = SPHERE_MM
    """Radius of the sphere around a voxel, mm; 1 cm3 by default."""


def _ratio(above: float, below: float) -> float:
    """Divide, or NaN by zero."""
    return above / below if below != 0 else float("nan")


def _common(x: Float[np.ndarray, " voxel"]) -> dict[str, float]:
    """Compute what statistics and histogram have in common."""
    n = x.size
    low, high = float(x.min()), float(x.max())
    mean = float(x.mean())
    d = x - mean
    var = float((d**2).mean())
    at = percentiles(x, low, high, (10.0, 25.0, 50.0, 75.0, 90.0))
    robust = x[(x >= at[10.0]) & (x <= at[90.0])]
    return {
        "mean": mean,
        "var": var,
        "skew": float((d**3).sum()) / n / var**1.5 if var > 0 else 0.0,
        "kurt": float((d**4).sum()) / n / var**2 - 3 if var > 0 else 0.0,
        "median": at[50.0],
        "min": low,
        "P10": at[10.0],
        "P90": at[90.0],
        "max": high,
        "iqr": at[75.0] - at[25.0],
        "range": high - low,
        "mad": float(np.abs(d).mean()),
        "rmad": float(np.abs(robust - robust.mean()).mean()),
        "medad": float(np.abs(x - at[50.0]).mean()),
        "cov": _ratio(math.sqrt(var), mean),
        "qcod": _ratio(at[75.0] - at[25.0], at[75.0] + at[25.0]),
    }


def statistics(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the intensity-based statistics.

    Parameters
    ----------
    sample : Sample
        One region of one image.
    params : StatisticsParams
        Not used beyond the choice of features.
    """
    del params
    x = sample.values
    energy = float((x**2).sum())
    return {**_common(x), "energy": energy, "rms": math.sqrt(energy / x.size)}


def histogram(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the intensity histogram features.

    Parameters
    ----------
    sample : Sample
        One region of one image.
    params : HistogramParams
        Not used beyond the choice of features.

    Notes
    -----
    Of several modes, the one closest to the mean counts.  The gradient of a single
    level is 0.
    """
    del params
    x = sample.levels.reshape(-1)[sample.place.places].astype(np.float64)
    numbers = _common(x)
    counts = np.bincount(x.astype(int), minlength=sample.highest + 1)[1:].astype(np.float64)
    p = sample.probabilities
    slope = np.gradient(counts) if counts.size > 1 else np.zeros(1)
    modes = np.flatnonzero(counts == counts.max()) + 1
    numbers["mode"] = float(modes[np.argmin(np.abs(modes - numbers["mean"]))])
    numbers["entropy"] = -float((p * np.log2(p)).sum())
    numbers["uniformity"] = float((p**2).sum())
    numbers["max.grad"] = float(slope.max())
    numbers["max.grad.gl"] = float(slope.argmax() + 1)
    numbers["min.grad"] = float(slope.min())
    numbers["min.grad.gl"] = float(slope.argmin() + 1)
    return numbers


def volume_histogram(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the intensity-volume histogram features.

    Parameters
    ----------
    sample : Sample
        One region of one image.
    params : VolumeHistogramParams
        Bins, and the intensities at fractions 0 and 1.
    """
    if not isinstance(params, VolumeHistogramParams):
        raise TypeError
    x = sample.values
    low, high = (float(v) for v in sample.extremes)
    if params.bins is None:
        grey = np.arange(np.floor(low), np.ceil(high) + 1)
    else:
        edges = bin_edges(*sample.extremes, params.bins)
        x = np.digitize(x, edges).astype(np.float64)
        grey = np.arange(1, x.max() + 1)
        if params.bins.count is None:
            x, grey = (edges[0] + (v - 0.5) * params.bins.width for v in (x, grey))
    low = params.low if params.low is not None else float(grey[0])
    high = params.high if params.high is not None else float(grey[-1])
    share = (grey - low) / (high - low) if high > low else np.zeros(grey.size)
    order = np.sort(x)
    volume = 1 - np.searchsorted(order, grey, side="left") / x.size

    def volume_at(fraction: float) -> float:
        above = volume[share >= fraction]
        return float(above.max()) if above.size else 0.0

    def intensity_at(fraction: float) -> float:
        below = grey[volume <= fraction]
        return (
            float(below.min())
            if below.size
            else float(grey[-1] + (grey[1] - grey[0] if grey.size > 1 else 1))
        )

    v10, v90, i10, i90 = volume_at(0.1), volume_at(0.9), intensity_at(0.1), intensity_at(0.9)
    return {
        "V10": v10,
        "V90": v90,
        "I10": i10,
        "I90": i90,
        "V10minusV90": v10 - v90,
        "I10minusI90": i10 - i90,
    }


def local_peaks(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the local and global intensity peaks.

    Parameters
    ----------
    sample : Sample
        One region of one image, with the image around it.
    params : LocalParams
        Radius of the sphere over which intensities are averaged.
    """
    from scipy.ndimage import correlate

    if not isinstance(params, LocalParams):
        raise TypeError
    if sample.image is None:
        raise NotEstimableError(
            what="local peaks look at the image around the region",
            got="intensities of the region only",
            fix="Call extract, which passes the image on.",
        )
    reach = [int(params.radius_mm // s) for s in sample.place.spacing]
    axes = np.meshgrid(
        *(np.arange(-r, r + 1) * s for r, s in zip(reach, sample.place.spacing, strict=True)),
        indexing="ij",
    )
    sphere = (sum(a**2 for a in axes) <= params.radius_mm**2).astype(np.float64)
    image = sample.image.astype(np.float64)
    # Beyond the image there is nothing to average.
    total = correlate(image, sphere, mode="constant")
    inside = correlate(np.ones_like(image), sphere, mode="constant")
    peaks = (total / inside).reshape(-1)[sample.place.index]
    brightest = sample.values == sample.values.max()
    return {"peak.local": float(peaks[brightest].max()), "peak.global": float(peaks.max())}


_SOURCE = "IBSI reference manual, 2020"
FAMILIES.register(StatisticsParams)(Family(STATISTICS, statistics, _SOURCE))
FAMILIES.register(HistogramParams)(Family(HISTOGRAM, histogram, _SOURCE))
FAMILIES.register(VolumeHistogramParams)(Family(VOLUME, volume_histogram, _SOURCE))
FAMILIES.register(LocalParams)(Family(LOCAL, local_peaks, _SOURCE, margin_mm=SPHERE_MM))

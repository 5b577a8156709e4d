# SPDX-License-Identifier: Apache-2.0
"""Intensities on a scale that patients and scanners share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.core.volume import Region, Volume

if TYPE_CHECKING:
    from jaxtyping import Float32


def _values(volume: Volume, region: Region | None) -> Float32[np.ndarray, " voxel"]:
    if region is None:
        return volume.data.ravel()
    volume.grid.require_same(region.grid, what=f"image and {region.name}")
    values: Float32[np.ndarray, " voxel"] = volume.data[region.mask]
    return values


def window(volume: Volume, level: float, width: float, *, unit: bool = True) -> Volume:
    """Clip to a display window.

    Parameters
    ----------
    volume : Volume
        HU, usually.
    level, width : float
        Middle and width of the window.
    unit : bool
        Scale to 0-1; else keep the unit.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> hu = np.array([[[-1000.0, 25.0, 100.0, 400.0]]], np.float32)
    >>> window(Volume(hu, Grid((1, 1, 4), (1.0, 1.0, 1.0))), 100, 200).data.ravel().tolist()
    [0.0, 0.125, 0.5, 1.0]
    """
    low, high = level - width / 2, level + width / 2
    data = np.clip(volume.data, low, high)
    return Volume((data - low) / width if unit else data, volume.grid)


def clip_percentiles(
    volume: Volume, low: float = 0.5, high: float = 99.5, *, region: Region | None = None
) -> Volume:
    """Clip to percentiles of the region (or of the image): single bright voxels lose their say."""
    limits = np.percentile(_values(volume, region), (low, high)).astype(np.float32)
    return Volume(np.clip(volume.data, limits[0], limits[1]), volume.grid)


def zscore(volume: Volume, *, region: Region | None = None) -> Volume:
    """Subtract the mean and divide by the standard deviation of a region (or of the image).

    Raises
    ------
    NotEstimableError
        If the region is flat.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> image = Volume(np.array([[[1.0, 3.0]]], np.float32), Grid((1, 1, 2), (1.0, 1.0, 1.0)))
    >>> zscore(image).data.ravel().tolist()
    [-1.0, 1.0]
    """
    values = _values(volume, region).astype(np.float64)
    return _scaled(volume, float(values.mean()), float(values.std()))


def organ_stripe(volume: Volume, organ: Region, share: float = 0.1) -> Volume:
    """Scale so that the commonest tissue of an organ has mean 0 and deviation 1.

    The organ's main grey value is its mode; the stripe holds the given share of the
    organ's voxels on either side.  Vessels and tumours in the organ do not count.

    Parameters
    ----------
    volume : Volume
        MR, in arbitrary units.
    organ : Region
        The liver (as white matter is used in the brain).
    share : float
        Share of the organ's voxels on either side of the mode.

    Raises
    ------
    NotEstimableError
        If the organ is flat.

    Notes
    -----
    Source of the idea: Shinohara 2014, NeuroImage Clin 6:9 (WhiteStripe), here on
    the liver, with the half-sample mode instead of a smoothed histogram's last peak.
    """
    values = np.sort(_values(volume, organ).astype(np.float64))
    middle = float(np.searchsorted(values, half_sample_mode(values)) / values.size)
    low, high = np.quantile(values, (max(0.0, middle - share), min(1.0, middle + share)))
    stripe = values[(values >= low) & (values <= high)]
    return _scaled(volume, float(stripe.mean()), float(stripe.std()))


def half_sample_mode(values: np.ndarray) -> float:
    """Find the densest point of sorted values by halving to the shortest half again and again.

    Source: Bickel 2006, Comput Stat Data Anal 50:3500.

    >>> half_sample_mode(np.array([0.0, 1.0, 4.9, 5.0, 5.1, 9.0]))
    5.0
    """
    while values.size > 3:
        half = (values.size + 1) // 2
        widths = values[half - 1 :] - values[: values.size - half + 1]
        start = int(np.argmin(widths))
        values = values[start : start + half]
    if values.size == 3:
        below, above = values[1] - values[0], values[2] - values[1]
        if abs(below - above) < 1e-12:
            return float(values[1])
        values = values[:2] if below < above else values[1:]
    return float(values.mean())


def _scaled(volume: Volume, centre: float, spread: float) -> Volume:
    if not spread > 0:
        raise NotEstimableError(
            what="intensities must vary to be normalised",
            got=f"a standard deviation of {spread:g} around {centre:g}",
            fix="Check the region and the image.",
        )
    return Volume(((volume.data - centre) / spread).astype(np.float32), volume.grid)


def correct_bias(volume: Volume, body: Region, *, shrink: int = 4, levels: int = 4) -> Volume:
    """Remove the slow brightness field of an MR coil (N4).

    Parameters
    ----------
    volume : Volume
        MR; values of 0 and below are lifted to a small positive one.
    body : Region
        Where the field is estimated.
    shrink : int
        How much coarser the field is estimated, in plane.
    levels : int
        Fitting levels of 50 iterations each.

    Notes
    -----
    Source: Tustison 2010, IEEE TMI 29:1310; implementation of SimpleITK.
    """
    import SimpleITK as sitk  # noqa: N813, PLC0415 - the usual name; loads slowly

    volume.grid.require_same(body.grid, what=f"image and {body.name}")
    values = volume.data[body.mask]
    floor = max(float(np.percentile(values, 99)) * 1e-3, 1e-6)
    image = sitk.GetImageFromArray(np.maximum(volume.data, floor))
    mask = sitk.GetImageFromArray(body.mask.astype(np.uint8))
    factors = [shrink, shrink, 1 if volume.data.shape[0] < 4 * shrink else shrink]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([50] * levels)
    # The field's control points need some voxels each; thin stacks get fewer.
    n4.SetNumberOfControlPoints(4)
    n4.Execute(sitk.Shrink(image, factors), sitk.Shrink(mask, factors))
    field = np.exp(sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(image)))
    return Volume((volume.data / field).astype(np.float32), volume.grid)

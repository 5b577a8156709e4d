# SPDX-License-Identifier: Apache-2.0
"""Regions grown, shrunk and hollowed by true millimetres.

Distances run between voxel centres and are exact on grids of any spacing
(Euclidean distance transform), so that 10 mm are 10 mm within and across slices.

Source: Maurer 2003, IEEE TPAMI 25:265 (the transform).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import EmptyRegionError
from hepacast.core.volume import Box, Region

if TYPE_CHECKING:
    from jaxtyping import Float

_ROUNDING_MM = 1e-6
"""A voxel at exactly the wanted distance must not be lost to the last bit of a float."""


def dilate(region: Region, mm: float, inside: Region | None = None) -> Region:
    """Add every voxel within a distance of the region.

    Parameters
    ----------
    region : Region
        To grow.
    mm : float
        Distance, mm, at least 0.
    inside : Region or None
        Voxels that may be added (the body, the liver); the region itself stays whole.

    Returns
    -------
    Region
        On the same grid, clipped at the image border.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> mask = np.zeros((5, 5, 5), bool)
    >>> mask[2, 2, 2] = True
    >>> dilate(Region(mask, Grid((5, 5, 5), (2.0, 1.0, 1.0))), 1.0).size
    5
    """
    box = _grown_box(region, mm)
    near = _outward(region.mask[box], region) <= mm + _ROUNDING_MM
    if inside is not None:
        region.grid.require_same(inside.grid, what=f"{region.name} and {inside.name}")
        near &= inside.mask[box]
    mask = np.zeros_like(region.mask)
    mask[box] = near | region.mask[box]
    return Region(mask, region.grid, region.name)


def erode(region: Region, mm: float) -> Region:
    """Remove every voxel within a distance of the outside.

    Beyond the image is outside, so that cropping an image does not change the result.

    Parameters
    ----------
    region : Region
        To shrink.
    mm : float
        Distance, mm, at least 0.

    Raises
    ------
    EmptyRegionError
        If nothing is left.
    """
    box = region.box()
    mask = np.zeros_like(region.mask)
    mask[box] = _inward(region.mask[box], region) > mm + _ROUNDING_MM
    if mm <= 0:
        mask[box] = region.mask[box]
    if not mask.any():
        raise EmptyRegionError(
            what=f"something must remain of a region eroded by {mm:g} mm",
            got=f"nothing of {region.size} voxels ({region.volume_ml:.3g} mL)",
            fix="Erode less, or accept missing values for this region.",
        ).at(region=region.name)
    return Region(mask, region.grid, region.name)


def ring(
    region: Region, outer_mm: float, *, inner_mm: float = 0.0, inside: Region | None = None
) -> Region:
    """Take the shell between two distances from the region's border.

    Parameters
    ----------
    region : Region
        In the middle; not part of the shell for ``inner_mm`` of 0.
    outer_mm : float
        Outer distance, mm.
    inner_mm : float
        Inner distance, mm; negative to begin inside the region.
    inside : Region or None
        Voxels that the shell may have (the body, the liver).

    Raises
    ------
    EmptyRegionError
        If the shell has no voxel.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> mask = np.zeros((1, 7, 7), bool)
    >>> mask[0, 3, 3] = True
    >>> ring(Region(mask, Grid((1, 7, 7), (5.0, 1.0, 1.0))), 2.0, inner_mm=1.0).size
    8
    """
    box = _grown_box(region, max(outer_mm, 0.0))
    part = region.mask[box]
    outward = _outward(part, region)
    shell = (outward > max(inner_mm, 0.0) + _ROUNDING_MM) & (outward <= outer_mm + _ROUNDING_MM)
    if inner_mm < 0:
        inward = _inward(part, region)
        shell |= part & (inward <= -inner_mm + _ROUNDING_MM) & (inward > -min(outer_mm, 0.0))
    if inside is not None:
        region.grid.require_same(inside.grid, what=f"{region.name} and {inside.name}")
        shell &= inside.mask[box]
    if not shell.any():
        raise EmptyRegionError(
            what=f"a shell from {inner_mm:g} to {outer_mm:g} mm needs a voxel",
            got=f"none around {region.size} voxels at {region.grid.spacing} mm",
            fix="Widen the shell, or the region that it must stay in.",
        ).at(region=region.name)
    mask = np.zeros_like(region.mask)
    mask[box] = shell
    return Region(mask, region.grid, region.name)


def minus(region: Region, other: Region) -> Region:
    """Take the voxels of the region that the other has not: the liver without its tumour.

    Raises
    ------
    EmptyRegionError
        If nothing is left.
    """
    region.grid.require_same(other.grid, what=f"{region.name} and {other.name}")
    mask = region.mask & ~other.mask
    if not mask.any():
        raise EmptyRegionError(
            what=f"something of {region.name} must lie outside {other.name}",
            got=f"all {region.size} voxels inside",
            fix="Check that the two masks are not the same file.",
        ).at(region=region.name)
    return Region(mask, region.grid, region.name)


def common(region: Region, other: Region) -> Region:
    """Keep the voxels of the region that the other has too: the ring inside the liver.

    Raises
    ------
    EmptyRegionError
        If nothing is left.
    """
    region.grid.require_same(other.grid, what=f"{region.name} and {other.name}")
    mask = region.mask & other.mask
    if not mask.any():
        raise EmptyRegionError(
            what=f"something of {region.name} must lie inside {other.name}",
            got=f"all {region.size} voxels outside",
            fix="Check that both masks belong to the same image.",
        ).at(region=region.name)
    return Region(mask, region.grid, region.name)


def _grown_box(region: Region, mm: float) -> Box:
    slices = []
    for s, length, spacing in zip(
        region.box(), region.grid.shape, region.grid.spacing, strict=True
    ):
        margin = math.ceil(mm / spacing)
        slices.append(slice(max(0, s.start - margin), min(length, s.stop + margin)))
    k, j, i = slices
    return k, j, i


def _outward(mask: np.ndarray, region: Region) -> Float[np.ndarray, "k j i"]:
    """Distance from the nearest voxel of the region, mm; 0 inside."""
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415 - scipy loads slowly

    distance: Float[np.ndarray, "k j i"] = distance_transform_edt(
        ~mask, sampling=region.grid.spacing
    )
    return distance


def _inward(mask: np.ndarray, region: Region) -> Float[np.ndarray, "k j i"]:
    """Distance from the nearest voxel outside, mm; 0 outside."""
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415 - scipy loads slowly

    padded = np.pad(mask, 1)
    distance: Float[np.ndarray, "k j i"] = distance_transform_edt(
        padded, sampling=region.grid.spacing
    )[1:-1, 1:-1, 1:-1]
    return distance

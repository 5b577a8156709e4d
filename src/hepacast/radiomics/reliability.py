# SPDX-License-Identifier: Apache-2.0
"""An image as another scan of the same patient might have shown it: moved, and with other noise.

How another reader might have drawn the region is a matter of ``regions.perturb``; the two meet in
``run.reliability``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.volume import Region, Volume

if TYPE_CHECKING:
    from hepacast.core.geometry import Triple


def moved(
    image: Volume, region: Region, angle_deg: float, shift_voxels: Triple
) -> tuple[Volume, Region]:
    """Turn an image and its region about the slice normal, and shift both.

    Parameters
    ----------
    image : Volume
        Intensities.
    region : Region
        On the grid of the image; the rotation is about its centre.
    angle_deg : float
        Rotation; millimetres count, so pixels need not be square.
    shift_voxels : tuple of float
        Shift along (k, j, i), parts of a voxel too.

    Returns
    -------
    image, region : Volume, Region
        On the same grid; float32, by cubic splines, and the nearest voxel beyond the edge.  A
        voxel is inside from one half on.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> grid = Grid((1, 3, 4), (1.0, 1.0, 1.0))
    >>> ramp = Volume(np.tile(np.arange(4, dtype=np.float32), (1, 3, 1)), grid)
    >>> mask = np.zeros((1, 3, 4), dtype=bool)
    >>> mask[0, 1, 1] = True
    >>> later, where = moved(ramp, Region(mask, grid), 0.0, (0.0, 0.0, 1.0))
    >>> np.flatnonzero(where.mask[0, 1]).tolist()
    [2]
    """
    from scipy.ndimage import affine_transform

    image.grid.require_same(region.grid, what=f"image and {region.name}")
    _, dj, di = image.grid.spacing
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    scale = np.array([dj, di])
    back = np.eye(3)
    back[1:, 1:] = np.array([[c, s], [-s, c]]) * scale[None, :] / scale[:, None]
    centre = np.argwhere(region.mask).mean(axis=0)
    offset = centre - back @ (centre + np.asarray(shift_voxels))
    data = affine_transform(image.data.astype(np.float32), back, offset, order=3, mode="nearest")
    inside = affine_transform(region.mask.astype(np.float32), back, offset, order=1) >= 0.5
    return Volume(data, image.grid), Region(inside, image.grid, region.name)


def noise_level(image: Volume) -> float:
    """Estimate the standard deviation of the noise of an image.

    Parameters
    ----------
    image : Volume
        Intensities, best of the organ only: air has noise of its own.

    Returns
    -------
    sigma : float
        In the unit of the image; 0 if no slice has two rows and columns.

    Notes
    -----
    Median of the absolute diagonal Haar details within slices over 0.6745, which edges and
    gradients hardly touch.  Source: Donoho and Johnstone 1994, Biometrika 81:425.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> noise = np.random.default_rng(0).normal(100, 5, (9, 64, 64)).astype(np.float32)
    >>> round(noise_level(Volume(noise, Grid((9, 64, 64), (1.0, 1.0, 1.0)))))
    5
    """
    data = image.data.astype(np.float64)
    detail = (data[:, 1:, 1:] - data[:, 1:, :-1] - data[:, :-1, 1:] + data[:, :-1, :-1]) / 2
    return float(np.median(np.abs(detail))) / 0.6745 if detail.size else 0.0


def with_noise(image: Volume, sigma: float, rng: np.random.Generator) -> Volume:
    """Add Gaussian noise.

    Parameters
    ----------
    image : Volume
        Intensities.
    sigma : float
        Standard deviation, in the unit of the image.
    rng : numpy.random.Generator
        Source of chance.
    """
    added = rng.normal(0.0, sigma, image.data.shape) if sigma > 0 else 0.0
    return Volume((image.data + added).astype(np.float32), image.grid)

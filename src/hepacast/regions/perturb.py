# SPDX-License-Identifier: Apache-2.0
"""A contour as another reader might have drawn it: for robustness without a second reader.

Source: Zwanenburg 2019, Sci Rep 9:614 (rotation, volume growth, contour randomisation
by super-voxels).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import EmptyRegionError
from hepacast.core.params import Params
from hepacast.core.volume import Box, Region, Volume

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int32


class PerturbParams(Params):
    """How far contours wander."""

    rotate_deg: float = 5.0
    """Largest rotation about the slice normal, through the region's centre."""
    growth: float = 0.15
    """Largest relative change of the volume, either way."""
    cell_mm: float = 4.0
    """Size of the super-voxels that flip in or out as a whole."""
    compactness: float = 15.0
    """Intensity difference that counts as much as one cell size of distance."""


_DEFAULT = PerturbParams()


def perturb(
    region: Region, image: Volume, rng: np.random.Generator, params: PerturbParams = _DEFAULT
) -> Region:
    """Draw one plausible other contour: rotated, grown or shrunk, and ragged at the rim.

    Parameters
    ----------
    region : Region
        As drawn.
    image : Volume
        What it was drawn on; super-voxels follow its edges.
    rng : numpy.random.Generator
        Source of chance.
    params : PerturbParams
        How far.

    Returns
    -------
    Region
        On the same grid.

    Raises
    ------
    EmptyRegionError
        If nothing is left of a very small region.
    """
    turned = rotate(region, float(rng.uniform(-params.rotate_deg, params.rotate_deg)))
    grown = grow_volume(turned, float(rng.uniform(-params.growth, params.growth)))
    return randomise_contour(grown, image, rng, params)


def rotate(region: Region, degrees: float) -> Region:
    """Turn a region about the slice normal through its centre of mass.

    Millimetres count: on pixels that are not square the region keeps its shape.
    """
    from scipy.ndimage import affine_transform  # noqa: PLC0415 - scipy loads slowly

    _, dj, di = region.grid.spacing
    centre = np.argwhere(region.mask).mean(axis=0)[1:]
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    scale = np.array([dj, di])
    back = np.array([[c, s], [-s, c]]) * scale[None, :] / scale[:, None]
    box = _wide_box(region, math.hypot(*(s.stop - s.start for s in region.box()[1:])) * 0.6)
    start = np.array([box[1].start, box[2].start])
    offset = centre - start - back @ (centre - start)
    share = np.stack(
        [
            affine_transform(plane.astype(np.float32), back, offset=offset, order=1)
            for plane in region.mask[box]
        ]
    )
    return _put(region, box, share >= 0.5)


def grow_volume(region: Region, change: float) -> Region:
    """Grow or shrink a region evenly by a share of its volume.

    Parameters
    ----------
    region : Region
        To change.
    change : float
        0.1 for a tenth more; -0.1 for a tenth less.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter  # noqa: PLC0415 - slow

    wanted = round(region.size * (1.0 + change))
    radius_mm = (3 * region.volume_ml * 1000 / (4 * math.pi)) ** (1 / 3)
    slack_mm = radius_mm * abs(change) + 2 * max(region.grid.spacing)
    box = _wide_box(region, slack_mm / min(region.grid.spacing))
    part = region.mask[box]
    outward = distance_transform_edt(~part, sampling=region.grid.spacing)
    inward = distance_transform_edt(np.pad(part, 1), sampling=region.grid.spacing)[1:-1, 1:-1, 1:-1]
    # Many voxels share one distance; of those the best surrounded ones come first.
    around = gaussian_filter(part.astype(np.float32), 1.0)
    signed = np.where(part, -inward, outward) - 1e-3 * around
    at = int(np.clip(wanted, 1, signed.size)) - 1
    limit = np.partition(signed.ravel(), at)[at]
    return _put(region, box, signed <= limit)


def randomise_contour(
    region: Region, image: Volume, rng: np.random.Generator, params: PerturbParams = _DEFAULT
) -> Region:
    """Let super-voxels on the border flip in or out, by the share that lies inside.

    A cell that is 30 % inside is in with probability 0.3.
    """
    image.grid.require_same(region.grid, what=f"image and {region.name}")
    box = _wide_box(region, 2 * params.cell_mm / min(region.grid.spacing))
    part = region.mask[box]
    cells = super_voxels(image.crop(box), rng, params)
    count = int(cells.max()) + 1
    sizes = np.maximum(np.bincount(cells.ravel(), minlength=count), 1)
    share = np.bincount(cells.ravel(), weights=part.ravel(), minlength=count) / sizes
    chosen = rng.random(count) < share
    return _put(region, box, chosen[cells])


def super_voxels(
    image: Volume, rng: np.random.Generator, params: PerturbParams = _DEFAULT, rounds: int = 3
) -> Int32[np.ndarray, "k j i"]:
    """Divide an image into compact cells that follow its edges (SLIC).

    Source: Achanta 2012, IEEE TPAMI 34:2274.
    """
    spacing = np.asarray(image.grid.spacing)
    shape = np.asarray(image.data.shape)
    steps = np.maximum(1, np.round(params.cell_mm / spacing)).astype(int)
    axes = [np.arange(s // 2, max(n, s // 2 + 1), s) for s, n in zip(steps, shape, strict=True)]
    seeds = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3).astype(np.float64)
    seeds += rng.uniform(-0.25, 0.25, seeds.shape) * steps
    seeds = np.clip(seeds, 0, shape - 1)
    nearest = np.round(seeds).astype(int)
    values = image.data[tuple(nearest.T)].astype(np.float64)
    labels = np.zeros(image.data.shape, dtype=np.int32)
    for _ in range(rounds):
        labels = _assign(image, seeds, values, steps, params)
        seeds, values = _recentred(image, labels, seeds, values)
    return labels


def _assign(
    image: Volume,
    seeds: Float[np.ndarray, "cell 3"],
    values: Float[np.ndarray, " cell"],
    steps: np.ndarray,
    params: PerturbParams,
) -> Int32[np.ndarray, "k j i"]:
    spacing = np.asarray(image.grid.spacing)
    best = np.full(image.data.shape, np.inf)
    labels = np.zeros(image.data.shape, dtype=np.int32)
    for n, (seed, value) in enumerate(zip(seeds, values, strict=True)):
        low = np.maximum(0, np.floor(seed - steps)).astype(int)
        high = np.minimum(image.data.shape, np.ceil(seed + steps).astype(int) + 1)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        gaps = [
            ((np.arange(a, b) - c) * s / params.cell_mm) ** 2
            for a, b, c, s in zip(low, high, seed, spacing, strict=True)
        ]
        away = gaps[0][:, None, None] + gaps[1][None, :, None] + gaps[2][None, None, :]
        cost = away + ((image.data[box] - value) / params.compactness) ** 2
        closer = cost < best[box]
        best[box][closer] = cost[closer]
        labels[box][closer] = n
    return labels


def _recentred(
    image: Volume, labels: np.ndarray, seeds: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    flat = labels.ravel()
    sizes = np.bincount(flat, minlength=len(seeds))
    used = sizes > 0
    index = np.indices(labels.shape).reshape(3, -1)
    new = np.stack([np.bincount(flat, weights=axis, minlength=len(seeds)) for axis in index], 1)
    total = np.bincount(flat, weights=image.data.ravel(), minlength=len(seeds))
    divisor = np.maximum(sizes, 1)
    centres = np.where(used[:, None], new / divisor[:, None], seeds)
    return centres, np.where(used, total / divisor, values)


def _wide_box(region: Region, voxels: float) -> Box:
    margin = math.ceil(voxels) + 1
    return region.box(margin)


def _put(region: Region, box: Box, part: Bool[np.ndarray, "k j i"]) -> Region:
    if not part.any():
        raise EmptyRegionError(
            what="a perturbed region needs a voxel",
            got=f"none of {region.size}",
            fix="Leave regions this small out of the robustness test.",
        ).at(region=region.name)
    mask = np.zeros_like(region.mask)
    mask[box] = part
    return Region(mask, region.grid, region.name)

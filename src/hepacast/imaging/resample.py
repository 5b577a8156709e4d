# SPDX-License-Identifier: Apache-2.0
"""New voxel spacing: linear, cubic B-spline or nearest, grids aligned as in IBSI.

Source: Image Biomarker Standardisation Initiative reference manual v11,
section 2.4 (interpolation; grids are aligned by their centres).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import EmptyRegionError, GeometryError
from hepacast.core.volume import Box, Region, Volume

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

    from hepacast.core.geometry import Grid, Triple

Interpolation = Literal["nearest", "linear", "bspline"]

_SUPPORT = {"nearest": 1, "linear": 1, "bspline": 14}
"""Source voxels that a sample depends on, each side; the poles of the cubic spline fade by
0.27 per voxel, so that 14 of them leave less than 1e-7."""


def resampled_grid(grid: Grid, spacing_mm: Triple | float) -> Grid:
    """Return the grid of another spacing that covers the same space.

    Parameters
    ----------
    grid : Grid
        To replace.
    spacing_mm : float or tuple of three
        New spacing along (k, j, i), mm; a single number for all axes.

    Returns
    -------
    Grid
        As many voxels as needed to cover the old ones, with the same centre.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> resampled_grid(Grid((3, 10, 10), (5.0, 0.8, 0.8)), 1.0).shape
    (15, 8, 8)
    """
    k, j, i = (spacing_mm,) * 3 if isinstance(spacing_mm, int | float) else spacing_mm
    wanted = (float(k), float(j), float(i))
    # 10 voxels of 0.1 mm are 1 mm, and not one voxel more for the last bit of a float.
    n_k, n_j, n_i = (
        max(1, math.ceil(n * s / w - 1e-6))
        for n, s, w in zip(grid.shape, grid.spacing, wanted, strict=True)
    )
    first = [
        (n - 1) / 2 - (m - 1) / 2 * w / s
        for n, m, s, w in zip(grid.shape, (n_k, n_j, n_i), grid.spacing, wanted, strict=True)
    ]
    x, y, z = grid.to_world(first).tolist()
    return replace(grid, shape=(n_k, n_j, n_i), spacing=wanted, origin=(x, y, z))


def resample(
    volume: Volume,
    spacing_mm: Triple | float,
    interpolation: Interpolation = "bspline",
    *,
    limit_overshoot: bool = False,
) -> Volume:
    """Interpolate an image to another spacing.

    Parameters
    ----------
    volume : Volume
        To interpolate.
    spacing_mm : float or tuple of three
        New spacing along (k, j, i), mm.
    interpolation : {"nearest", "linear", "bspline"}
        ``bspline`` is the cubic interpolating spline.
    limit_overshoot : bool
        Keep every new value between the eight old ones around it (no ringing).

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> image = Volume(np.ones((4, 4, 4), np.float32), Grid((4, 4, 4), (2.0, 2.0, 2.0)))
    >>> resample(image, 1.0).data.shape
    (8, 8, 8)
    """
    grid = resampled_grid(volume.grid, spacing_mm)
    return resample_to(volume, grid, interpolation, limit_overshoot=limit_overshoot)


def resample_to(
    volume: Volume,
    grid: Grid,
    interpolation: Interpolation = "bspline",
    *,
    outside: float | None = None,
    limit_overshoot: bool = False,
) -> Volume:
    """Interpolate an image at the voxel centres of any grid.

    Only the part of the image that the grid needs is touched: for the voxels
    around a tumour, pass a grid cropped to its box.

    Parameters
    ----------
    volume : Volume
        To interpolate.
    grid : Grid
        Where to; rotated grids are allowed.
    interpolation : {"nearest", "linear", "bspline"}
        ``bspline`` is the cubic interpolating spline, mirrored at the border.
    outside : float or None
        Value beyond the outermost voxel edges; ``None`` repeats the border.
    limit_overshoot : bool
        Keep every new value between the eight old ones around it (no ringing);
        for grids with the same axes only.

    Raises
    ------
    GeometryError
        If the overshoot is to be limited on a rotated grid.
    """
    axes_equal = np.allclose(volume.grid.axes, grid.axes, atol=1e-6)
    box = _needed(volume.grid, grid, _SUPPORT[interpolation])
    source = volume.crop(box)
    if axes_equal:
        data = _separable(source, grid, interpolation, limit_overshoot=limit_overshoot)
    elif limit_overshoot:
        raise GeometryError(
            what="overshoot can be limited between grids with the same axes only",
            got=f"axes {volume.grid.axes} and {grid.axes}",
            fix="Resample without rotation first.",
        )
    else:
        data = _rotated(source, grid, interpolation)
    if outside is not None:
        data[~_covered(volume.grid, grid)] = outside
    return Volume(data, grid)


def resample_region(
    region: Region,
    grid: Grid,
    interpolation: Literal["nearest", "linear"] = "linear",
    *,
    threshold: float = 0.5,
) -> Region:
    """Carry a region to another grid.

    Parameters
    ----------
    region : Region
        To carry.
    grid : Grid
        Where to.
    interpolation : {"nearest", "linear"}
        ``linear`` computes the share of every new voxel that is inside.
    threshold : float
        A voxel is inside when its share is at least this (IBSI: 0.5).

    Raises
    ------
    GeometryError
        If a part of the region lies outside the new grid.
    EmptyRegionError
        If nothing of it remains.
    """
    _require_inside(region, grid)
    share = Volume(region.mask.astype(np.float32), region.grid)
    data = resample_to(share, grid, interpolation, outside=0.0).data
    # Sums of weights reach 0.4999999 where they should reach a half.
    mask = data >= threshold - 1e-5
    if not mask.any():
        raise EmptyRegionError(
            what="a region must survive resampling",
            got=f"{region.size} voxels before, none after, at {grid.spacing} mm",
            fix="Choose a finer spacing, or leave this region out.",
        ).at(region=region.name)
    return Region(mask, grid, region.name)


def _require_inside(region: Region, grid: Grid) -> None:
    box = region.box()
    ends = [(s.start - 0.5, s.stop - 0.5) for s in box]
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    index = grid.to_index(region.grid.to_world(corners))
    # Half a voxel of either grid is rounding; more is another place.
    slack = 0.5 + np.maximum(1.0, np.max(region.grid.spacing) / np.asarray(grid.spacing))
    below, above = -slack, np.asarray(grid.shape) - 1 + slack
    if np.any(index.min(axis=0) < below) or np.any(index.max(axis=0) > above):
        low, high = (region.grid.to_world(corners)).min(0), region.grid.to_world(corners).max(0)
        raise GeometryError(
            what="a region must lie inside the image",
            got=f"{np.round(low, 1).tolist()} to {np.round(high, 1).tolist()} mm (LPS), "
            f"image {grid.describe()}",
            fix="Check that mask and image belong to the same scan.",
        ).at(region=region.name)


def _needed(source: Grid, target: Grid, margin: int) -> Box:
    """Part of the source that the target's corners span, with the support's margin."""
    ends = [(0, n - 1) for n in target.shape]
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    index = source.to_index(target.to_world(corners))
    slices = []
    for axis, length in enumerate(source.shape):
        low = math.floor(index[:, axis].min()) - margin
        high = math.ceil(index[:, axis].max()) + margin + 1
        start = min(max(0, low), length - 1)
        slices.append(slice(start, max(start + 1, min(length, high))))
    k, j, i = slices
    return k, j, i


def _positions(source: Grid, target: Grid, axis: int) -> Float[np.ndarray, " n"]:
    """Index along one axis of the source of every target voxel; for equal axes only."""
    first = source.to_index(target.origin)[axis]
    step = target.spacing[axis] / source.spacing[axis]
    return np.asarray(first + step * np.arange(target.shape[axis]))


def _separable(
    source: Volume, target: Grid, interpolation: Interpolation, *, limit_overshoot: bool
) -> Float32[np.ndarray, "k j i"]:
    data = np.asarray(source.data, dtype=np.float32)
    low = high = data
    for axis in range(3):
        at = _positions(source.grid, target, axis)
        data = _along(data, axis, at, interpolation)
        if limit_overshoot:
            low = _neighbour(low, axis, at, np.minimum)
            high = _neighbour(high, axis, at, np.maximum)
    return np.ascontiguousarray(np.clip(data, low, high) if limit_overshoot else data)


def _along(
    data: Float32[np.ndarray, "k j i"],
    axis: int,
    at: Float[np.ndarray, " n"],
    interpolation: Interpolation,
) -> Float32[np.ndarray, "k j i"]:
    """Interpolate one axis at the given indices; beyond the border its value is repeated."""
    length = data.shape[axis]
    at = np.clip(at, 0, length - 1)
    if interpolation == "nearest" or length == 1:
        # Halves go down, so that the result does not depend on parity as rint's would.
        taken: Float32[np.ndarray, "k j i"] = np.take(
            data, np.ceil(at - 0.5 - 1e-9).astype(np.intp), axis=axis
        )
        return taken
    if np.array_equal(at, np.round(at)):
        return np.take(data, at.astype(np.intp), axis=axis)
    base = np.minimum(np.floor(at).astype(np.intp), length - 2)
    t = at - base
    if interpolation == "linear":
        return _weighted(data, axis, {0: 1 - t, 1: t}, base)
    from scipy.ndimage import spline_filter1d  # noqa: PLC0415 - scipy loads slowly

    coefficients = spline_filter1d(data, order=3, axis=axis, output=np.float32, mode="mirror")
    u = 1 - t
    weights = {
        -1: u**3 / 6,
        0: 2 / 3 - t**2 + t**3 / 2,
        1: 2 / 3 - u**2 + u**3 / 2,
        2: t**3 / 6,
    }
    return _weighted(coefficients, axis, weights, base)


def _weighted(
    data: Float32[np.ndarray, "k j i"],
    axis: int,
    weights: dict[int, Float[np.ndarray, " n"]],
    base: np.ndarray,
) -> Float32[np.ndarray, "k j i"]:
    """Sum of shifted copies along one axis, mirrored at the border."""
    last = data.shape[axis] - 1
    shape = [1, 1, 1]
    shape[axis] = -1
    total: np.ndarray | None = None
    for offset, weight in weights.items():
        index = np.abs(base + offset)
        index = np.where(index > last, 2 * last - index, index)
        part = np.take(data, index, axis=axis) * weight.astype(np.float32).reshape(shape)
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None  # noqa: S101 - there is at least one weight
    return total


def _neighbour(
    data: Float32[np.ndarray, "k j i"], axis: int, at: Float[np.ndarray, " n"], choose: np.ufunc
) -> Float32[np.ndarray, "k j i"]:
    last = data.shape[axis] - 1
    at = np.clip(at, 0, last)
    below = np.take(data, np.floor(at).astype(np.intp), axis=axis)
    above = np.take(data, np.ceil(at).astype(np.intp), axis=axis)
    chosen: Float32[np.ndarray, "k j i"] = choose(below, above)
    return chosen


def _rotated(
    source: Volume, target: Grid, interpolation: Interpolation
) -> Float32[np.ndarray, "k j i"]:
    from scipy.ndimage import affine_transform  # noqa: PLC0415 - scipy loads slowly

    matrix = np.linalg.inv(source.grid.affine) @ target.affine
    order: Literal[0, 1, 3] = 3
    if interpolation != "bspline":
        order = 1 if interpolation == "linear" else 0
    # scipy prefilters with the mode of its samples: "nearest" pads, which repeats the border.
    data: Float32[np.ndarray, "k j i"] = affine_transform(
        source.data,
        matrix[:3, :3],
        offset=matrix[:3, 3],
        output_shape=target.shape,
        output=np.float32,
        order=order,
        mode="nearest",
    )
    return data


def _covered(source: Grid, target: Grid) -> np.ndarray:
    """Target voxels whose centre lies within the outermost voxel edges of the source."""
    matrix = np.linalg.inv(source.affine) @ target.affine
    k, j, i = np.meshgrid(*(np.arange(n) for n in target.shape), indexing="ij", sparse=True)
    inside = np.ones(target.shape, dtype=bool)
    for axis, length in enumerate(source.shape):
        row = matrix[axis]
        index = row[0] * k + row[1] * j + row[2] * i + row[3]
        inside &= (index >= -0.5 - 1e-6) & (index <= length - 0.5 + 1e-6)
    return inside

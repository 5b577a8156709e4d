# SPDX-License-Identifier: Apache-2.0
"""From stored voxels to a volume or a region: the checks that every format shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import EmptyRegionError, GeometryError, ImageFileError
from hepacast.core.events import Listener, Noticed, ignore
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume

if TYPE_CHECKING:
    from jaxtyping import Bool, Num

SAME_MM = 1e-3
"""Grids whose corners differ by no more than this are one grid: float noise of a header."""


@dataclass(frozen=True, slots=True, eq=False)
class Voxels:
    """What a file holds, before it is taken for an image or a mask.

    Parameters
    ----------
    data : (k, j, i) array
        Values in their own type, rescaled where the file says so.
    grid : Grid
        Where they sit.
    source : str
        Where they come from, for notices.
    """

    data: Num[np.ndarray, "k j i"]
    grid: Grid
    source: str = ""


@dataclass(frozen=True, slots=True)
class MaskRule:
    """How a stored mask says what is inside.

    Parameters
    ----------
    label : int, tuple of int, str or None
        Values that count as inside; ``None`` for a file of zeros and ones only.  In
        DICOM segmentations and structure sets the number or the name of the segment.
    threshold : float or None
        For a soft mask: inside where the value is above it.
    allow_empty : bool
        Accept a mask without a voxel, for a case declared to have no lesion.
    """

    label: int | tuple[int, ...] | str | None = None
    threshold: float | None = None
    allow_empty: bool = False


def as_volume(
    voxels: Voxels, *, fill_nonfinite: float | None = None, on_event: Listener = ignore
) -> Volume:
    """Take stored voxels for an image.

    Parameters
    ----------
    voxels : Voxels
        As read.
    fill_nonfinite : float or None
        Value for voxels that are NaN or infinite; ``None`` refuses them.
    on_event : callable
        Told of a fill.

    Raises
    ------
    ImageFileError
        If a voxel is NaN or infinite: two of them spoil 40 % of a volume after
        B-spline interpolation.
    """
    # Values beyond float32 become infinite, and are then refused with their place.
    with np.errstate(over="ignore"):
        data = np.ascontiguousarray(voxels.data, dtype=np.float32)
    if np.issubdtype(voxels.data.dtype, np.floating):
        data = _finite(data, voxels.source, fill_nonfinite, on_event)
    return Volume(data, voxels.grid)


def _finite(data: np.ndarray, source: str, fill: float | None, on_event: Listener) -> np.ndarray:
    # One pass over the sum finds nothing in the usual case, without a mask of the volume.
    if np.isfinite(np.sum(data, dtype=np.float64)):
        return data
    bad = ~np.isfinite(data)
    count = int(np.count_nonzero(bad))
    first = tuple(int(n) for n in np.argwhere(bad)[0])
    if fill is None:
        raise ImageFileError(
            what="every voxel of an image must be a finite number",
            got=f"{count} NaN or infinite, the first at kji={first}",
            fix="Export the image again, or declare fill_nonfinite for voxels far from the region.",
        )
    on_event(Noticed(source, f"{count} voxels were NaN or infinite, set to {fill:g}"))
    return np.where(bad, np.float32(fill), data)


def as_region(
    voxels: Voxels,
    rule: MaskRule,
    *,
    name: str = "region",
    grid: Grid | None = None,
    on_event: Listener = ignore,
) -> Region:
    """Take stored voxels for a mask.

    Parameters
    ----------
    voxels : Voxels
        As read.
    rule : MaskRule
        Which values are inside.
    name : str
        Name of the region.
    grid : Grid or None
        Grid of the image that it belongs to; axes stored in another order or
        direction are put in the image's, and float noise is removed.
    on_event : callable
        Told of every repair.

    Raises
    ------
    ImageFileError
        If the values are not the declared ones.
    GeometryError
        If the mask lies on another grid than the image.
    EmptyRegionError
        If nothing is inside.
    """
    inside = _inside(voxels, rule, on_event)
    if not inside.any() and not rule.allow_empty:
        raise EmptyRegionError(
            what="a mask needs at least one voxel",
            got="an empty mask",
            fix="Draw it, take the case out, or declare that the case has no lesion.",
        ).at(region=name)
    if grid is None:
        return Region(inside, voxels.grid, name)
    return Region(_aligned(inside, voxels, grid, on_event), grid, name)


def _inside(voxels: Voxels, rule: MaskRule, on_event: Listener) -> Bool[np.ndarray, "k j i"]:
    data = voxels.data
    if rule.threshold is not None:
        on_event(Noticed(voxels.source, f"soft mask cut at {rule.threshold:g}"))
        return np.asarray(data > rule.threshold)
    labels, counts = _labels(data)
    table = ", ".join(f"{v:g}: {c}" for v, c in zip(labels[:12], counts[:12], strict=True))
    found = f"values and voxels {{{table}{', ...' if labels.size > 12 else ''}}}"
    if np.any(labels != np.round(labels)):
        raise ImageFileError(
            what="a mask holds whole numbers",
            got=found,
            fix="Save it as integers, or declare a threshold for a soft mask.",
        )
    if rule.label is None:
        if np.any((labels != 0) & (labels != 1)):
            raise ImageFileError(
                what="a mask without a declared label holds 0 and 1 only",
                got=found,
                fix="Say which label is meant in the study file.",
            )
        return np.asarray(data == 1)
    if isinstance(rule.label, str):
        raise ImageFileError(
            what="a label map has numbers, not names",
            got=f"label {rule.label!r}; {found}",
            fix="Declare the number of the label in the study file.",
        )
    wanted = rule.label if isinstance(rule.label, tuple) else (rule.label,)
    if not rule.allow_empty and (absent := [n for n in wanted if n not in labels]):
        raise ImageFileError(
            what=f"label {', '.join(map(str, absent))} must be in the mask",
            got=found,
            fix="Correct the label in the study file, or the mask.",
        )
    return np.isin(data, wanted)


def _labels(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and how often they occur; small integers are counted without sorting."""
    if np.issubdtype(data.dtype, np.integer) and data.size:
        low, high = int(data.min()), int(data.max())
        if low >= 0 and high < 65536:
            counts = np.bincount(data.ravel())
            at = np.flatnonzero(counts)
            return at.astype(np.float64), counts[at]
    values, counts = np.unique(data, return_counts=True)
    return values.astype(np.float64), counts


def _aligned(
    inside: np.ndarray, voxels: Voxels, grid: Grid, on_event: Listener
) -> Bool[np.ndarray, "k j i"]:
    own, how = reorient(voxels.grid, grid)
    if how is not None:
        order, flips = how
        turned = np.flip(inside.transpose(order), flips)
        if (order, flips) != ((0, 1, 2), ()):
            inside = np.ascontiguousarray(turned)
            on_event(Noticed(voxels.source, "mask axes were put in the order of its image"))
    gap = own.distance_mm(grid)
    if gap > SAME_MM:
        raise GeometryError(
            what="image and mask must lie on one grid",
            got=f"mask {own.describe()}, image {grid.describe()}",
            fix="Resample the mask to its image (nearest neighbour), or draw it again.",
        )
    if gap > SAME_MM / 10:
        on_event(Noticed(voxels.source, f"mask grid differed by {gap:.2g} mm: the image's is used"))
    return inside


def reorient(
    grid: Grid, like: Grid
) -> tuple[Grid, tuple[tuple[int, int, int], tuple[int, ...]] | None]:
    """Turn a grid so that its axes run as those of another, without interpolation.

    Parameters
    ----------
    grid : Grid
        To turn.
    like : Grid
        Whose axis order and directions to follow.

    Returns
    -------
    turned : Grid
        The same voxel centres, renumbered; ``grid`` itself if no renumbering helps.
    how : (order, flips) or None
        Arguments of ``numpy.flip(array.transpose(order), flips)``.

    Examples
    --------
    >>> from hepacast.core.geometry import UPRIGHT
    >>> k, j, i = UPRIGHT
    >>> sagittal = Grid((2, 3, 4), (1.0, 1.0, 1.0), axes=(i, j, k))
    >>> turned, how = reorient(sagittal, Grid((4, 3, 2), (1.0, 1.0, 1.0)))
    >>> turned.shape, how
    ((4, 3, 2), ((2, 1, 0), ()))
    """
    cosines = np.asarray(like.axes) @ np.asarray(grid.axes).T
    nearest = np.argmax(np.abs(cosines), axis=1)
    signs = np.sign(cosines[range(3), nearest])
    exact = np.zeros((3, 3))
    exact[range(3), nearest] = signs
    if len(set(nearest.tolist())) < 3 or np.abs(cosines - exact).max() > 1e-3:
        return grid, None
    a, b, c = nearest.tolist()
    order, flips = (a, b, c), tuple(axis for axis in range(3) if signs[axis] < 0)
    start = np.zeros(3)
    for axis in flips:
        start[order[axis]] = grid.shape[order[axis]] - 1
    axes = np.asarray(grid.axes)[nearest] * signs[:, None]
    k, j, i = axes.tolist()
    x, y, z = grid.to_world(start).tolist()
    turned = Grid(
        shape=(grid.shape[a], grid.shape[b], grid.shape[c]),
        spacing=(grid.spacing[a], grid.spacing[b], grid.spacing[c]),
        origin=(x, y, z),
        axes=((k[0], k[1], k[2]), (j[0], j[1], j[2]), (i[0], i[1], i[2])),
    )
    return turned, (order, flips)

# SPDX-License-Identifier: Apache-2.0
"""One region, several lesions: which of them count, and cleaning that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import EmptyRegionError
from hepacast.core.volume import Region

if TYPE_CHECKING:
    from jaxtyping import Int32

Policy = Literal["all", "largest"]


def lesions(region: Region) -> tuple[Region, ...]:
    """Divide a region into pieces that touch by a face, an edge or a corner.

    Parameters
    ----------
    region : Region
        Any number of pieces.

    Returns
    -------
    tuple of Region
        Largest first; pieces of one size in the order of their first voxel.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> mask = np.zeros((1, 3, 5), bool)
    >>> mask[0, 0, 0] = mask[0, 2, 2:] = True
    >>> [piece.size for piece in lesions(Region(mask, Grid((1, 3, 5), (1.0, 1.0, 1.0))))]
    [3, 1]
    """
    labels, count = _pieces(region.mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable") + 1
    return tuple(Region(labels == n, region.grid, region.name) for n in order.tolist())


def chosen_lesions(region: Region, policy: Policy) -> Region:
    """Take all lesions of a region as one, or the largest only.

    Parameters
    ----------
    region : Region
        Any number of pieces.
    policy : {"all", "largest"}
        By volume; of equals the first.
    """
    if policy == "all":
        return region
    _require_some(region)
    return lesions(region)[0]


def cleaned(region: Region, *, smallest_ml: float = 0.0, fill_holes: bool = False) -> Region:
    """Remove islands and fill holes, where the study file asks for it.

    Parameters
    ----------
    region : Region
        To clean.
    smallest_ml : float
        Pieces below this volume are removed, mL.
    fill_holes : bool
        Fill cavities that are closed in every axial slice.

    Raises
    ------
    EmptyRegionError
        If every piece is smaller than that.
    """
    mask = region.mask
    if smallest_ml > 0:
        labels, count = _pieces(mask)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        keep = sizes * region.grid.voxel_volume_mm3 / 1000.0 >= smallest_ml
        keep[0] = False
        mask = keep[labels]
    if fill_holes:
        mask = mask | _holes(mask)
    result = Region(np.array(mask), region.grid, region.name)
    _require_some(result)
    return result


def count_blemishes(region: Region, smallest_ml: float = 0.1) -> tuple[int, int]:
    """Count the islands below a volume beside a larger piece, and the voxels in holes.

    Returns
    -------
    islands, hole_voxels : int
    """
    labels, count = _pieces(region.mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    small = sizes * region.grid.voxel_volume_mm3 / 1000.0 < smallest_ml
    if sizes.size:
        small[np.argmax(sizes)] = False
    return int(small.sum()), int(np.count_nonzero(_holes(region.mask)))


def _pieces(mask: np.ndarray) -> tuple[Int32[np.ndarray, "k j i"], int]:
    from scipy.ndimage import label  # noqa: PLC0415 - scipy loads slowly

    labels, count = label(mask, structure=np.ones((3, 3, 3)))
    return labels, int(count)


def _holes(mask: np.ndarray) -> np.ndarray:
    """Background that the region encloses within its slice."""
    from scipy.ndimage import binary_fill_holes  # noqa: PLC0415 - scipy loads slowly

    filled = np.stack([binary_fill_holes(plane) if plane.any() else plane for plane in mask])
    return np.asarray(filled & ~mask)


def _require_some(region: Region) -> None:
    if not region.mask.any():
        raise EmptyRegionError(
            what="a lesion must remain",
            got="none",
            fix="Lower smallest_ml, or check the mask.",
        ).at(region=region.name)

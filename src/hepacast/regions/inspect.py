# SPDX-License-Identifier: Apache-2.0
"""Is a region what it says it is?  Errors for what cannot be, remarks for what is odd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import EmptyRegionError, GeometryError
from hepacast.core.params import Params
from hepacast.regions.lesions import count_blemishes, lesions

if TYPE_CHECKING:
    from hepacast.core.volume import Region, Volume


class RegionRules(Params):
    """What a region must be."""

    min_voxels: int = 8
    """Fewer carry no texture."""
    may_fill_image: bool = False
    """Accept a mask that covers the whole image."""
    may_touch_end: bool = False
    """Accept a region in the first or last slice, where the scan may have cut it."""
    bin_width: float | None = None
    """Bin width of the features, for the remark on flat regions."""
    parent_share: float = 0.95
    """Remark if less than this share of a lesion lies inside its organ."""


_RULES = RegionRules()


def inspect_region(
    region: Region,
    *,
    image: Volume | None = None,
    organ: Region | None = None,
    rules: RegionRules = _RULES,
) -> tuple[str, ...]:
    """Check one region, alone, on its image and in its organ.

    Parameters
    ----------
    region : Region
        To check.
    image : Volume or None
        The image that it was drawn on.
    organ : Region or None
        What it must lie in: the liver of a tumour.
    rules : RegionRules
        What it must be.

    Returns
    -------
    tuple of str
        Remarks: several pieces, islands, holes, flat intensities, partly outside.

    Raises
    ------
    EmptyRegionError
        If it is too small, or one voxel thin in two directions.
    GeometryError
        If it fills the image, touches the end of the scan, lies outside its organ,
        or on another grid than its image.
    """
    _require_body(region, rules)
    remarks = [*_pieces(region)]
    if image is not None:
        image.grid.require_same(region.grid, what=f"image and {region.name}")
        remarks += _flatness(region, image, rules)
    if organ is not None:
        remarks += _belonging(region, organ, rules)
    return tuple(remarks)


def _require_body(region: Region, rules: RegionRules) -> None:
    size = region.size
    extent = [s.stop - s.start for s in region.box()]
    if size < rules.min_voxels or sorted(extent)[1] == 1:
        raise EmptyRegionError(
            what=f"a region needs {rules.min_voxels} voxels, and not all in one line",
            got=f"{size} voxels within {extent[0]} x {extent[1]} x {extent[2]} (kji)",
            fix="Draw it again, or leave this region of the case out.",
        ).at(region=region.name)
    if size == region.mask.size and not rules.may_fill_image:
        raise GeometryError(
            what="a mask leaves some of the image out",
            got=f"all {size} voxels inside",
            fix="This is the image, or an inverted mask; declare it if it is meant.",
        ).at(region=region.name)
    ends = int(region.mask[0].any()) + int(region.mask[-1].any())
    if ends and region.mask.shape[0] > 1 and not rules.may_touch_end:
        raise GeometryError(
            what="a region must end inside the scan",
            got=f"voxels in the {'first' if region.mask[0].any() else 'last'} slice",
            fix="The scan was cut: take one that covers the region, or declare may_touch_end.",
        ).at(region=region.name)


def _pieces(region: Region) -> list[str]:
    remarks = []
    parts = lesions(region.crop(region.box()))
    if len(parts) > 1:
        volumes = ", ".join(f"{part.volume_ml:.2g}" for part in parts[:6])
        more = ", ..." if len(parts) > 6 else ""
        remarks.append(f"{region.name}: {len(parts)} pieces of {volumes}{more} mL")
    islands, holes = count_blemishes(region.crop(region.box()))
    if islands:
        remarks.append(f"{region.name}: {islands} islands below 0.1 mL")
    if holes:
        remarks.append(f"{region.name}: {holes} voxels in holes")
    return remarks


def _flatness(region: Region, image: Volume, rules: RegionRules) -> list[str]:
    values = image.data[region.mask]
    spread = float(values.max() - values.min())
    limit = rules.bin_width or 0.0
    if spread == 0 or spread < limit:
        bins = f", less than one bin of {limit:g}" if spread < limit else ""
        return [f"{region.name}: intensities span {spread:g}{bins}; texture is not defined"]
    return []


def _belonging(region: Region, organ: Region, rules: RegionRules) -> list[str]:
    region.grid.require_same(organ.grid, what=f"{region.name} and {organ.name}")
    share = float(np.mean(organ.mask[region.mask]))
    if share == 0:
        raise GeometryError(
            what=f"{region.name} must lie in {organ.name}",
            got="no voxel inside",
            fix="Check that both masks belong to this scan, and are not flipped.",
        ).at(region=region.name)
    if share < rules.parent_share:
        return [f"{region.name}: only {share:.0%} inside {organ.name}"]
    return []


def require_unflipped(image: Volume, organ: Region, *, gain: float = 0.6) -> None:
    """Refuse an organ's mask that fits better when it is mirrored.

    A liver is nearly one grey value.  If the mask's mirror image along an axis
    holds far more even intensities than the mask itself, the mask was flipped by
    the program that saved it.

    Parameters
    ----------
    image : Volume
        The image.
    organ : Region
        A large organ of even intensity; not a tumour.
    gain : float
        Spread of the mirrored over that of the original mask below which it is refused.

    Raises
    ------
    GeometryError
        Naming the axis to flip.
    """
    image.grid.require_same(organ.grid, what=f"image and {organ.name}")
    own = _spread(image, organ.mask)
    names = ("slices (head to foot)", "rows (front to back)", "columns (left to right)")
    found = {
        name: _spread(image, np.flip(organ.mask, axis)) / own for axis, name in enumerate(names)
    }
    if own > 0 and np.shape(organ.mask)[1] == np.shape(organ.mask)[2]:
        found["rows and columns (a quarter turn)"] = (
            min(_spread(image, np.rot90(organ.mask, n, axes=(1, 2))) for n in (1, 3)) / own
        )
    name = min(found, key=lambda key: found[key])
    if found[name] < gain:
        raise GeometryError(
            what=f"{organ.name} must lie on its organ",
            got=f"intensities {1 / max(found[name], 1e-9):.1f} times as even when its {name} "
            "are mirrored or turned",
            fix="The mask was flipped when it was saved: export it again in patient space.",
        ).at(region=organ.name)


def _spread(image: Volume, mask: np.ndarray) -> float:
    values = image.data[mask]
    low, high = np.percentile(values, (10, 90)) if values.size else (0.0, 0.0)
    return max(float(high - low), 1e-9)


def require_distinct(one: Region, other: Region) -> None:
    """Refuse two readers' masks that are copies of one another.

    Raises
    ------
    GeometryError
        If they are equal voxel by voxel: their agreement would be 1 for nothing.
    """
    if one.mask.shape == other.mask.shape and np.array_equal(one.mask, other.mask):
        raise GeometryError(
            what=f"the masks {one.name} and {other.name} of two readers must differ",
            got=f"the same {one.size} voxels",
            fix="One is a copy of the other: agreement between readers cannot be estimated.",
        )

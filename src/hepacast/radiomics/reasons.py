# SPDX-License-Identifier: Apache-2.0
"""Why a feature has no value: a code for tables, a sentence for people."""

from __future__ import annotations

from typing import Literal

from hepacast.core.errors import EmptyRegionError

Reason = Literal[
    "empty_region",
    "one_voxel",
    "too_few_dimensions",
    "too_few_voxels",
    "nothing_left",
    "outside_image",
    "geometry",
    "not_finite",
    "image_too_small",
    "too_many_levels",
    "flat_region",
    "no_neighbours",
    "undefined",
]

REASONS: dict[Reason, tuple[str, str]] = {
    "empty_region": ("a region needs at least one voxel", "Draw it, or leave it out."),
    "one_voxel": (
        "features need more than one voxel",
        "Draw the region at a finer spacing, or leave it out.",
    ),
    "too_few_dimensions": (
        "a region needs more than one voxel along enough axes",
        "Lower min_dimensions, or draw the region in 3D.",
    ),
    "too_few_voxels": (
        "a region needs more voxels than min_voxels",
        "Lower min_voxels, or leave the region out.",
    ),
    "nothing_left": (
        "resegmentation must leave at least two voxels",
        "Widen the range of resegment.",
    ),
    "outside_image": (
        "a region must lie inside its image",
        "Check that mask and image belong together.",
    ),
    "geometry": (
        "image and region must lie on one grid",
        "Resample the mask to its image (nearest neighbour), or draw it again.",
    ),
    "not_finite": (
        "intensities must be finite",
        "Read the image again; fill what is missing outside the regions.",
    ),
    "image_too_small": ("the filter needs a larger image", "Use a smaller scale."),
    "too_many_levels": ("there are too many grey levels", "Widen the bins."),
    "flat_region": (
        "texture needs more than one grey level",
        "Narrow the bins if the region is not really flat.",
    ),
    "no_neighbours": ("no two voxels of the region touch", "Draw the region without gaps."),
    "undefined": ("the formula divides by zero here", "Leave the feature out."),
}
"""What every code means, and the way out."""


class RegionError(EmptyRegionError):
    """A region that no feature can be computed on.

    Parameters
    ----------
    reason : str
        A key of :data:`REASONS`.
    got : str
        The offending value.

    Examples
    --------
    >>> print(RegionError(reason="one_voxel", got="1 voxel"))
    features need more than one voxel; got 1 voxel. Draw the region at a finer spacing, or \
leave it out.
    """

    def __init__(self, *, reason: Reason, got: str) -> None:
        what, fix = REASONS[reason]
        super().__init__(what=what, got=got, fix=fix)
        self.reason: Reason = reason

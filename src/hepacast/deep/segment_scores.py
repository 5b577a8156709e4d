# SPDX-License-Identifier: Apache-2.0
"""How well a proposed mask agrees with a given one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import EmptyRegionError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from hepacast.core.volume import Region

GOOD_DICE = {"liver": 0.90, "tumour": 0.70}
"""Below this, a mask of the organ, or of a tumour, is called poor; a convention, not a law."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskAgreement:
    """Agreement of a proposed mask with a given one.

    Parameters
    ----------
    region : str
        What was drawn.
    dice : float
        Twice the common voxels, over the sum of both; 1 is perfect.
    hd95_mm : float
        The larger of the two 95th percentiles of distances between the surfaces, mm;
        infinite where nothing was proposed.
    volume_ml, given_ml : float
        Proposed and given volume, mL.
    good_dice : float
        From which on it is not called poor.
    """

    region: str
    dice: float
    hd95_mm: float
    volume_ml: float
    given_ml: float
    good_dice: float

    @property
    def volume_error(self) -> float:
        """Share of the given volume by which the proposed one is too large."""
        return self.volume_ml / self.given_ml - 1.0

    @property
    def poor(self) -> bool:
        """The mask should be drawn by hand."""
        return self.dice < self.good_dice

    def sentence(self) -> str:
        """Say the three figures, and plainly when they are poor.

        Examples
        --------
        >>> MaskAgreement(region="liver", dice=0.62, hd95_mm=31.0, volume_ml=900.0,
        ...               given_ml=1200.0, good_dice=0.9).sentence()
        'liver: Dice 0.620, HD95 31.0 mm, volume -25.0 % (900 of 1200 mL). POOR: draw it by hand.'
        """
        text = (
            f"{self.region}: Dice {self.dice:.3f}, HD95 {self.hd95_mm:.1f} mm, volume "
            f"{100 * self.volume_error:+.1f} % ({self.volume_ml:.0f} of {self.given_ml:.0f} mL)"
        )
        return f"{text}. POOR: draw it by hand." if self.poor else f"{text}."


def compare_masks(proposed: Region, given: Region) -> MaskAgreement:
    """Compare a proposed mask with a given one.

    Parameters
    ----------
    proposed : Region
        May be empty.
    given : Region
        On the same grid; its name decides what counts as poor.

    Raises
    ------
    EmptyRegionError
        If the given mask is empty.
    GeometryError
        If the two lie on different grids.

    Notes
    -----
    A surface is the voxels that touch the outside by a face; distances run between voxel
    centres.  Source of the definitions: Maier-Hein 2024, Nat Methods 21:195.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> from hepacast.core.volume import Region
    >>> mask = np.zeros((4, 4, 4), bool)
    >>> mask[1:3, 1:3, 1:3] = True
    >>> one = Region(mask, Grid((4, 4, 4), (5.0, 1.0, 1.0)), "liver")
    >>> compare_masks(one, one).hd95_mm
    0.0
    """
    given.grid.require_same(proposed.grid, what=f"proposed and given {given.name}")
    if not given.size:
        raise EmptyRegionError(
            what="a proposed mask is compared with a mask that has a voxel",
            got="an empty one",
            fix="Leave this case out of the comparison.",
        ).at(region=given.name)
    common = int(np.count_nonzero(proposed.mask & given.mask))
    return MaskAgreement(
        region=given.name,
        dice=2.0 * common / (proposed.size + given.size),
        hd95_mm=_hd95(proposed.mask, given.mask, given.grid.spacing),
        volume_ml=proposed.volume_ml,
        given_ml=given.volume_ml,
        good_dice=GOOD_DICE.get(given.name, GOOD_DICE["tumour"]),
    )


def _hd95(
    one: Bool[np.ndarray, "k j i"],
    other: Bool[np.ndarray, "k j i"],
    spacing: tuple[float, float, float],
) -> float:
    if not one.any():
        return float("inf")
    first, second = _surface(one), _surface(other)
    there = np.quantile(_distances(first, second, spacing), 0.95)
    back = np.quantile(_distances(second, first, spacing), 0.95)
    return float(max(there, back))


def _surface(mask: Bool[np.ndarray, "k j i"]) -> Bool[np.ndarray, "k j i"]:
    from scipy.ndimage import binary_erosion  # noqa: PLC0415 - scipy loads slowly

    found: Bool[np.ndarray, "k j i"] = mask & ~binary_erosion(mask)
    return found


def _distances(
    source: Bool[np.ndarray, "k j i"],
    target: Bool[np.ndarray, "k j i"],
    spacing: tuple[float, float, float],
) -> Float[np.ndarray, " voxel"]:
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415 - scipy loads slowly

    away: Float[np.ndarray, "k j i"] = distance_transform_edt(~target, sampling=spacing)
    found: Float[np.ndarray, " voxel"] = away[source]
    return found

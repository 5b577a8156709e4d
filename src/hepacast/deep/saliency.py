# SPDX-License-Identifier: Apache-2.0
"""Maps back on the patient's grid, how much of them lies where, and how alike two are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import EmptyRegionError, GeometryError, NotEstimableError
from hepacast.core.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float

    from hepacast.core.geometry import Grid
    from hepacast.core.volume import Region

_SSIM_WINDOW = 7


def on_grid(values: Float[np.ndarray, ...], crop: Grid, grid: Grid) -> Volume:
    """Carry a map from the grid of a network's picture to the grid of the image.

    Parameters
    ----------
    values : (k, j, i) or (j, i) float
        Raw map.  A map of a picture without k (slices as channels) counts for every
        slice of ``crop``.
    crop : Grid
        Where the network's picture lies.
    grid : Grid
        Of the original image.

    Returns
    -------
    Volume
        Linear interpolation; 0 outside the picture.  Writing it is the report's task.

    Raises
    ------
    GeometryError
        If the map does not have the shape of ``crop``.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> small, large = Grid((1, 2, 2), (1.0, 2.0, 2.0)), Grid((1, 4, 4), (1.0, 1.0, 1.0))
    >>> on_grid(np.array([[0.0, 2.0], [0.0, 2.0]]), small, large).data[0, 0].tolist()
    [0.0, 1.0, 2.0, 2.0]
    """
    from scipy.ndimage import map_coordinates  # noqa: PLC0415 - scipy loads slowly

    data = np.asarray(values, np.float64)
    if data.ndim == 2:
        data = np.broadcast_to(data, (crop.shape[0], *data.shape))
    if data.shape != crop.shape:
        raise GeometryError(
            what="a map must have the shape of the picture that it explains",
            got=f"map {np.shape(values)}, picture {crop.shape}",
            fix="Pass the grid on which the network's input was sampled.",
        )
    found = np.zeros(grid.shape, np.float32)
    ends = np.asarray(crop.shape) - 1
    j, i = np.meshgrid(np.arange(grid.shape[1]), np.arange(grid.shape[2]), indexing="ij")
    for k in range(grid.shape[0]):
        index = crop.to_index(grid.to_world(np.stack([np.full_like(j, k), j, i], axis=-1)))
        # The outermost voxels reach half a voxel beyond their centres.
        inside = ((index >= -0.5 - 1e-6) & (index <= ends + 0.5 + 1e-6)).all(axis=-1)
        if inside.any():
            at = np.clip(index[inside], 0, ends).T
            found[k][inside] = map_coordinates(data, at, order=1, mode="nearest")
    return Volume(found, grid)


@dataclass(frozen=True, slots=True, kw_only=True)
class MassShares:
    """Where the mass of a map lies.

    Parameters
    ----------
    tumour, ring, outside : float
        Shares of the sum of the map; together 1.
    expected_tumour, expected_ring : float
        Shares that an even map would have within the picture: what the shares must beat.
    """

    tumour: float
    ring: float
    outside: float
    expected_tumour: float
    expected_ring: float

    def sentence(self) -> str:
        """Say the shares beside those of an even map.

        Examples
        --------
        >>> MassShares(tumour=0.5, ring=0.3, outside=0.2, expected_tumour=0.1,
        ...            expected_ring=0.2).sentence()
        '80 % of the map in tumour and ring (50 + 30 %); an even map would have 30 %'
        """
        both = 100 * (self.tumour + self.ring)
        even = 100 * (self.expected_tumour + self.expected_ring)
        parts = f"{100 * self.tumour:.0f} + {100 * self.ring:.0f} %"
        return f"{both:.0f} % of the map in tumour and ring ({parts}); an even map would have \
{even:.0f} %"


def mass_shares(found: Volume, tumour: Region, ring: Region, picture: Region) -> MassShares:
    """Divide the mass of a map among tumour, ring and the rest of the picture.

    Parameters
    ----------
    found : Volume
        Raw map, at least 0.
    tumour : Region
        The tumour.
    ring : Region
        Shell around it (10 mm by convention); voxels of the tumour do not count twice.
    picture : Region
        What the network saw.

    Raises
    ------
    NotEstimableError
        If the map is blank.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> from hepacast.core.volume import Region, Volume
    >>> grid = Grid((1, 1, 4), (1.0, 1.0, 1.0))
    >>> line = [Region(np.array([[row]], bool), grid) for row in ([1, 0, 0, 0], [0, 1, 0, 0])]
    >>> found = Volume(np.array([[[3.0, 1.0, 0.0, 0.0]]], np.float32), grid)
    >>> mass_shares(found, *line, Region(np.ones((1, 1, 4), bool), grid)).sentence()
    '100 % of the map in tumour and ring (75 + 25 %); an even map would have 50 %'
    """
    for region in (tumour, ring, picture):
        found.grid.require_same(region.grid, what=f"map and {region.name}")
    total = float(found.data.sum(dtype=np.float64))
    if total <= 0:
        raise NotEstimableError(
            what="a map needs mass to be divided",
            got="a blank map",
            fix="Report it as blank: nothing raised the target.",
        )
    if not picture.size:
        raise EmptyRegionError(
            what="the network must have seen something",
            got="no voxel",
            fix="Pass the picture as a region on the grid of the map.",
        ).at(region=picture.name)
    outer = ring.mask & ~tumour.mask
    inside = [float(found.data[mask].sum(dtype=np.float64)) for mask in (tumour.mask, outer)]
    even = [np.count_nonzero(mask & picture.mask) / picture.size for mask in (tumour.mask, outer)]
    return MassShares(
        tumour=inside[0] / total,
        ring=inside[1] / total,
        outside=1 - sum(inside) / total,
        expected_tumour=float(even[0]),
        expected_ring=float(even[1]),
    )


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two maps are.

    Parameters
    ----------
    spearman : float
        Rank correlation of voxels; 0 where either map does not vary.
    ssim : float
        Structural similarity of the maps scaled to 0-1.
    """

    spearman: float
    ssim: float


def likeness(one: Float[np.ndarray, ...], other: Float[np.ndarray, ...]) -> Likeness:
    """Compare two maps of one picture.

    Parameters
    ----------
    one, other : (...) float
        Raw maps of one shape, in two or three dimensions.

    Notes
    -----
    SSIM: Wang 2004, IEEE TIP 13:600, with an even window of 7 voxels (fewer for small maps).

    Examples
    --------
    >>> ramp = np.arange(100.0).reshape(10, 10)
    >>> likeness(ramp, 2 * ramp + 1)
    Likeness(spearman=1.0, ssim=1.0)
    """
    from scipy.stats import rankdata  # noqa: PLC0415 - scipy loads slowly

    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if first.shape != second.shape:
        raise GeometryError(
            what="maps of one picture have one shape",
            got=f"{first.shape} and {second.shape}",
            fix="Carry both to the grid of the image first.",
        )
    varies = np.ptp(first) > 0 and np.ptp(second) > 0
    rho = (
        float(np.corrcoef(rankdata(first.ravel()), rankdata(second.ravel()))[0, 1])
        if varies
        else 0.0
    )
    return Likeness(round(rho, 12), round(_ssim(_unit(first), _unit(second)), 12))


def repeatability(maps: Sequence[Float[np.ndarray, ...]]) -> Likeness:
    """Mean likeness of all pairs of maps of one case by the networks of different folds.

    Parameters
    ----------
    maps : sequence of (...) float
        At least two.

    Raises
    ------
    NotEstimableError
        With fewer than two.

    Examples
    --------
    >>> one = np.arange(64.0).reshape(8, 8)
    >>> repeatability([one, 2 * one]).spearman, repeatability([one, -one]).spearman
    (1.0, -1.0)
    """
    if len(maps) < 2:
        raise NotEstimableError(
            what="repeatability needs maps of two folds",
            got=f"{len(maps)}",
            fix="Explain the case with the network of every fold.",
        )
    pairs = [likeness(maps[a], maps[b]) for a in range(len(maps)) for b in range(a)]
    return Likeness(
        float(np.mean([one.spearman for one in pairs])),
        float(np.mean([one.ssim for one in pairs])),
    )


def _unit(values: Float[np.ndarray, ...]) -> Float[np.ndarray, ...]:
    span = np.ptp(values)
    return (values - values.min()) / span if span > 0 else np.zeros_like(values)


def _ssim(first: Float[np.ndarray, ...], second: Float[np.ndarray, ...]) -> float:
    from scipy.ndimage import uniform_filter  # noqa: PLC0415 - scipy loads slowly

    size = tuple(min(_SSIM_WINDOW, n) for n in first.shape)

    def mean(values: Float[np.ndarray, ...]) -> Float[np.ndarray, ...]:
        return np.asarray(uniform_filter(values, size))

    a, b = mean(first), mean(second)
    spread_a, spread_b = mean(first * first) - a * a, mean(second * second) - b * b
    common = mean(first * second) - a * b
    c1, c2 = 0.01**2, 0.03**2
    ratio = (2 * a * b + c1) * (2 * common + c2)
    return float(np.mean(ratio / ((a * a + b * b + c1) * (spread_a + spread_b + c2))))

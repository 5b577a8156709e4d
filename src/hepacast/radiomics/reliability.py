# SPDX-License-Identifier: Apache-2.0
"""Which features stay what they are when images and contours change a little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import NonNegativeFloat, PositiveInt

from hepacast.core.errors import NotEstimableError
from hepacast.core.params import Params
from hepacast.core.volume import Region, Volume

if TYPE_CHECKING:
    from jaxtyping import Float


_SMOOTH_MM = 5.0
"""Length over which the shift of a contour varies, mm."""


class PerturbParams(Params):
    """Settings of perturbed copies of an image and its region."""

    copies: PositiveInt = 10
    """How many copies."""
    noise: NonNegativeFloat = 0.0
    """Standard deviation of added noise, in the unit of the image; 0 for none."""
    angle_deg: NonNegativeFloat = 0.0
    """Largest rotation about the axis across slices, either way."""
    contour_mm: NonNegativeFloat = 0.0
    """Standard deviation of the shift of the contour, smooth along it."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Intraclass correlation of one feature.

    Parameters
    ----------
    icc : float
        ICC(2,1) of absolute agreement; 1 is perfect, NaN if nothing varies.
    low, high : float
        95 % confidence interval.
    """

    icc: float
    low: float
    high: float


def perturbed(
    image: Volume, region: Region, params: PerturbParams, rng: np.random.Generator
) -> Iterator[tuple[Volume, Region]]:
    """Make copies of an image and its region with noise, rotation and another contour.

    Parameters
    ----------
    image : Volume
        Intensities.
    region : Region
        On the grid of the image.
    params : PerturbParams
        What to change, and by how much.
    rng : numpy.random.Generator
        Source of chance.

    Yields
    ------
    image, region : Volume, Region
        A copy on the same grid; a region never becomes empty (the contour is then kept).

    Notes
    -----
    Source: Zwanenburg 2019, Sci Rep 9:614 (rotation, noise, contour randomisation).
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    image.grid.require_same(region.grid, what="image and region")
    spacing = image.grid.spacing
    outside = distance_transform_edt(~region.mask, sampling=spacing)
    signed = outside - distance_transform_edt(region.mask, sampling=spacing)
    for _ in range(params.copies):
        data, mask = image.data.astype(np.float32), region.mask
        if params.contour_mm > 0:
            field = gaussian_filter(rng.normal(size=mask.shape), [_SMOOTH_MM / s for s in spacing])
            # Smoothing by a Gaussian leaves a white field this standard deviation.
            left = np.prod([(2 * np.sqrt(np.pi) * _SMOOTH_MM / s) ** -0.5 for s in spacing])
            moved = signed <= params.contour_mm * np.clip(field / left, -3, 3)
            mask = moved if moved.any() else mask
        if params.angle_deg > 0:
            data, mask = _rotated(data, mask, float(rng.uniform(-1, 1)) * params.angle_deg)
        if params.noise > 0:
            data = data + rng.normal(0, params.noise, data.shape).astype(np.float32)
        mask = mask if mask.any() else region.mask
        yield Volume(data, image.grid), Region(np.ascontiguousarray(mask), image.grid, region.name)


def _rotated(data: np.ndarray, mask: np.ndarray, angle_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Rotate within slices about the centre of the region."""
    from scipy.ndimage import affine_transform

    angle = np.deg2rad(angle_deg)
    turn = np.eye(3)
    turn[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    centre = np.argwhere(mask).mean(axis=0)
    offset = centre - turn @ centre
    turned = affine_transform(data, turn, offset, order=1, mode="nearest")
    inside = affine_transform(mask.astype(np.float32), turn, offset, order=1) >= 0.5
    return turned, inside


def icc_2_1(ratings: Float[np.ndarray, "case rater"]) -> Agreement:
    """Intraclass correlation of single ratings, two-way random effects, absolute agreement.

    Parameters
    ----------
    ratings : (case, rater) float
        One feature, measured on every case by every reader, scan or perturbation;
        cases with a missing value are left out.

    Returns
    -------
    agreement : Agreement
        ICC(2,1) with its 95 % confidence interval.

    Raises
    ------
    NotEstimableError
        If fewer than three complete cases or two ratings are left, or all ratings of
        every case are identical copies of one another.

    Notes
    -----
    Source: Shrout and Fleiss 1979, Psychol Bull 86:420; interval as McGraw and Wong 1996.

    Examples
    --------
    >>> rows = "9 2 5 8 6 1 3 2 8 4 6 8 7 1 2 6 10 5 6 9 6 2 4 7".split()
    >>> round(icc_2_1(np.array(rows, dtype=float).reshape(6, 4)).icc, 2)
    0.29
    """
    from scipy.stats import f as f_distribution

    complete = ratings[np.isfinite(ratings).all(axis=1)]
    n, k = complete.shape
    if n < 3 or k < 2:
        raise NotEstimableError(
            what="an intraclass correlation needs three cases and two ratings",
            got=f"{n} complete cases, {k} ratings",
            fix="Measure more cases.",
        )
    if (complete == complete[:, :1]).all():
        raise NotEstimableError(
            what="ratings must be made independently",
            got="identical values from all raters",
            fix="Check that the masks of two readers are not copies of one file.",
        )
    total = complete.mean()
    rows, columns = complete.mean(axis=1), complete.mean(axis=0)
    between = k * float(((rows - total) ** 2).sum()) / (n - 1)
    raters = n * float(((columns - total) ** 2).sum()) / (k - 1)
    rest = complete - rows[:, None] - columns[None, :] + total
    error = float((rest**2).sum()) / ((n - 1) * (k - 1))
    below = between + (k - 1) * error + k * (raters - error) / n
    if below <= 0:
        return Agreement(float("nan"), float("nan"), float("nan"))
    icc = (between - error) / below
    a = k * icc / (n * (1 - icc)) if icc < 1 else np.inf
    b = 1 + k * icc * (n - 1) / (n * (1 - icc)) if icc < 1 else np.inf
    if not np.isfinite(a) or error <= 0:
        return Agreement(icc, icc, icc)
    v = (a * raters + b * error) ** 2 / (
        (a * raters) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    )
    upper = float(f_distribution.ppf(0.975, n - 1, v))
    lower = float(f_distribution.ppf(0.975, v, n - 1))
    spread = k * raters + (k * n - k - n) * error
    low = n * (between - upper * error) / (upper * spread + n * between)
    high = n * (lower * between - error) / (spread + n * lower * between)
    return Agreement(icc, low, high)

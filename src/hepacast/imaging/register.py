# SPDX-License-Identifier: Apache-2.0
"""Rigid registration of one phase to another, refused where it makes things worse.

Mutual information over three levels (voxels of 8, 4 and 2 mm), with a fixed seed:
equal input gives an equal result.

Source: Mattes 2003, IEEE TMI 22:120 (metric); implementation of SimpleITK.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.core.params import Params
from hepacast.core.volume import Region, Volume
from hepacast.imaging.resample import Interpolation, resample_to

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.core.geometry import Grid


class RigidParams(Params):
    """Settings of the rigid registration."""

    levels_mm: tuple[float, ...] = (8.0, 4.0, 2.0)
    """Voxel size of every level, coarse to fine; never finer than the image."""
    samples: int = 120_000
    """Voxels that the metric looks at, at most, every level."""
    iterations: int = 150
    """At most, every level."""
    margin_mm: float = 5.0
    """How far around the region the images are compared.  More takes in the body wall and the
    spine, which do not move with the breath: 15 mm tripled the error on the phantom."""
    window: tuple[float, float] | None = None
    """Intensities are clipped to this range first; (-150, 300) HU suits liver CT."""
    largest_shift_mm: float = 60.0
    """A farther shift is taken for a failure."""
    largest_angle_deg: float = 20.0
    """A larger turn is taken for a failure."""
    seed: int = 20240229
    """Of the voxels that are sampled."""


_DEFAULT = RigidParams()


@dataclass(frozen=True, slots=True, eq=False)
class Rigid:
    """A rotation and a shift of patient space.

    Parameters
    ----------
    rotation : (3, 3) float
    shift_mm : (3,) float
        A point x of the fixed image is at ``rotation @ x + shift_mm`` in the moving
        image, both (x, y, z) in LPS, mm.
    metric_before, metric_after : float
        Mutual information of the two images, nats; more is better.
    """

    rotation: Float[np.ndarray, "3 3"]
    shift_mm: Float[np.ndarray, " 3"]
    metric_before: float
    metric_after: float

    @property
    def angle_deg(self) -> float:
        """How far it turns."""
        cosine = (np.trace(self.rotation) - 1) / 2
        return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))

    def points(self, fixed: Float[np.ndarray, "point 3"]) -> Float[np.ndarray, "point 3"]:
        """Carry points of the fixed image (LPS, mm) to the moving image."""
        carried: Float[np.ndarray, "point 3"] = fixed @ self.rotation.T + self.shift_mm
        return carried

    def grid(self, moving: Grid) -> Grid:
        """Place a moving grid in the space of the fixed image; voxels stay as they are."""
        back = self.rotation.T
        k, j, i = (np.asarray(moving.axes) @ self.rotation).tolist()
        x, y, z = (back @ (np.asarray(moving.origin) - self.shift_mm)).tolist()
        return replace(
            moving,
            origin=(x, y, z),
            axes=((k[0], k[1], k[2]), (j[0], j[1], j[2]), (i[0], i[1], i[2])),
        )

    def move(
        self,
        moving: Volume,
        onto: Grid,
        interpolation: Interpolation = "bspline",
        *,
        outside: float | None = None,
    ) -> Volume:
        """Interpolate the moving image at the voxels of a fixed grid: once, not twice."""
        placed = Volume(moving.data, self.grid(moving.grid))
        return resample_to(placed, onto, interpolation, outside=outside)


def register_rigid(
    fixed: Volume, moving: Volume, params: RigidParams = _DEFAULT, *, around: Region | None = None
) -> Rigid:
    """Find the rigid motion between two images of one patient.

    Parameters
    ----------
    fixed : Volume
        The image that the regions were drawn on.
    moving : Volume
        Another phase of the same study.
    params : RigidParams
        Settings.
    around : Region or None
        On the fixed grid; only its neighbourhood counts.  Give the liver: it moves
        with the breath, the spine does not.

    Returns
    -------
    Rigid
        Carries fixed points to moving points.

    Raises
    ------
    NotEstimableError
        If the images share less after than before, or the motion is larger than a
        breath: keep the images as they are, or register by hand.

    Notes
    -----
    The metric that decides is computed on all voxels of the neighbourhood after the
    search, not on the search's own samples.
    """
    fixed, inside = _neighbourhood(fixed, around, params)
    moving = _reachable(moving, fixed.grid, params)
    transform = _search(fixed, moving, inside, params)
    rotation = np.array(transform.GetMatrix()).reshape(3, 3)
    centre = np.array(transform.GetCenter())
    shift = np.array(transform.GetTranslation()) + centre - rotation @ centre
    still = Rigid(np.eye(3), np.zeros(3), 0.0, 0.0)
    found = Rigid(rotation, shift, 0.0, 0.0)
    before = _information(fixed, moving, still, inside, params)
    after = _information(fixed, moving, found, inside, params)
    found = replace(found, metric_before=before, metric_after=after)
    moved = found.points(np.array([centre])) - centre
    distance = float(np.linalg.norm(moved))
    too_far = distance > params.largest_shift_mm or found.angle_deg > params.largest_angle_deg
    require_closer(
        before, after, f"{distance:.1f} mm, {found.angle_deg:.1f} degrees", too_far=too_far
    )
    return found


def require_closer(before: float, after: float, motion: str, *, too_far: bool = False) -> None:
    """Refuse a registration that leaves two images less alike than they were.

    Parameters
    ----------
    before, after : float
        Mutual information of the two images, nats; more is better.
    motion : str
        What the registration did, for the message.
    too_far : bool
        The motion is larger than a patient can make.

    Raises
    ------
    NotEstimableError
        If the images share less after than before, or the motion is too large.

    Examples
    --------
    >>> require_closer(0.5, 0.7, "4.0 mm, 0.1 degrees")
    """
    if after < before or too_far:
        raise NotEstimableError(
            what="registration must bring the images closer by a motion that a patient can make",
            got=f"mutual information {before:.3f} before and {after:.3f} after, {motion}",
            fix="Use the images as they are, or align them by hand and declare it.",
        )


def shared_information(
    fixed: Volume, moved: Volume, params: RigidParams = _DEFAULT, *, around: Region | None = None
) -> float:
    """Mutual information of two images around a region, nats; more is better.

    Parameters
    ----------
    fixed : Volume
        The image that the region was drawn on.
    moved : Volume
        The other image, wherever it lies; it is interpolated at the fixed voxels.
    params : RigidParams
        Margin around the region and window of the intensities.
    around : Region or None
        On the fixed grid.
    """
    part, inside = _neighbourhood(fixed, around, params)
    still = Rigid(np.eye(3), np.zeros(3), 0.0, 0.0)
    return _information(part, moved, still, inside, params)


def _neighbourhood(
    fixed: Volume, around: Region | None, params: RigidParams
) -> tuple[Volume, np.ndarray | None]:
    """Cut the fixed image to the region's box and margin; mark the voxels that count."""
    if around is None:
        return fixed, None
    fixed.grid.require_same(around.grid, what=f"fixed image and {around.name}")
    margins = [int(np.ceil(params.margin_mm / s)) for s in fixed.grid.spacing]
    tight = around.box()
    k, j, i = (
        slice(max(0, s.start - m), min(n, s.stop + m))
        for s, m, n in zip(tight, margins, fixed.grid.shape, strict=True)
    )
    box = (k, j, i)
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415 - scipy loads slowly

    outside = distance_transform_edt(~around.mask[box], sampling=fixed.grid.spacing)
    return fixed.crop(box), np.asarray(outside <= params.margin_mm)


def _reachable(moving: Volume, fixed: Grid, params: RigidParams) -> Volume:
    """Cut the moving image to what an allowed motion can bring to the fixed one."""
    ends = [(0, n - 1) for n in fixed.shape]
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    index = moving.grid.to_index(fixed.to_world(corners))
    reach = params.largest_shift_mm / np.asarray(moving.grid.spacing)
    low = np.floor(index.min(axis=0) - reach).astype(int)
    high = np.ceil(index.max(axis=0) + reach).astype(int) + 1
    k, j, i = (
        slice(int(min(max(0, a), n - 1)), int(max(1, min(n, b))))
        for a, b, n in zip(low, high, moving.data.shape, strict=True)
    )
    if min(s.stop - s.start for s in (k, j, i)) < 4:
        return moving
    return moving.crop((k, j, i))


def _image(volume: Volume, window: tuple[float, float] | None) -> Any:  # noqa: ANN401 - untyped
    import SimpleITK as sitk  # noqa: N813, PLC0415 - the usual name; loads slowly

    data = volume.data if window is None else np.clip(volume.data, *window)
    image = sitk.GetImageFromArray(np.ascontiguousarray(data, dtype=np.float32))
    image.SetSpacing(volume.grid.spacing[::-1])
    image.SetOrigin(volume.grid.origin)
    image.SetDirection(np.asarray(volume.grid.axes)[::-1].T.ravel().tolist())
    return image


def _search(fixed: Volume, moving: Volume, inside: np.ndarray | None, params: RigidParams) -> Any:  # noqa: ANN401 - untyped library
    import SimpleITK as sitk  # noqa: N813, PLC0415 - the usual name; loads slowly

    still, other = _image(fixed, params.window), _image(moving, params.window)
    mask = None
    if inside is not None:
        mask = sitk.GetImageFromArray(inside.astype(np.uint8))
        mask.CopyInformation(still)
    middle = (np.array(fixed.grid.shape) - 1) / 2
    transform = sitk.Euler3DTransform()
    transform.SetCenter(fixed.grid.to_world(middle).tolist())
    for level in params.levels_mm:
        factors = [max(1, round(level / s)) for s in still.GetSpacing()]
        coarse = sitk.Shrink(sitk.SmoothingRecursiveGaussian(still, level / 2), factors)
        method = _method(level, coarse.GetNumberOfPixels(), params)
        if mask is not None:
            method.SetMetricFixedMask(mask)
        method.SetInitialTransform(transform, inPlace=True)
        method.Execute(coarse, sitk.SmoothingRecursiveGaussian(other, level / 2))
    # Sums over threads differ in their last bits from run to run: far below what matters.
    transform.SetParameters(
        [round(p, n) for p, n in zip(transform.GetParameters(), (6,) * 3 + (4,) * 3, strict=True)]
    )
    return transform


def _method(level_mm: float, voxels: int, params: RigidParams) -> Any:  # noqa: ANN401
    import SimpleITK as sitk  # noqa: N813, PLC0415 - the usual name; loads slowly

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=48)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(min(1.0, params.samples / voxels), params.seed)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=level_mm / 2,
        minStep=1e-3,
        numberOfIterations=params.iterations,
        relaxationFactor=0.6,
        gradientMagnitudeTolerance=1e-8,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    return method


def _information(
    fixed: Volume, moving: Volume, motion: Rigid, inside: np.ndarray | None, params: RigidParams
) -> float:
    """Mutual information of the two images over the voxels that both cover, nats."""
    placed = Volume(moving.data, motion.grid(moving.grid))
    there = resample_to(placed, fixed.grid, "linear", outside=np.nan).data
    use = np.isfinite(there) if inside is None else np.isfinite(there) & inside
    if np.count_nonzero(use) < 1000:
        return 0.0
    a, b = fixed.data[use], there[use]
    if params.window is not None:
        a, b = np.clip(a, *params.window), np.clip(b, *params.window)
    joint, _, _ = np.histogram2d(a, b, bins=48)
    p = joint / joint.sum()
    product = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    hit = p > 0
    return float(np.sum(p[hit] * np.log(p[hit] / product[hit])))


def checkerboard(fixed: Volume, moved: Volume, tile_mm: float = 25.0) -> Volume:
    """Alternate two images of one grid in tiles: edges must run on across the tiles.

    Parameters
    ----------
    fixed, moved : Volume
        On one grid.
    tile_mm : float
        Side of a tile, mm.
    """
    fixed.grid.require_same(moved.grid, what="fixed and moved image")
    steps = [
        (np.arange(n) * s // tile_mm).astype(int)
        for n, s in zip(fixed.grid.shape, fixed.grid.spacing, strict=True)
    ]
    k, j, i = np.meshgrid(*steps, indexing="ij", sparse=True)
    return Volume(np.where((k + j + i) % 2 == 0, fixed.data, moved.data), fixed.grid)

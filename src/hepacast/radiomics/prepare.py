# SPDX-License-Identifier: Apache-2.0
"""From image and masks as they come to images and masks as features see them.

The two definitions part here.  PyRadiomics resamples and crops around each
region before it filters, so that a filtered image depends on the region.  The
project's own (and IBSI's) order resamples the whole image once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.reasons import RegionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jaxtyping import Bool

    from hepacast.core.volume import Box
    from hepacast.radiomics.params import ExtractParams, Normalise, Resample, Resegment


@dataclass(frozen=True, slots=True)
class Prepared:
    """One region ready for features.

    Parameters
    ----------
    name : str
        Of the region.
    mask : (k, j, i) bool
        Voxels for intensity and texture features.
    drawn : (k, j, i) bool
        Voxels for shape features.
    """

    name: str
    mask: Bool[np.ndarray, "k j i"]
    drawn: Bool[np.ndarray, "k j i"]

    @property
    def masks(self) -> list[Bool[np.ndarray, "k j i"]]:
        """The masks, once if they are the same."""
        return [self.mask] if self.mask is self.drawn else [self.mask, self.drawn]


@dataclass(frozen=True, slots=True)
class Scene:
    """An image with the regions that share its filtered versions."""

    image: Volume
    regions: tuple[Prepared, ...]


Refused = dict[str, RegionError]


def scenes(
    image: Volume, regions: Sequence[Region], params: ExtractParams
) -> tuple[list[Scene], Refused]:
    """Normalise, resample, crop and resegment.

    Parameters
    ----------
    image : Volume
        Intensities in their own pixel type; PyRadiomics' numbers depend on it.
    regions : sequence of Region
        On the grid of the image.
    params : ExtractParams
        Settings.

    Returns
    -------
    scenes : list of Scene
        One for all regions, or one per region where PyRadiomics crops first.
    refused : dict
        Why a region is in no scene.
    """
    if params.normalise is not None:
        image = normalise(image, params.normalise)
    refused: Refused = {}
    made: list[Scene] = []
    for scene in _gridded(image, regions, params, refused):
        kept = []
        for region in scene.regions:
            try:
                kept.append(_checked(scene.image, region, params))
            except RegionError as error:
                refused[region.name] = error.at(region=region.name)
        if kept:
            made.append(Scene(scene.image, tuple(kept)))
    return made, refused


def _gridded(
    image: Volume, regions: Sequence[Region], params: ExtractParams, refused: Refused
) -> Iterator[Scene]:
    """Resample and crop as the definitions ask for."""
    drawn = []
    for region in regions:
        if region.size == 0:
            refused[region.name] = RegionError(reason="empty_region", got="none").at(
                region=region.name
            )
        else:
            drawn.append(region)
    if not drawn:
        return
    if params.definitions == "pyradiomics" and (params.resample or params.pre_crop):
        for region in drawn:
            yield _around(image, region, params)
    elif params.resample:
        grid = _resampled_grid(image.grid, params.resample)
        fine = resample(image, grid, params.resample.interpolator)
        if params.resample.rounded:
            fine = Volume(np.round(fine.data), grid)
        masks = [resample_mask(r, grid, params.resample.mask_interpolator) for r in drawn]
        yield Scene(fine, tuple(Prepared(r.name, m, m) for r, m in zip(drawn, masks, strict=True)))
    else:
        yield Scene(image, tuple(Prepared(r.name, r.mask, r.mask) for r in drawn))


def _around(image: Volume, region: Region, params: ExtractParams) -> Scene:
    """Resample or crop around one region, as PyRadiomics does."""
    if params.resample:
        grid = _grid_around(region, params.resample, params.pad_voxels)
        if grid is not None:
            near = resample(image, grid, params.resample.interpolator)
            mask = resample_mask(region, grid)
            return Scene(near, (Prepared(region.name, mask, mask),))
    box = region.box(params.pad_voxels)
    mask = region.mask[box]
    return Scene(image.crop(box), (Prepared(region.name, mask, mask),))


def _checked(image: Volume, region: Prepared, params: ExtractParams) -> Prepared:
    """Resegment one region and refuse what features cannot be computed on."""
    _check(region.mask, params)
    if params.resegment is None:
        return region
    mask = resegment(image, region.mask, params.resegment)
    _check(mask, params)
    drawn = mask if params.resegment.shape else region.drawn
    if params.definitions == "pyradiomics":
        # PyRadiomics cuts the drawn region to the box of what resegmentation has left of it.
        box = union_box([mask])
        cut = np.zeros_like(drawn)
        cut[box] = drawn[box]
        drawn = cut
    return Prepared(region.name, mask, drawn)


def _check(mask: Bool[np.ndarray, "k j i"], params: ExtractParams) -> None:
    """Raise if a region is too small."""
    from hepacast.radiomics.kernels.masks import extent

    count, low, high = extent(mask)
    size = int(count)
    if size == 0:
        raise RegionError(reason="empty_region", got="none")
    wide = sum(n > 0 for n in (high - low).tolist())
    if wide == 0:
        raise RegionError(reason="one_voxel", got="1 voxel")
    if wide < params.min_dimensions:
        raise RegionError(reason="too_few_dimensions", got=f"{size} voxels")
    if params.min_voxels is not None and size <= params.min_voxels:
        raise RegionError(reason="too_few_voxels", got=f"{size} voxels")


def normalise(image: Volume, settings: Normalise) -> Volume:
    """Centre on the mean and divide by the standard deviation of the whole image.

    Source: PyRadiomics 3.0.1, ``imageoperations.normalizeImage``.
    """
    import SimpleITK as sitk  # noqa: N813

    # On several threads, ITK adds up in any order, and a last bit moves from run to run.
    measure = sitk.StatisticsImageFilter()
    measure.SetNumberOfThreads(1)
    measure.SetNumberOfWorkUnits(1)
    measure.Execute(sitk.GetImageFromArray(image.data))
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 1.0 / np.float64(measure.GetSigma())
        data = (image.data.astype(np.float64) - measure.GetMean()) * scale
    if settings.outliers is not None:
        data = np.clip(data, -settings.outliers, settings.outliers)
    return Volume(data * settings.scale, image.grid)


def resegment(
    image: Volume, mask: Bool[np.ndarray, "k j i"], settings: Resegment
) -> Bool[np.ndarray, "k j i"]:
    """Keep the voxels whose intensity lies within the range, both ends included.

    Source: PyRadiomics 3.0.1, ``imageoperations.resegmentMask``.
    """
    inside = image.data[mask]
    keep = np.ones(inside.shape, dtype=bool)
    limits: list[Any] = sorted(settings.range or ())
    if settings.mode == "relative":
        limits = [inside.max() * share for share in limits]
    elif settings.mode == "sigma":
        limits = [inside.mean() + inside.std() * times for times in limits]
    if limits:
        keep = inside >= limits[0]
    if len(limits) == 2:
        keep &= inside <= limits[1]
    if settings.outliers_sigma is not None and keep.any():
        values = inside[keep].astype(np.float64)
        keep &= np.abs(inside - values.mean()) <= settings.outliers_sigma * values.std()
    left = int(np.count_nonzero(keep))
    if left <= 1:
        raise RegionError(
            reason="nothing_left", got=f"{left} of {inside.size} voxels within {limits}"
        )
    result = np.zeros_like(mask)
    result[mask] = keep
    return result


def to_itk(data: np.ndarray, grid: Grid) -> Any:  # noqa: ANN401 - SimpleITK has no types
    """Wrap an array and its grid as a SimpleITK image."""
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray(data)
    image.SetSpacing(grid.spacing[::-1])
    image.SetOrigin(grid.origin)
    k, j, i = grid.axes
    image.SetDirection([value for row in zip(i, j, k, strict=True) for value in row])
    return image


def from_itk(image: Any) -> tuple[np.ndarray, Grid]:  # noqa: ANN401 - SimpleITK has no types
    """Take array and grid out of a SimpleITK image of three dimensions."""
    import SimpleITK as sitk  # noqa: N813

    data = sitk.GetArrayFromImage(image)
    i, j, k = np.reshape(image.GetDirection(), (3, 3)).T.tolist()
    grid = Grid(
        data.shape, image.GetSpacing()[::-1], image.GetOrigin(), (tuple(k), tuple(j), tuple(i))
    )
    return data, grid


_INTERPOLATORS = {
    "bspline": "sitkBSpline",
    "linear": "sitkLinear",
    "nearest": "sitkNearestNeighbor",
    "gaussian": "sitkGaussian",
    "label_gaussian": "sitkLabelGaussian",
    "hamming_windowed_sinc": "sitkHammingWindowedSinc",
    "cosine_windowed_sinc": "sitkCosineWindowedSinc",
    "welch_windowed_sinc": "sitkWelchWindowedSinc",
    "lanczos_windowed_sinc": "sitkLanczosWindowedSinc",
    "blackman_windowed_sinc": "sitkBlackmanWindowedSinc",
}


def resample(image: Volume, grid: Grid, interpolator: str) -> Volume:
    """Interpolate an image on another grid, in its own pixel type (whole numbers are rounded)."""
    return Volume(_resampled(image.data, image.grid, grid, _INTERPOLATORS[interpolator]), grid)


def resample_mask(
    region: Region, grid: Grid, interpolator: str = "nearest"
) -> Bool[np.ndarray, "k j i"]:
    """Interpolate a region on another grid; a voxel is inside from one half on."""
    if interpolator == "nearest":
        bits = region.mask.astype(np.uint32)
    else:
        bits = region.mask.astype(np.float64)
    made = _resampled(bits, region.grid, grid, _INTERPOLATORS[interpolator])
    inside: Bool[np.ndarray, "k j i"] = made >= 0.5
    return inside


def _resampled(data: np.ndarray, source: Grid, target: Grid, interpolator: str) -> np.ndarray:
    import SimpleITK as sitk  # noqa: N813

    work = sitk.ResampleImageFilter()
    work.SetOutputSpacing(target.spacing[::-1])
    k, j, i = target.axes
    work.SetOutputDirection([value for row in zip(i, j, k, strict=True) for value in row])
    work.SetSize(target.shape[::-1])
    work.SetOutputOrigin(target.origin)
    work.SetInterpolator(getattr(sitk, interpolator))
    work.SetNumberOfThreads(1)
    made: np.ndarray = sitk.GetArrayFromImage(work.Execute(to_itk(data, source)))
    return made


def _new_spacing(grid: Grid, settings: Resample) -> np.ndarray:
    """Spacing asked for; 0 keeps that of an axis."""
    wanted = np.asarray(settings.spacing_mm)
    return np.where(wanted == 0, grid.spacing, wanted)


def _resampled_grid(grid: Grid, settings: Resample) -> Grid:
    """Grid of the new spacing that covers a grid, with a common corner or centre."""
    spacing = _new_spacing(grid, settings)
    old = np.asarray(grid.shape) * np.asarray(grid.spacing)
    shape = np.ceil(old / spacing - 1e-9).astype(int)
    # Half of what the new grid is longer lies before the old one.
    before = (old - shape * spacing) / 2 if settings.aligned == "centre" else np.zeros(3)
    return _placed(grid, spacing, before / np.asarray(grid.spacing), shape)


def _grid_around(region: Region, settings: Resample, pad: int) -> Grid | None:
    """Grid of the new spacing around a region; None if the spacing stays what it is.

    Source: PyRadiomics 3.0.1, ``imageoperations.resampleImage``.
    """
    box = region.box()
    first = np.array([s.start for s in box])
    size = np.array([s.stop - s.start for s in box])
    old = np.asarray(region.grid.spacing)
    spacing = np.where(size != 1, _new_spacing(region.grid, settings), old)
    if np.allclose(old, spacing):
        return None
    ratio = old / spacing
    low = np.maximum(np.floor((first - 0.5) * ratio - pad), 0)
    high = np.ceil((first + size - 0.5) * ratio + pad)
    high = np.minimum(high, np.ceil(np.asarray(region.grid.shape) * ratio) - 1)
    return _placed(region.grid, spacing, low / ratio, (high - low + 1).astype(int))


def _placed(grid: Grid, spacing: np.ndarray, start: np.ndarray, shape: np.ndarray) -> Grid:
    """Grid of a spacing and shape that begins at an index of another grid, corner on corner."""
    import SimpleITK as sitk  # noqa: N813

    old = np.asarray(grid.spacing)
    index = 0.5 * (spacing - old) / old + start
    # ITK's own arithmetic: the nearest voxel of a mask may hang on its last bit.
    frame = sitk.Image(1, 1, 1, sitk.sitkUInt8)
    frame.CopyInformation(to_itk(np.zeros((1, 1, 1), np.uint8), grid))
    origin = frame.TransformContinuousIndexToPhysicalPoint(index[::-1].tolist())
    k, j, i = (int(n) for n in shape)
    return Grid((k, j, i), tuple(spacing.tolist()), origin, grid.axes)


def union_box(masks: Sequence[Bool[np.ndarray, "k j i"]]) -> Box:
    """Smallest box that holds all masks.

    >>> union_box([np.eye(3, dtype=bool)[None], np.zeros((1, 3, 3), dtype=bool)])
    (slice(0, 1, None), slice(0, 3, None), slice(0, 3, None))
    """
    from hepacast.radiomics.kernels.masks import extent

    boxes = [extent(mask) for mask in masks]
    low = np.min([first for _, first, _ in boxes], axis=0)
    high = np.max([last for _, _, last in boxes], axis=0)
    k, j, i = (slice(int(a), int(b) + 1) for a, b in zip(low, high, strict=True))
    return k, j, i

# SPDX-License-Identifier: Apache-2.0
"""Voxel-wise feature maps: the features of the neighbourhood of every voxel of a region."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import PositiveInt

from hepacast.core.errors import HepacastError, ImageFileError, NotEstimableError
from hepacast.core.params import Params
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.extraction import TEXTURES, steps
from hepacast.radiomics.families import FAMILIES
from hepacast.radiomics.families.weights import lengths, pair_weights
from hepacast.radiomics.filters.registry import widened
from hepacast.radiomics.params import ExtractParams
from hepacast.radiomics.prepare import scenes, union_box
from hepacast.radiomics.reasons import Reason
from hepacast.radiomics.sample import Place, Sample
from hepacast.radiomics.window import Window

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Float64, Int

    from hepacast.core.geometry import Grid, Triple
    from hepacast.radiomics.prepare import Scene
    from hepacast.radiomics.settings import FamilyParams

_SLAB = 4096
"""Voxels that one thread takes at a time."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """One family, ready for voxels.

    Parameters
    ----------
    describe : callable
        Takes flat indices of voxels, and rows to fill in.
    width : int
        Numbers per voxel, in the order of the family's catalogue.
    """

    describe: Callable[[np.ndarray, np.ndarray], None]
    width: int


class MapParams(Params):
    """Settings of feature maps, beside those of the features themselves."""

    kind: Literal["maps"] = "maps"
    radius: PositiveInt = 1
    """Half an edge of the cube around a voxel, voxels."""
    masked: bool = True
    """Only voxels of the region count; else all around it do, for the grey levels too."""
    outside: float = 0.0
    """Value of a map outside the region; may be NaN."""


@dataclass(eq=False)
class FeatureMaps(Mapping[str, Volume]):
    """Maps by PyRadiomics-style name; a volume is only made when it is asked for.

    Parameters
    ----------
    grid : Grid
        That of the image, or of what it was resampled to.
    mask : (k, j, i) bool
        The region on that grid.
    outside : float
        Value elsewhere.
    numbers : dict of str to (voxel,) float32
        Values in the order of the voxels of the mask.
    reasons : dict of str to str
        Why a map has no value at all, by a code of ``radiomics.reasons.REASONS``.
    """

    grid: Grid
    mask: Bool[np.ndarray, "k j i"]
    outside: float = 0.0
    numbers: dict[str, Float32[np.ndarray, " voxel"]] = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Volume:
        """Make one map."""
        data = np.full(self.mask.shape, self.outside, np.float32)
        data[self.mask] = self.numbers[name]
        return Volume(data, self.grid)

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self.numbers)

    def __len__(self) -> int:
        """How many maps."""
        return len(self.numbers)


def feature_maps(
    image: Volume,
    region: Region,
    params: ExtractParams | None = None,
    maps: MapParams | None = None,
    *,
    threads: int | None = None,
) -> FeatureMaps:
    """Compute the features of the neighbourhood of every voxel of a region.

    Parameters
    ----------
    image : Volume
        Intensities.
    region : Region
        On the grid of the image.
    params : ExtractParams, optional
        Filters, families, grey levels, resampling: as for :func:`extraction.extract`.  Families
        that have no map (shape, those that IBSI alone has) are left out.
    maps : MapParams, optional
        Size of the neighbourhood, and what counts in it.
    threads : int, optional
        Threads to use; all cores if absent.  The numbers do not depend on it.

    Returns
    -------
    maps : FeatureMaps
        By PyRadiomics-style name, float32; NaN where a neighbourhood does not define a feature.

    Raises
    ------
    GeometryError
        If image and region do not lie on one grid.
    EmptyRegionError
        If the region is empty or too small.
    ImageFileError
        If an intensity is not finite.
    NotEstimableError
        If the settings ask for no family that has a map.

    Notes
    -----
    Source: PyRadiomics 3.0.1, voxel-based extraction (``kernelRadius``, ``maskedKernel``,
    ``initValue``).  There a direction without a pair counts as missing for most features and
    makes ``JointAverage`` and ``MCC`` fail; here it counts as missing for all of them, which is
    what PyRadiomics gives with ``voxelBatch: 1``.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> grid = Grid((3, 4, 5), (1.0, 1.0, 1.0))
    >>> image = Volume(np.arange(60, dtype=np.float32).reshape(3, 4, 5) * 10, grid)
    >>> whole = Region(np.ones((3, 4, 5), dtype=bool), grid)
    >>> found = feature_maps(image, whole, ExtractParams(families=("firstorder",)))
    >>> len(found), float(found["original_firstorder_Maximum"].data[0, 0, 0])
    (18, 260.0)
    """
    params = ExtractParams() if params is None else params
    maps = MapParams() if maps is None else maps
    blocks = [block for block in params.families if block.token in _KERNELS]
    if not blocks:
        raise NotEstimableError(
            what="feature maps need a family that has maps",
            got=", ".join(block.token for block in params.families) or "none",
            fix=f"Ask for one of {', '.join(sorted(_KERNELS))}.",
        )
    image.grid.require_same(region.grid, what=f"image and region {region.name}")
    if np.issubdtype(image.data.dtype, np.inexact) and not np.isfinite(image.data).all():
        raise ImageFileError(
            what="intensities must be finite",
            got=f"{np.count_nonzero(~np.isfinite(image.data))} that are not",
            fix="Read the image again; fill what is missing outside the regions.",
        )
    made, refused = scenes(image, [region], params)
    for error in refused.values():
        raise error
    return _scene_maps(made[0], params, maps, blocks, threads or len(os.sched_getaffinity(0)))


def _scene_maps(
    scene: Scene, params: ExtractParams, maps: MapParams, blocks: list[FamilyParams], threads: int
) -> FeatureMaps:
    """Compute all maps of one prepared image."""
    image, (region,) = scene.image, scene.regions
    found = FeatureMaps(image.grid, region.mask, maps.outside)
    box, _ = widened(image.data.shape, union_box([region.mask]), (maps.radius,) * 3)
    inside = region.mask[box]
    counted = inside if maps.masked else np.ones_like(inside)
    place = Place(counted, image.grid.spacing, maps.radius)
    centres = place.places[inside.reshape(-1)[place.index]]
    with ThreadPoolExecutor(threads) as pool:
        for step in steps(params):
            shift = params.shift if step.params.shift is None else step.params.shift
            bins = step.params.bins or params.bins
            around: _Neighbourhood | Reason
            try:
                pixels = step.response(image, box).reshape(-1)[place.index]
                sample = Sample(place, pixels, bins, step.setting.texture, shift)
                around = _checked(sample, maps.radius)
            except HepacastError as error:
                around = "too_many_levels" if "level" in error.what else "image_too_small"
            for block in blocks:
                if not isinstance(around, _Neighbourhood):
                    _refuse(found, step.token, block, centres.size, around)
                elif _is_flat(around.sample, block, params):
                    _refuse(found, step.token, block, centres.size, "flat_region")
                else:
                    _keep(found, step.token, block, _slabs(around.kernel(block), centres, pool))
    return found


def _checked(sample: Sample, radius: int) -> _Neighbourhood | Reason:
    """Find the grey levels; some filters have no value at some voxels (LBP on a flat sphere)."""
    if not np.isfinite(sample.extremes).all():
        return "undefined"
    return _Neighbourhood(sample, sample.highest, radius)


def _is_flat(sample: Sample, block: FamilyParams, params: ExtractParams) -> bool:
    """Tell whether a texture has but one grey level; PyRadiomics has numbers then too."""
    texture = block.token in TEXTURES and params.definitions != "pyradiomics"
    return texture and sample.present.size == 1


def _keep(found: FeatureMaps, token: str, block: FamilyParams, rows: np.ndarray) -> None:
    """Name the columns that were asked for."""
    catalogue = [feature.name for feature in FAMILIES[block].features]
    for name in FAMILIES[block].wanted(block):
        column = rows[:, catalogue.index(name)]
        found.numbers[f"{token}_{block.token}_{name}"] = column.astype(np.float32)


def _refuse(found: FeatureMaps, token: str, block: FamilyParams, size: int, reason: Reason) -> None:
    """Fill the maps of one family with NaN and say why."""
    for feature in FAMILIES[block].wanted(block):
        name = f"{token}_{block.token}_{feature}"
        found.numbers[name] = np.full(size, np.nan, np.float32)
        found.reasons[name] = reason


def _slabs(
    kernel: Kernel, centres: Int[np.ndarray, " voxel"], pool: ThreadPoolExecutor
) -> Float64[np.ndarray, "voxel feature"]:
    """Describe all voxels, slab by slab; every voxel by itself, so threads change nothing."""
    rows = np.empty((centres.size, kernel.width))
    cuts = [slice(at, at + _SLAB) for at in range(0, centres.size, _SLAB)]
    list(pool.map(lambda cut: kernel.describe(centres[cut], rows[cut]), cuts))
    return rows


@dataclass(eq=False)
class _Neighbourhood:
    """What the kernels of one response image have in common."""

    sample: Sample
    highest: int
    radius: int

    def kernel(self, block: FamilyParams) -> Kernel:
        """Bind everything that a family needs but the voxels."""
        return _KERNELS[block.token](self, block)

    @property
    def window(self) -> Window:
        """Places around a voxel."""
        return Window(self.radius, self.sample.texture)

    @property
    def flat(self) -> Int[np.ndarray, " place"]:
        """Flat steps to every place of the window."""
        return self.sample.place.strides(self.window.places)

    @property
    def levels(self) -> Int[np.ndarray, " voxel"]:
        """Level volume, flat."""
        return self.sample.levels.reshape(-1)

    @property
    def spacing(self) -> Triple:
        """Of the image, (k, j, i), mm."""
        return self.sample.place.spacing


def _pair_kernel(around: _Neighbourhood, block: FamilyParams) -> Kernel:
    """Co-occurrence; the fast kernel counts whole pairs in both orders."""
    from hepacast.radiomics.kernels import maps_pairs as kernels

    texture, levels = around.sample.texture, around.levels
    lists = (around.flat, *around.window.pairs(texture.distances), around.highest)
    mcc = block.features is None or "MCC" in block.features
    if texture.symmetric and texture.weighting is None:
        return Kernel(lambda at, out: kernels.pair_maps(levels, at, *lists, mcc, out), 24)
    weights = np.zeros(0)
    if texture.weighting is not None:
        directions = around.window.steps(texture.distances)
        weights = pair_weights(directions, around.spacing, texture.weighting)
    rest = (*lists, texture.symmetric, weights)
    return Kernel(lambda at, out: kernels.any_pair_maps(levels, at, *rest, out), 24)


def _run_kernel(around: _Neighbourhood, block: FamilyParams) -> Kernel:
    """Run lengths."""
    from hepacast.radiomics.kernels.maps_sizes import run_maps

    del block
    texture, levels, weights = around.sample.texture, around.levels, np.zeros(0)
    if texture.weighting is not None:
        weights = lengths(around.window.steps((1,)), around.spacing, texture.weighting)
    rest = (around.flat, *around.window.lines(), around.highest, weights)
    return Kernel(lambda at, out: run_maps(levels, at, *rest, out), 16)


def _zone_kernel(around: _Neighbourhood, block: FamilyParams) -> Kernel:
    """Size zones."""
    from hepacast.radiomics.kernels.maps_sizes import zone_maps

    del block
    levels, rest = around.levels, (around.flat, *around.window.neighbours(), around.highest)
    return Kernel(lambda at, out: zone_maps(levels, at, *rest, out), 16)


def _dependence_kernel(around: _Neighbourhood, block: FamilyParams) -> Kernel:
    """Dependences."""
    from hepacast.radiomics.kernels.maps_sizes import dependence_maps

    del block
    texture, levels = around.sample.texture, around.levels
    first, second, _ = around.window.pairs(texture.distances)
    rest = (around.flat, first, second, around.highest, texture.alpha)
    return Kernel(lambda at, out: dependence_maps(levels, at, *rest, out), 16)


def _tone_kernel(around: _Neighbourhood, block: FamilyParams) -> Kernel:
    """Grey tone differences."""
    from hepacast.radiomics.kernels.maps_sizes import tone_maps

    del block
    levels = around.levels
    first, second, _ = around.window.pairs(around.sample.texture.distances)
    rest = (around.flat, first, second, around.highest)
    return Kernel(lambda at, out: tone_maps(levels, at, *rest, out), 5)


def _intensity_kernel(around: _Neighbourhood, block: FamilyParams) -> Kernel:
    """First-order statistics."""
    from hepacast.radiomics.kernels.maps_intensity import intensity_maps

    del block
    sample, levels = around.sample, around.levels
    values = np.zeros(levels.size)
    values[sample.place.places] = sample.values
    k, j, i = around.spacing
    rest = (around.flat, around.highest, sample.shift, k * j * i)
    return Kernel(lambda at, out: intensity_maps(levels, values, at, *rest, out), 19)


_KERNELS: dict[str, Callable[[_Neighbourhood, FamilyParams], Kernel]] = {
    "firstorder": _intensity_kernel,
    "glcm": _pair_kernel,
    "glrlm": _run_kernel,
    "glszm": _zone_kernel,
    "gldm": _dependence_kernel,
    "ngtdm": _tone_kernel,
}
"""Families that have maps."""

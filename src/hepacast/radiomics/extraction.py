# SPDX-License-Identifier: Apache-2.0
"""Features of images and regions: plan, filter once, count once, describe."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import GeometryError, HepacastError, ImageFileError
from hepacast.core.table import FeatureName
from hepacast.radiomics.families import FAMILIES
from hepacast.radiomics.filters import FILTERS
from hepacast.radiomics.filters.registry import Setting, widened
from hepacast.radiomics.params import ExtractParams
from hepacast.radiomics.prepare import scenes, union_box
from hepacast.radiomics.reasons import REASONS, Reason, RegionError
from hepacast.radiomics.sample import Place, Sample
from hepacast.radiomics.settings import FamilyParams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hepacast.core.geometry import Triple
    from hepacast.core.volume import Box, Region, Volume
    from hepacast.radiomics.filters.registry import Response
    from hepacast.radiomics.prepare import Prepared, Scene
    from hepacast.radiomics.settings import FilterParams

TEXTURES = frozenset({"glcm", "glrlm", "glszm", "gldm", "ngtdm"})
"""Families that say nothing about a region of one grey level."""

Key = tuple[str, str, str, str]
"""Region, filter, family, feature."""


@dataclass(eq=False)
class Extraction:
    """Numbers of one case.

    Parameters
    ----------
    values : dict of FeatureName to float
        NaN where a feature has no value.
    reasons : dict of FeatureName to str
        A code of ``radiomics.reasons.REASONS`` for every NaN.
    """

    values: dict[FeatureName, float] = field(default_factory=dict)
    reasons: dict[FeatureName, Reason] = field(default_factory=dict)


@dataclass(eq=False)
class _Numbers:
    """What one task found."""

    values: dict[Key, float] = field(default_factory=dict)
    reasons: dict[Key, Reason] = field(default_factory=dict)

    def refuse(self, keys: Iterable[Key], reason: Reason) -> None:
        for key in keys:
            self.values[key], self.reasons[key] = float("nan"), reason


class _Ground:
    """What the images of a case have in common: places, and the numbers of shapes.

    Kept for masks as the caller drew them, which nothing may change; resampling, cropping
    and resegmentation make new ones for every image.
    """

    def __init__(self, regions: Iterable[Region]) -> None:
        self.drawn = frozenset(id(region.mask) for region in regions)
        self.places: dict[object, Place] = {}
        self.shapes: dict[object, _Numbers] = {}

    def place(self, region: Prepared, box: Box, spacing: Triple, pad: int) -> Place:
        """Find or make the place of a region in a box."""
        key = (id(region.mask), tuple((part.start, part.stop) for part in box), spacing, pad)
        if key in self.places:
            return self.places[key]
        place = Place(region.mask[box], spacing, pad, region.drawn[box])
        if region.mask is region.drawn and id(region.mask) in self.drawn:
            self.places[key] = place
        return place

    def shape(self, region: Prepared, spacing: Triple, params: ExtractParams) -> _Numbers:
        """Find or compute the numbers that do not depend on intensities."""
        key = (id(region.drawn), region.name, spacing)
        if key in self.shapes:
            return self.shapes[key]
        own = union_box([region.drawn])
        found = _region_numbers(region.name, Place(region.drawn[own], spacing), params)
        if id(region.drawn) in self.drawn:
            self.shapes[key] = found
        return found


@dataclass(frozen=True, slots=True)
class _Step:
    """One response image and the settings for its features."""

    token: str
    params: FilterParams
    response: Response
    setting: Setting


def extract(image: Volume, region: Region, params: ExtractParams | None = None) -> dict[str, float]:
    """Compute the features of one region of one image.

    Parameters
    ----------
    image : Volume
        Intensities.
    region : Region
        On the grid of the image.
    params : ExtractParams, optional
        Settings; the original image and all 3D families if absent.

    Returns
    -------
    features : dict of str to float
        By PyRadiomics-style name.  A feature that this region does not define is NaN;
        :func:`extract_case` says why.

    Raises
    ------
    GeometryError
        If image and region do not lie on one grid.
    EmptyRegionError
        If the region is empty or too small for any feature.
    ImageFileError
        If an intensity is not finite.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> from hepacast.core.volume import Region, Volume
    >>> grid = Grid((4, 4, 4), (1.0, 1.0, 1.0))
    >>> ramp = Volume(np.arange(64, dtype=np.float32).reshape(4, 4, 4), grid)
    >>> features = extract(ramp, Region(np.ones((4, 4, 4), dtype=bool), grid))
    >>> features["original_firstorder_Mean"], features["original_shape_VoxelVolume"]
    (31.5, 64.0)
    """
    params = ExtractParams() if params is None else params
    found, refused = _one_image(image, [region], params, _Ground([region]), threads=1)
    for error in refused.values():
        raise error
    return {f"{filt}_{fam}_{feat}": v for (_, filt, fam, feat), v in found.values.items()}


def extract_case(
    images: Mapping[str, Volume],
    regions: Mapping[str, Region],
    params: ExtractParams | None = None,
    *,
    threads: int | None = None,
) -> Extraction:
    """Compute the features of many regions in many phases of one case.

    Every image is filtered once for all regions, every region measured once for
    all images.  Nothing that is wrong with one region or phase stops the others.

    Parameters
    ----------
    images : mapping of phase to Volume
        Intensities.
    regions : mapping of name to Region
        On the grids of the images.
    params : ExtractParams, optional
        Settings.
    threads : int, optional
        Threads to use; all cores if absent.  The numbers do not depend on it.

    Returns
    -------
    extraction : Extraction
        Values, and a reason for every NaN.
    """
    params = ExtractParams() if params is None else params
    named = [region.named(name) for name, region in regions.items()]
    result, ground = Extraction(), _Ground(named)
    for phase, image in images.items():
        found = _try_image(image, named, params, ground, threads or len(os.sched_getaffinity(0)))
        for (region, *rest), value in found.values.items():
            result.values[FeatureName(phase, region, *rest)] = value
        for (region, *rest), reason in found.reasons.items():
            result.reasons[FeatureName(phase, region, *rest)] = reason
    return result


def _try_image(
    image: Volume, regions: Sequence[Region], params: ExtractParams, ground: _Ground, threads: int
) -> _Numbers:
    """Turn whatever is wrong with a region or the image into reasons."""
    missing = _Numbers()
    names = feature_keys(params)
    usable = []
    for region in regions:
        try:
            image.grid.require_same(region.grid, what=f"image and region {region.name}")
        except GeometryError:
            missing.refuse(((region.name, *name) for name in names), "geometry")
        else:
            usable.append(region)
    try:
        found, refused = _one_image(image, usable, params, ground, threads)
    except ImageFileError:
        for region in usable:
            missing.refuse(((region.name, *name) for name in names), "not_finite")
        return missing
    for name, error in refused.items():
        found.refuse(((name, *rest) for rest in names), error.reason)
    # In the order asked for, whatever was refused on the way.
    merged = _Numbers()
    for region in regions:
        for rest in names:
            key = (region.name, *rest)
            source = found if key in found.values else missing
            merged.values[key] = source.values[key]
            if key in source.reasons:
                merged.reasons[key] = source.reasons[key]
    return merged


def _one_image(
    image: Volume, regions: Sequence[Region], params: ExtractParams, ground: _Ground, threads: int
) -> tuple[_Numbers, dict[str, RegionError]]:
    """Compute all features of one image; tasks are response images and regions' shapes."""
    for region in regions:
        image.grid.require_same(region.grid, what=f"image and region {region.name}")
    if np.issubdtype(image.data.dtype, np.inexact) and not np.isfinite(image.data).all():
        first = tuple(int(n) for n in np.argwhere(~np.isfinite(image.data))[0])
        raise ImageFileError(
            what="intensities must be finite",
            got=f"{np.count_nonzero(~np.isfinite(image.data))} that are not, the first at {first}",
            fix="Read the image again; fill what is missing outside the regions.",
        )
    made, refused = scenes(image, regions, params)
    tasks: list[Callable[[], _Numbers]] = []
    for scene in made:
        tasks += _tasks(scene, params, ground)
    found = _Numbers()
    if threads == 1:
        parts: Iterable[_Numbers] = [task() for task in tasks]
    else:
        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(lambda task: task(), tasks))
    for part in parts:
        found.values.update(part.values)
        found.reasons.update(part.reasons)
    ordered = {
        key: found.values[key]
        for region in regions
        for key in ((region.name, *rest) for rest in feature_keys(params))
        if key in found.values
    }
    return _Numbers(ordered, found.reasons), refused


def steps(params: ExtractParams) -> list[_Step]:
    """Plan the response images: their names, filters and settings."""
    planned = []
    for block in params.filters:
        setting = Setting(params.definitions, block.texture or params.texture)
        for token, response in FILTERS[block](block, setting).items():
            planned.append(_Step(token, block, response, setting))
    return planned


def feature_keys(params: ExtractParams) -> list[tuple[str, str, str]]:
    """Filter, family and feature of every number that the settings ask for, in order.

    >>> len(feature_keys(ExtractParams()))
    107
    """
    keys = []
    for block in params.families:
        family = FAMILIES[block]
        if family.on == "region":
            keys += [("original", block.token, name) for name in family.wanted(block)]
    for step in steps(params):
        for block in params.families:
            family = FAMILIES[block]
            if family.on == "image":
                keys += [(step.token, block.token, name) for name in family.wanted(block)]
    return keys


def _tasks(scene: Scene, params: ExtractParams, ground: _Ground) -> list[Callable[[], _Numbers]]:
    """Cut one scene into pieces of work that share nothing they would change."""
    spacing = scene.image.grid.spacing
    margin = max((FAMILIES[block].margin_mm for block in params.families), default=0.0)
    k, j, i = (int(np.ceil(margin / s)) for s in spacing)
    union = union_box([mask for region in scene.regions for mask in region.masks])
    box, _ = widened(scene.image.data.shape, union, (k, j, i))
    pad = max(max((block.texture or params.texture).distances) for block in params.filters)
    places = {r.name: ground.place(r, box, spacing, pad) for r in scene.regions}

    def on_image(step: _Step) -> _Numbers:
        return _response_numbers(scene.image, box, step, places, params)

    work: list[Callable[[], _Numbers]] = []
    if any(FAMILIES[block].on == "image" for block in params.families):
        for place in places.values():
            _ = place.index, place.places, place.corners
        work += [partial(on_image, step) for step in steps(params)]
    if any(FAMILIES[block].on == "region" for block in params.families):
        work += [partial(ground.shape, region, spacing, params) for region in scene.regions]
    return work


def _region_numbers(name: str, place: Place, params: ExtractParams) -> _Numbers:
    """Compute the families that do not look at intensities."""
    found = _Numbers()
    sample = Sample(place, np.zeros(0), texture=params.texture)
    for block in params.families:
        family = FAMILIES[block]
        if family.on == "region":
            _describe(found, (name, "original", block.token), sample, block)
    return found


def _response_numbers(
    image: Volume, box: Box, step: _Step, places: Mapping[str, Place], params: ExtractParams
) -> _Numbers:
    """Filter one image and compute the other families on it, region by region."""
    found = _Numbers()
    blocks = [b for b in params.families if FAMILIES[b].on == "image"]
    try:
        response = step.response(image, box)
    except HepacastError:
        for name in places:
            for block in blocks:
                wanted = FAMILIES[block].wanted(block)
                keys = [(name, step.token, block.token, feature) for feature in wanted]
                found.refuse(keys, "image_too_small")
        return found
    for name, place in places.items():
        shift = params.shift if step.params.shift is None else step.params.shift
        sample = Sample(
            place,
            response.reshape(-1)[place.index],
            step.params.bins or params.bins,
            step.setting.texture,
            shift,
            response,
        )
        for block in blocks:
            _describe(found, (name, step.token, block.token), sample, block, params.definitions)
    return found


def _describe(
    found: _Numbers,
    place: tuple[str, str, str],
    sample: Sample,
    block: FamilyParams,
    definitions: str = "pyradiomics",
) -> None:
    """Compute one family, and find a reason for every NaN."""
    family = FAMILIES[block]
    wanted = family.wanted(block)
    keys = {name: (*place, name) for name in wanted}
    if family.on == "image" and not np.isfinite(sample.extremes).all():
        # Some filters have no value at some voxels, as the kurtosis on a flat sphere.
        found.refuse(keys.values(), "undefined")
        return
    try:
        texture = family.on == "image" and block.token in TEXTURES
        if texture and definitions != "pyradiomics" and sample.present.size == 1:
            found.refuse(keys.values(), "flat_region")
            return
        numbers = family.compute(sample, block)
    except HepacastError as error:
        reason: Reason = "too_many_levels" if "level" in error.what else "undefined"
        found.refuse(keys.values(), reason)
        return
    for name, key in keys.items():
        found.values[key] = float(numbers[name])
        if np.isnan(found.values[key]):
            found.reasons[key] = "no_neighbours" if place[2] == "glcm" else "undefined"


__all__ = ["REASONS", "Extraction", "extract", "extract_case", "feature_keys"]

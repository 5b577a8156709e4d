# SPDX-License-Identifier: Apache-2.0
"""Regions of one image: masks from files, and shapes made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.core.errors import EmptyRegionError, HepacastError, TableError
from hepacast.core.events import Event, Noticed, ignore
from hepacast.io.images import read_region
from hepacast.io.voxels import MaskRule
from hepacast.regions.lesions import chosen_lesions, cleaned
from hepacast.regions.shells import common, dilate, erode, minus, ring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.core.events import Listener
    from hepacast.core.geometry import Grid
    from hepacast.core.volume import Region, Volume
    from hepacast.run.parts.rows import ImageRow
    from hepacast.run.settings.case import RegionParams


def build_regions(
    row: ImageRow,
    volume: Volume,
    wanted: Mapping[str, RegionParams],
    *,
    masks: Mapping[str, Region] | None = None,
    on_event: Listener = ignore,
) -> dict[str, Region]:
    """Make all regions of the study from the masks of one image.

    Parameters
    ----------
    row : ImageRow
        Where the masks are.
    volume : Volume
        The image.
    wanted : mapping of str to RegionParams
        Regions, each after those that it is made from.
    masks : mapping of str to Region, optional
        Masks read before; a region of another one is left out with all made from it.
        Every mask is read here if nothing is given.
    on_event : callable
        Told of repairs, and of shapes without a voxel, which are left out: a core of a
        tumour that is too thin for it has no features, and no value in place of them.

    Raises
    ------
    HepacastError
        Naming the region, if a mask cannot be read.
    """
    regions: dict[str, Region] = {}
    for name, params in wanted.items():
        try:
            if params.mask is not None:
                if masks is not None and params.mask not in masks:
                    continue
                region = (masks or {}).get(params.mask) or read_mask(
                    row, params.mask, volume.grid, on_event=on_event
                )
                region = _tidy(region.named(name), params)
            elif params.from_ in regions:
                region = regions[params.from_].named(name)
            else:
                continue
            if not {params.minus, params.inside} - {None} <= set(regions):
                continue
        except HepacastError as error:
            raise error.at(region=name) from None
        try:
            regions[name] = _shape(region, params, regions)
        except EmptyRegionError as error:
            on_event(Noticed(name, f"{name} is empty, its features are missing: {error.got}"))
    return regions


def read_mask(
    row: ImageRow, name: str, grid: Grid | None, *, on_event: Listener = ignore
) -> Region:
    """Read one of the masks that a row of the case table names.

    Raises
    ------
    TableError
        If the row does not name it.
    """
    if name not in row.masks:
        raise TableError(
            what=f"phase {row.phase!r} needs a mask {name!r}",
            got="an empty cell in the case table",
            fix="Give the mask's path, or leave the phase out of the table.",
        )

    def hear(event: Event) -> None:
        # The place is the mask's name: a file's name may hold that of a patient.
        on_event(Noticed(name, event.text) if isinstance(event, Noticed) else event)

    drawn = row.masks[name]
    return read_region(drawn.path, name, grid, MaskRule(label=drawn.label), on_event=hear)


def _tidy(region: Region, params: RegionParams) -> Region:
    """Clean a mask and choose among its pieces, where the study asks for it."""
    if params.smallest_ml or params.fill_holes:
        region = cleaned(region, smallest_ml=params.smallest_ml, fill_holes=params.fill_holes)
    return chosen_lesions(region, params.lesions)


def _shape(region: Region, params: RegionParams, regions: Mapping[str, Region]) -> Region:
    """Erode, dilate or ring, then take away and keep inside."""
    inside = regions[params.inside] if params.inside else None
    if params.erode_mm is not None:
        region = erode(region, params.erode_mm)
    if params.dilate_mm is not None:
        region = dilate(region, params.dilate_mm)
    if params.ring_mm is not None:
        region = ring(region, params.ring_mm)
    if params.minus is not None:
        region = minus(region, regions[params.minus])
    return region if inside is None else common(region, inside)

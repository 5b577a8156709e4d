# SPDX-License-Identifier: Apache-2.0
"""Images, regions and maps of one case, as the viewer asks for them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import Response

from hepacast.serve.web.overlays import overlays_of, read_overlay
from hepacast.serve.web.scans import (
    WINDOWS,
    Look,
    colour,
    default_window,
    is_hounsfield,
    nifti_bytes,
    region_numbers,
    slice_png,
)

if TYPE_CHECKING:
    from hepacast.core.volume import Region, Volume
    from hepacast.run.cases.load import Loaded
    from hepacast.serve.web.overlays import Overlay
    from hepacast.serve.web.site import Site

_OBLIQUE = 0.7
"""Columns that run less than this along left and right bear no marks."""
_NIFTI = "application/octet-stream"
_Share = Annotated[float, Query(ge=0, le=1)]


def router(site: Site) -> APIRouter:
    """Give the routes of the viewer."""
    routes = APIRouter()

    @routes.get("/case/{key}/scans.json")
    def scans(key: str) -> dict[str, Any]:
        return describe(_loaded(site, key), _overlays(site, key), f"/case/{key}")

    @routes.get("/case/{key}/image/{phase}.nii")
    def image(key: str, phase: int) -> Response:
        volume, _ = _at(_loaded(site, key), phase)
        return Response(nifti_bytes(volume), media_type=_NIFTI)

    @routes.get("/case/{key}/region/{phase}/{region}.nii")
    def region(key: str, phase: int, region: int) -> Response:
        _, regions = _at(_loaded(site, key), phase)
        if not 0 <= region < len(regions):
            raise HTTPException(404, "no such region")
        return Response(nifti_bytes(regions[region]), media_type=_NIFTI)

    @routes.get("/case/{key}/map/{at}.nii")
    def overlay(key: str, at: int) -> Response:
        volume, _ = _overlay(site, key, at)
        return Response(nifti_bytes(volume), media_type=_NIFTI)

    @routes.get("/case/{key}/slice/{phase}/{k}.png")
    def plain(  # noqa: PLR0913, PLR0917 - one per control of the viewer
        key: str,
        phase: int,
        k: int,
        low: float,
        high: float,
        regions: str = "",
        opacity: _Share = 0.4,
        overlay: int = -1,
        strength: _Share = 0.6,
    ) -> Response:
        loaded = _loaded(site, key)
        volume, drawn = _at(loaded, phase)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise HTTPException(422, "the window runs from its lower to its upper end")
        wanted = {int(one) for one in regions.split(",") if one.isdecimal()}
        numbers = region_numbers(loaded)
        over = tuple((one, numbers[one.name]) for at, one in enumerate(drawn) if at in wanted)
        laid, ends = (None, (0.0, 1.0)) if overlay < 0 else _overlay(site, key, overlay)
        look = Look((low, high), over, opacity, laid, ends, strength)
        return Response(slice_png(volume, k, look), media_type="image/png")

    return routes


def describe(loaded: Loaded, overlays: list[Overlay], base: str) -> dict[str, Any]:
    """Say all that the viewer must know of a case.

    Parameters
    ----------
    loaded : Loaded
        Its images and regions.
    overlays : list of Overlay
        Its maps.
    base : str
        Address of the case.
    """
    numbers = region_numbers(loaded)
    first = next(iter(loaded.images.values()), None)
    ends = [read_overlay(one)[1] for one in overlays]
    return {
        "windows": [[name, *both] for name, both in WINDOWS.items()],
        "hounsfield": first is not None and is_hounsfield(first),
        "regions": [{"name": name, "colour": colour(at)} for name, at in numbers.items()],
        "maps": [
            {"name": one.name, "caption": one.caption, "url": f"{base}/map/{at}.nii",
             "low": ends[at][0], "high": ends[at][1]}
            for at, one in enumerate(overlays)
        ],
        "phases": [_phase(loaded, at, base) for at in range(len(loaded.images))],
    }  # fmt: skip


def _phase(loaded: Loaded, at: int, base: str) -> dict[str, Any]:
    """Describe one phase; ``bottom`` and ``step`` are z of its first slice, and of one more."""
    image, regions = _at(loaded, at)
    low, high = default_window(image)
    smallest = min(regions, key=lambda one: one.size or math.inf, default=None)
    k = int(smallest.mask.sum(axis=(1, 2)).argmax()) if smallest else image.grid.shape[0] // 2
    bottom, above = (float(image.grid.to_world((n, 0, 0))[2]) for n in (0, 1))
    return {
        "name": list(loaded.images)[at],
        "image": f"{base}/image/{at}.nii",
        "slice": f"{base}/slice/{at}/",
        "low": low,
        "high": high,
        "shape": list(image.grid.shape),
        "k": k,
        "bottom": bottom,
        "step": above - bottom,
        "centre": _centre(smallest, k),
        "marks": abs(image.grid.axes[2][0]) > _OBLIQUE,
        "regions": [
            {"name": one.name, "url": f"{base}/region/{at}/{n}.nii"}
            for n, one in enumerate(regions)
        ],
    }


def _centre(region: Region | None, k: int) -> list[float] | None:
    """Return the middle of a region's slice in mm, right-anterior-superior positive."""
    if region is None or not region.mask[k].any():
        return None
    j, i = (float(axis.mean()) for axis in region.mask[k].nonzero())
    x, y, z = region.grid.to_world((float(k), j, i)).tolist()
    # The viewer counts towards right and front, we towards left and back.
    return [-x, -y, z]


def _loaded(site: Site, key: str) -> Loaded:
    """Return the images of a case."""
    name = site.case(key)
    if site.scans is None or name not in site.scans.tasks:
        raise HTTPException(404, "images are shown when the study file is given")
    return site.scans.load(name)


def _at(loaded: Loaded, phase: int) -> tuple[Volume, list[Region]]:
    """Return the n-th phase and its regions."""
    names = list(loaded.images)
    if not 0 <= phase < len(names):
        raise HTTPException(404, "no such phase")
    return loaded.images[names[phase]], list(loaded.regions.get(names[phase], {}).values())


def _overlays(site: Site, key: str) -> list[Overlay]:
    """List the maps of a case."""
    return overlays_of(site.results.folder, site.case(key))


def _overlay(site: Site, key: str, at: int) -> tuple[Volume, tuple[float, float]]:
    """Read the n-th map of a case."""
    found = _overlays(site, key)
    if not 0 <= at < len(found):
        raise HTTPException(404, "no such map")
    return read_overlay(found[at])

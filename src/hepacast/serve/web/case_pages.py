# SPDX-License-Identifier: Apache-2.0
"""The page of one patient: facts, forecasts, pictures, and the images themselves."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

from hepacast.report.sections.case import forecasts
from hepacast.run.pictures import CAPTIONS
from hepacast.serve.web.scans import WINDOWS, colour, default_window, nifti_bytes, slice_png

if TYPE_CHECKING:
    from hepacast.core.volume import Region, Volume
    from hepacast.run.load import Loaded
    from hepacast.serve.web.app import Site
    from hepacast.serve.web.cohort import CohortRow

_KEY = re.compile(r"[0-9a-f]{16}")
_OBLIQUE = 0.7
"""Columns that run less than this along left and right bear no marks."""


def router(site: Site) -> APIRouter:
    """Give the routes of a case."""
    routes = APIRouter()

    @routes.get("/case/{key}")
    def case(key: str) -> Response:
        name = _known(site, key)
        content = site.results.content
        record = site.results.record(name)
        facts = next((f for f in content.case_facts if f.case == name), None) if content else None
        pictures = [] if record is None else sorted(record.pictures, key=_rank)
        outcomes = content.outcomes if content else ()
        sheets = [(one.heading, forecasts(one, name)) for one in outcomes]
        return site.page(
            "case.html",
            active="cohort",
            key=key,
            row=_row(site, name),
            facts=facts,
            sheets=[(heading, sheet) for heading, sheet in sheets if sheet.rows],
            pictures=[(one, CAPTIONS.get(one, "")) for one in pictures],
            failures=[f for f in content.failures if f.case == name] if content else [],
            viewer=site.scans is not None and name in site.scans.tasks,
        )

    @routes.get("/case/{key}/picture/{picture}.png")
    def picture(key: str, picture: str) -> Response:
        record = site.results.record(_known(site, key))
        if record is None or picture not in record.pictures:
            raise HTTPException(404, "no such picture")
        return Response(record.pictures[picture], media_type="image/png")

    @routes.get("/case/{key}/scans.json")
    def scans(key: str) -> dict[str, Any]:
        loaded = _loaded(site, key)
        return {
            "windows": [[name, *ends] for name, ends in WINDOWS.items()],
            "phases": [_phase(loaded, at, f"/case/{key}") for at in range(len(loaded.images))],
        }

    @routes.get("/case/{key}/image/{phase}.nii")
    def image(key: str, phase: int) -> Response:
        volume, _ = _at(_loaded(site, key), phase)
        return Response(nifti_bytes(volume), media_type="application/octet-stream")

    @routes.get("/case/{key}/region/{phase}/{region}.nii")
    def region(key: str, phase: int, region: int) -> Response:
        _, regions = _at(_loaded(site, key), phase)
        if not 0 <= region < len(regions):
            raise HTTPException(404, "no such region")
        return Response(nifti_bytes(regions[region]), media_type="application/octet-stream")

    @routes.get("/case/{key}/slice/{phase}/{k}.png")
    def plain(
        key: str, phase: int, k: int, low: float, high: float, regions: str = "",
        opacity: float = 0.4,
    ) -> Response:  # fmt: skip
        volume, drawn = _at(_loaded(site, key), phase)
        wanted = {int(one) for one in regions.split(",") if one.isdecimal()}
        if not (math.isfinite(low) and math.isfinite(high) and low < high and 0 <= opacity <= 1):
            raise HTTPException(422, "the window runs from its lower to its upper end")
        over = [(at, one) for at, one in enumerate(drawn) if at in wanted]
        png = slice_png(volume, over, k, (low, high), opacity)
        return Response(png, media_type="image/png")

    return routes


def _known(site: Site, key: str) -> str:
    """Return the case of an address, or say that there is none."""
    name = site.results.case_of(key) if _KEY.fullmatch(key) else None
    if name is None:
        raise HTTPException(404, "no such case")
    return name


def _row(site: Site, case: str) -> CohortRow:
    """Return a case's line of the table."""
    return next(one for one in site.results.rows if one.case == case)


def _loaded(site: Site, key: str) -> Loaded:
    """Return the images of a case."""
    name = _known(site, key)
    if site.scans is None or name not in site.scans.tasks:
        raise HTTPException(404, "images are shown when the study file is given")
    return site.scans.load(name)


def _at(loaded: Loaded, phase: int) -> tuple[Volume, list[Region]]:
    """Return the n-th phase and its regions."""
    names = list(loaded.images)
    if not 0 <= phase < len(names):
        raise HTTPException(404, "no such phase")
    return loaded.images[names[phase]], list(loaded.regions.get(names[phase], {}).values())


def _phase(loaded: Loaded, at: int, base: str) -> dict[str, Any]:
    """Say all that the viewer must know of one phase."""
    image, regions = _at(loaded, at)
    low, high = default_window(image)
    smallest = min(regions, key=lambda one: one.size or math.inf, default=None)
    k = int(smallest.mask.sum(axis=(1, 2)).argmax()) if smallest else image.grid.shape[0] // 2
    return {
        "name": list(loaded.images)[at],
        "image": f"{base}/image/{at}.nii",
        "slice": f"{base}/slice/{at}/",
        "low": low,
        "high": high,
        "shape": list(image.grid.shape),
        "k": k,
        "centre": _centre(smallest, k),
        "marks": abs(image.grid.axes[2][0]) > _OBLIQUE,
        "regions": [
            {"name": one.name, "url": f"{base}/region/{at}/{n}.nii", "colour": list(colour(n))}
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


def _rank(name: str) -> int:
    """Put pictures in the order in which a case is worked on."""
    return list(CAPTIONS).index(name) if name in CAPTIONS else len(CAPTIONS)

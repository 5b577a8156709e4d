# SPDX-License-Identifier: Apache-2.0
"""One case at a time: images and masks in, features and a picture out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError, TableError
from hepacast.core.events import Event, Noticed, ignore
from hepacast.io.images import read_image, read_region
from hepacast.io.voxels import MaskRule
from hepacast.radiomics import extract_case
from hepacast.regions.shells import common, dilate, erode, minus, ring
from hepacast.run.pictures import draw_regions
from hepacast.run.record import CaseRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.core.table import FeatureName
    from hepacast.core.volume import Region, Volume
    from hepacast.run.case_settings import RegionParams
    from hepacast.run.gather import ImageRow, Materials
    from hepacast.run.study import RadiomicsParams

VERSION = 2
"""Raised whenever a record made earlier must not be used any more."""


@dataclass(frozen=True, slots=True)
class CaseTask:
    """All that is needed to measure one case, anywhere.

    Parameters
    ----------
    case : str
        Case id.
    rows : tuple of ImageRow
        Its images and masks.
    regions, blocks : mapping
        Settings by name.
    phases : tuple of str
        All phases of the study.
    folder : Path
        Folder of the results, on a disk that every worker sees.
    rehash : bool
        Read every file again instead of trusting its size and time.
    retry : bool
        Try again what failed in an earlier run.
    """

    case: str
    rows: tuple[ImageRow, ...]
    regions: Mapping[str, RegionParams]
    blocks: Mapping[str, RadiomicsParams]
    phases: tuple[str, ...]
    folder: Path
    rehash: bool = False
    retry: bool = False


def plan_cases(
    materials: Materials, folder: Path, *, rehash: bool = False, retry: bool = False
) -> list[CaseTask]:
    """Lay out one task per case that has a clinical row; the first reader is measured."""
    study = materials.study
    known = set(materials.clinical.cases)
    by_case: dict[str, list[ImageRow]] = {}
    for row in materials.first_reading:
        if row.case in known:
            by_case.setdefault(row.case, []).append(row)
    phases = tuple(dict.fromkeys(row.phase for row in materials.first_reading))
    return [
        CaseTask(
            case=case,
            rows=tuple(rows),
            regions=study.regions,
            blocks=materials.measured,
            phases=phases,
            folder=folder,
            rehash=rehash,
            retry=retry,
        )
        for case, rows in by_case.items()
    ]


def measure(task: CaseTask, key: str) -> CaseRecord:
    """Read the images of one case, build its regions and extract, phase by phase.

    Raises
    ------
    HepacastError
        Naming phase, region and file; :mod:`hepacast.run.cases` adds the case.
    """
    features: dict[str, dict[FeatureName, float]] = {name: {} for name in task.blocks}
    reasons: dict[str, str] = {}
    notices: list[tuple[str, str]] = []
    shown: dict[str, tuple[Volume, dict[str, Region]]] = {}

    def hear(event: Event) -> None:
        if isinstance(event, Noticed):
            notices.append((f"case {task.case} {event.where}", event.text))

    for row in task.rows:
        try:
            volume = read_image(row.image, on_event=hear)
            regions = build_regions(row, volume, task.regions, on_event=hear)
        except HepacastError as error:
            raise error.at(phase=row.phase) from None
        shown[row.phase] = volume, regions
        for name, block in task.blocks.items():
            if block.phases == "all" or row.phase in block.phases:
                wanted = regions if block.regions == "all" else _pick(regions, block.regions)
                found = extract_case({row.phase: volume}, wanted, block.params)
                features[name].update(found.values)
                reasons.update({str(n): str(r) for n, r in found.reasons.items()})
    picture = draw_regions(task.case, shown)
    return CaseRecord(task.case, key, features, reasons, tuple(notices), picture)


def _pick(regions: dict[str, Region], names: tuple[str, ...]) -> dict[str, Region]:
    """Choose the regions that a block measures."""
    return {name: regions[name] for name in names}


def build_regions(
    row: ImageRow,
    volume: Volume,
    wanted: Mapping[str, RegionParams],
    *,
    on_event: Listener = ignore,
) -> dict[str, Region]:
    """Read the masks of one image and make all regions of the study from them."""
    regions: dict[str, Region] = {}
    for name, params in wanted.items():
        try:
            if params.mask is not None:
                if params.mask not in row.masks:
                    raise TableError(
                        what=f"phase {row.phase!r} needs a mask {params.mask!r}",
                        got="an empty cell in the case table",
                        fix="Give the mask's path, or leave the phase out of the table.",
                    )
                drawn = row.masks[params.mask]
                rule = MaskRule(label=drawn.label)
                region = read_region(drawn.path, name, volume.grid, rule, on_event=on_event)
            else:
                region = regions[params.from_ or ""].named(name)
            regions[name] = _shape(region, params, regions)
        except HepacastError as error:
            raise error.at(region=name) from None
    return regions


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

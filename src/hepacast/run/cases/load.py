# SPDX-License-Identifier: Apache-2.0
"""All images, masks and regions of one case, checked alone and against one another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import EmptyRegionError, GeometryError, HepacastError
from hepacast.core.events import Event, Noticed, ignore
from hepacast.imaging.phases import remark_source
from hepacast.io.images import is_dicom, read_image
from hepacast.regions.inspect import inspect_region, require_distinct, require_unflipped
from hepacast.run.cases.build import build_regions, read_mask
from hepacast.run.cases.phases import remark_enhancement, remark_header
from hepacast.run.parts.align import align
from hepacast.run.parts.film import is_film, read_film
from hepacast.run.settings.case import VESSELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hepacast.core.events import Listener
    from hepacast.core.volume import Region, Volume
    from hepacast.run.cases.task import CaseTask
    from hepacast.run.parts.align import Aligned
    from hepacast.run.parts.film import Film
    from hepacast.run.parts.rows import ImageRow


@dataclass(slots=True, eq=False)
class Loaded:
    """A case as it is measured.

    Parameters
    ----------
    images : dict of phase to Volume
    regions : dict of phase to dict of name to Region
        On the grid of their image; those that were left out are absent.
    aligned : dict of phase to Aligned
        Phases that were moved.
    films : dict of phase to Film
        Phases that are frames of a clip.
    left_out : list of HepacastError
        Regions that cannot be measured, where others of the case can.
    """

    images: dict[str, Volume] = field(default_factory=dict)
    regions: dict[str, dict[str, Region]] = field(default_factory=dict)
    aligned: dict[str, Aligned] = field(default_factory=dict)
    films: dict[str, Film] = field(default_factory=dict)
    left_out: list[HepacastError] = field(default_factory=list)


def load_case(task: CaseTask, *, register: bool = True, on_event: Listener = ignore) -> Loaded:
    """Read all images and masks of one case, and refuse what cannot be.

    Parameters
    ----------
    task : CaseTask
        The case and the settings of the study.
    register : bool
        Move the phases onto one, if the study asks for it; a mere check leaves that out.
    on_event : callable
        Told of repairs and remarks, with the phase (and mask) as their place.

    Raises
    ------
    HepacastError
        Naming phase, region and file, if the case cannot be measured.
    """
    case = Loaded()
    organs: dict[str, Region] = {}
    vessels: dict[str, tuple[Region, Region]] = {}
    for row in task.rows:
        hear = _placed(row.phase, on_event)
        try:
            _read(case, row, task, hear)
            if _has_own_regions(row, task):
                _draw(case, row, task, organs, hear)
                vessels |= _vessels(case.images[row.phase], row)
                _compare_readers(case, row, task, hear)
        except HepacastError as error:
            raise error.at(phase=row.phase) from None
    for remark in remark_enhancement(case.images, organs, vessels, task.cases):
        on_event(Noticed("phases", remark))
    _remark_shared_masks(task, on_event)
    if register and task.cases.register_ is not None:
        _align(case, task, organs, on_event)
    return case


def read_row(row: ImageRow, task: CaseTask, *, on_event: Listener = ignore) -> Volume:
    """Read the image of one row, and compare its header with the declared phase."""
    if not is_dicom(row.image):
        return read_image(row.image, row.options, on_event=on_event)
    from hepacast.io.dicom.series import find_series, load_series  # noqa: PLC0415 - loads slowly

    try:
        series = find_series(row.image, row.options, on_event=on_event)
        volume = load_series(series, row.options, on_event=on_event)
    except HepacastError as error:
        error.at(file=row.image)
        raise
    for remark in remark_header(row.phase, series, task.cases):
        on_event(Noticed("header", remark))
    return volume


def _placed(phase: str, on_event: Listener) -> Listener:
    """Name the phase, and never a file or a series: their names may be a patient's."""

    def hear(event: Event) -> None:
        if isinstance(event, Noticed):
            on_event(Noticed(phase, event.text))
        else:
            on_event(event)

    return hear


def _read(case: Loaded, row: ImageRow, task: CaseTask, on_event: Listener) -> None:
    """Read one image, or the peak frame of a clip."""
    if is_film(row.image):
        film = read_film(row, task.cases.film, on_event=on_event)
        case.films[row.phase], case.images[row.phase] = film, film.image
    else:
        case.images[row.phase] = read_row(row, task, on_event=on_event)


def _has_own_regions(row: ImageRow, task: CaseTask) -> bool:
    """Tell whether a row's own masks are used: not where its phase is moved onto another."""
    return task.cases.register_ is None or row.phase == task.cases.register_.to


def _draw(
    case: Loaded, row: ImageRow, task: CaseTask, organs: dict[str, Region], on_event: Listener
) -> None:
    """Read and inspect the masks of one image, and make its regions from them."""
    image = case.images[row.phase]
    names = dict.fromkeys(p.mask for p in task.regions.values() if p.mask is not None)
    masks: dict[str, Region] = {}
    for name in names:
        try:
            masks[name] = read_mask(row, name, image.grid, on_event=on_event)
        except HepacastError as error:
            raise error.at(region=name) from None
    organ = _organ(row, image, masks, task)
    if organ is not None:
        organs[row.phase] = organ
        if row.phase not in case.films and image.grid.shape[0] > 1:
            require_unflipped(image, organ)
    refused = _inspect(image, masks, organ, task, on_event)
    usable = {name: mask for name, mask in masks.items() if name not in refused}
    case.left_out += [error.at(phase=row.phase) for error in refused.values()]
    regions = build_regions(row, image, task.regions, masks=usable, on_event=on_event)
    if not regions:
        raise next(iter(refused.values()), _nothing_left())
    case.regions[row.phase] = regions


def _nothing_left() -> EmptyRegionError:
    return EmptyRegionError(
        what="a case needs a region with a voxel",
        got="none: every one is empty",
        fix="Check regions in the study file against the size of this lesion.",
    )


def _organ(
    row: ImageRow, image: Volume, masks: Mapping[str, Region], task: CaseTask
) -> Region | None:
    """Return the organ that lesions lie in: a mask of the study, or read for this."""
    name = task.cases.organ_mask
    if name is None or name not in row.masks:
        return None
    return masks[name] if name in masks else read_mask(row, name, image.grid)


def _inspect(
    image: Volume,
    masks: Mapping[str, Region],
    organ: Region | None,
    task: CaseTask,
    on_event: Listener,
) -> dict[str, EmptyRegionError]:
    """Check every mask; those too small to measure are returned, others go on."""
    cases, refused = task.cases, {}
    for name, mask in masks.items():
        rules, within = cases.inspect, organ
        if name == cases.organ_mask:
            # Organs are often cut by the scan; only a lesion that is cut spoils the case.
            rules, within = rules.model_copy(update={"may_touch_end": True}), None
            if mask.mask[[0, -1]].any() and len(mask.mask) > 1:
                on_event(Noticed(name, f"{name} reaches the end of the scan"))
        elif name in (*cases.elsewhere, *VESSELS):
            within = None
        try:
            remarks = inspect_region(mask, image=image, organ=within, rules=rules)
        except EmptyRegionError as error:
            refused[name] = error
            continue
        for remark in remarks:
            on_event(Noticed(name, remark))
    return refused


def _vessels(image: Volume, row: ImageRow) -> dict[str, tuple[Region, Region]]:
    """Read aorta and portal vein, where both are drawn."""
    if not all(name in row.masks for name in VESSELS):
        return {}
    aorta, portal = (read_mask(row, name, image.grid) for name in VESSELS)
    return {row.phase: (aorta, portal)}


def _compare_readers(case: Loaded, row: ImageRow, task: CaseTask, on_event: Listener) -> None:
    """Remark on lesions that two readers drew alike to the voxel."""
    cases = task.cases
    apart = {cases.organ_mask, *cases.elsewhere, *VESSELS}
    lesions = {p.mask for p in task.regions.values() if p.mask} - apart
    for other in task.others:
        if other.phase != row.phase:
            continue
        for name in sorted(lesions & set(other.masks) & set(row.masks)):
            grid = case.images[row.phase].grid
            try:
                second = read_mask(other, name, grid).named(f"{name} of reader {other.reader}")
                first = read_mask(row, name, grid).named(f"{name} of reader {row.reader}")
                require_distinct(first, second)
            except GeometryError as error:
                on_event(Noticed(name, f"reader {other.reader}: {error}"))
            except HepacastError as error:
                error.where.pop("file", None)
                on_event(Noticed(name, f"reader {other.reader} cannot be compared: {error}"))


def _remark_shared_masks(task: CaseTask, on_event: Listener) -> None:
    """Remark on one mask file that serves several phases."""
    if task.cases.register_ is not None:
        return
    drawn: dict[object, str] = {}
    for row in task.rows:
        for name, mask in row.masks.items():
            first = drawn.setdefault((mask.path, mask.label, name), row.phase)
            for remark in remark_source(first, row.phase):
                on_event(Noticed(row.phase, f"{name}: {remark}"))


def _align(case: Loaded, task: CaseTask, organs: Mapping[str, Region], on_event: Listener) -> None:
    """Move all phases onto one; its regions serve all."""
    params = task.cases.register_
    if params is None or len(case.images) < 2:
        return
    fixed = case.regions.get(params.to, {})
    around = organs.get(params.to)
    if params.around is not None:
        around = fixed[params.around]
    # The organ may reach the end of a scan; only what is measured must be covered.
    measured = {name: fixed[name] for name in _measured(task) if name in fixed}
    case.aligned = align(case.images, measured, around, params, on_event=on_event)
    for phase, one in case.aligned.items():
        case.images[phase], case.regions[phase] = one.after, fixed
        on_event(Noticed(phase, f"moved onto {params.to} by {one.describe()}"))
    _remark_unused_masks(task.rows, params.to, on_event)


def _measured(task: CaseTask) -> list[str]:
    """Name the regions that some block measures."""
    blocks = [task.regions if b.regions == "all" else b.regions for b in task.blocks.values()]
    return list(dict.fromkeys(name for names in blocks for name in names))


def _remark_unused_masks(rows: Iterable[ImageRow], to: str, on_event: Listener) -> None:
    """Say that the masks of moved phases are not used, where they are others."""
    by_phase = {row.phase: row.masks for row in rows}
    for phase, masks in by_phase.items():
        if phase != to and any(by_phase[to].get(name) != mask for name, mask in masks.items()):
            on_event(Noticed(phase, f"its own masks are not used: those of {to} are"))


def region_facts(case: Loaded) -> list[tuple[str, str, int, float, float, float, float]]:
    """Describe every region: phase, name, voxels, mL, mean, 5th and 95th percentile."""
    found = []
    for phase in case.images:
        for name, region in case.regions[phase].items():
            if not region.size:
                continue
            values = case.images[phase].data[region.mask]
            low, high = np.percentile(values, (5, 95)).tolist()
            mean = float(values.mean(dtype=np.float64))
            found.append((phase, name, region.size, region.volume_ml, mean, low, high))
    return found

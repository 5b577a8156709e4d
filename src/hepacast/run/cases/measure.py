# SPDX-License-Identifier: Apache-2.0
"""One case at a time: images and masks in, features and a picture out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hepacast.core.errors import StudyError
from hepacast.core.events import Event, Noticed
from hepacast.core.table import NONE, FeatureName
from hepacast.radiomics import extract_case
from hepacast.radiomics.delta import delta
from hepacast.run.cases.embed import cut_case, cut_masks, embed_case, keep_crops, resolve_weights
from hepacast.run.cases.load import load_case, region_facts
from hepacast.run.cases.pictures import draw_case
from hepacast.run.cases.record import CaseRecord
from hepacast.run.cases.shuffle import extract_shuffled
from hepacast.run.cases.task import CaseTask
from hepacast.run.parts.deep_settings import CropsParams, EmbeddingParams
from hepacast.run.parts.film import is_film, perfusion_features
from hepacast.run.parts.semantic_settings import SemanticBlockParams
from hepacast.run.settings.case import VESSELS
from hepacast.run.settings.study import RadiomicsParams
from hepacast.run.work.ledger import failure_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.core.volume import Region
    from hepacast.radiomics.delta import DeltaParams
    from hepacast.run.cases.load import Loaded
    from hepacast.run.gather import Materials
    from hepacast.run.parts.align import AlignParams
    from hepacast.run.parts.film import Film
    from hepacast.run.parts.rows import ImageRow
    from hepacast.run.settings.case import RegionParams
    from hepacast.run.settings.study import MeasuredParams

VERSION = 3
"""Raised whenever a record made earlier must not be used any more."""


def plan_cases(
    materials: Materials, folder: Path, *, rehash: bool = False, retry: bool = False
) -> list[CaseTask]:
    """Lay out one task per case that has a clinical row; the first reader is measured."""
    study = materials.study
    if study.cases is None:
        return []
    known = set(materials.clinical.cases)
    by_case: dict[str, list[ImageRow]] = {}
    others: dict[str, list[ImageRow]] = {}
    first = {id(row) for row in materials.first_reading}
    for row in materials.images:
        if row.case in known:
            (by_case if id(row) in first else others).setdefault(row.case, []).append(row)
    phases = tuple(dict.fromkeys(row.phase for row in materials.first_reading))
    if study.cases.register_ is not None:
        _require_known(study.cases.register_, phases, study.regions)
    blocks = resolved_blocks(materials)
    return [
        CaseTask(
            case=case,
            rows=tuple(rows),
            regions=study.regions,
            blocks=blocks,
            phases=phases,
            folder=folder,
            cases=study.cases,
            others=tuple(others.get(case, ())),
            rehash=rehash,
            retry=retry,
        )
        for case, rows in by_case.items()
    ]


def resolved_blocks(materials: Materials) -> dict[str, MeasuredParams]:
    """Return the blocks that are measured, with the weights of networks found."""
    return dict(resolve_weights(materials.measured, materials.folder))


def _require_known(
    params: AlignParams, phases: tuple[str, ...], regions: Mapping[str, RegionParams]
) -> None:
    """Refuse a registration to a phase, or around a region, that is not there."""
    for setting, name, known in (
        ("to", params.to, phases),
        ("around", params.around, tuple(regions)),
    ):
        if name is not None and name not in known:
            raise StudyError(
                what=f"cases.register.{setting} must name what the study has",
                got=f"{name!r}, where there are {', '.join(map(repr, known))}",
                fix="Name it letter by letter.",
            )


def settings_of(task: CaseTask) -> dict[str, Any]:
    """List, as plain values, all settings that a record of this case depends on."""
    cases = task.cases.model_dump(
        mode="json",
        by_alias=True,
        include={"organ", "elsewhere", "inspect", "contrast", "register_", "film", "read"},
    )
    return {
        "regions": {n: r.model_dump(mode="json") for n, r in task.regions.items()},
        "blocks": {n: b.model_dump(mode="json") for n, b in task.blocks.items()},
        "phases": list(task.phases),
        "cases": cases,
        "frames": [row.frame for row in task.rows],
        **({"shuffle": True} if task.shuffle else {}),
    }


def masks_of(task: CaseTask, row: ImageRow) -> list[str]:
    """Name the masks of a row that its case is measured with."""
    cases = task.cases
    if cases.register_ is not None and row.phase != cases.register_.to:
        return []
    used = {region.mask for region in task.regions.values()} | {cases.organ_mask, *VESSELS}
    if is_film(row.image):
        used.add(cases.film.lesion)
    return sorted(name for name in row.masks if name in used)


def measure(task: CaseTask, key: str) -> CaseRecord:
    """Read the images of one case, build its regions and extract, phase by phase.

    Raises
    ------
    HepacastError
        Naming phase, region and file; :mod:`hepacast.run.cases.many` adds the case.
    """
    features: dict[str, dict[FeatureName, float]] = {name: {} for name in task.blocks}
    reasons: dict[str, str] = {}
    notices: list[tuple[str, str]] = []

    def hear(event: Event) -> None:
        if isinstance(event, Noticed):
            notices.append((f"case {task.case} {event.where}", event.text))

    case = load_case(task, on_event=hear)
    for name, block in task.blocks.items():
        if isinstance(block, RadiomicsParams):
            features[name] = _measured(case, block, task, reasons)
    features |= _seen(case, task, key, hear)
    return CaseRecord(
        case=task.case,
        key=key,
        features=features,
        reasons=reasons,
        notices=tuple(notices),
        pictures=draw_case(task.case, case),
        facts=tuple(region_facts(case)),
        left_out=tuple(failure_of(error.at(case=task.case)) for error in case.left_out),
    )


def _measured(
    case: Loaded, block: RadiomicsParams, task: CaseTask, reasons: dict[str, str]
) -> dict[FeatureName, float]:
    """Measure the phases and regions of a block, and their changes; note why values are missing."""
    found: dict[FeatureName, float] = {}
    for phase, volume in case.images.items():
        if block.phases != "all" and phase not in block.phases:
            continue
        regions = _wanted(case.regions[phase], block)
        if task.shuffle:
            values, why = extract_shuffled(task.case, phase, volume, regions, block.params)
            found.update(values)
            reasons.update(why)
            continue
        extracted = extract_case({phase: volume}, regions, block.params)
        found.update(extracted.values)
        reasons.update({str(n): str(r) for n, r in extracted.reasons.items()})
        if phase in case.films and task.cases.film.perfusion:
            found.update(_perfusion(phase, case.films[phase], task))
    return found | _changes(found, block.delta, tuple(case.images))


def _seen(
    case: Loaded, task: CaseTask, key: str, on_event: Listener
) -> dict[str, dict[FeatureName, float]]:
    """Show the case to frozen networks, and keep pictures for those that will be trained."""
    found = {}
    for name, block in task.blocks.items():
        if isinstance(block, EmbeddingParams):
            found[name] = embed_case(case, block, on_event=on_event)
        elif isinstance(block, CropsParams):
            keep_crops(task.folder, key, name, cut_case(case, block, task.phases))
        elif isinstance(block, SemanticBlockParams):
            masks = cut_masks(case, block.crops, task.phases)
            keep_crops(task.folder, key, name, cut_case(case, block.crops, task.phases), masks)
    return found


def _wanted(regions: dict[str, Region], block: RadiomicsParams) -> dict[str, Region]:
    """Choose the regions that a block measures; one that was left out has no columns."""
    if block.regions == "all":
        return regions
    return {name: regions[name] for name in block.regions if name in regions}


def _changes(
    values: Mapping[FeatureName, float], wanted: tuple[DeltaParams, ...], phases: tuple[str, ...]
) -> dict[FeatureName, float]:
    """Find the changes between phases that the case has; the others stay missing."""
    found: dict[FeatureName, float] = {}
    for params in wanted:
        if params.before in phases and params.after in phases:
            found.update(delta(values, params))
    return found


def _perfusion(phase: str, film: Film, task: CaseTask) -> dict[FeatureName, float]:
    """Name what the time-intensity curve of a clip says as features of its lesion."""
    lesion = task.cases.film.lesion
    return {
        FeatureName(phase, lesion, NONE, "perfusion", name): value
        for name, value in perfusion_features(film).items()
    }

# SPDX-License-Identifier: Apache-2.0
"""One case at a time: images and masks in, features and a picture out, kept on disk."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hepacast.core.errors import HepacastError, ImageFileError, TableError
from hepacast.core.events import Advanced, Event, Failed, Noticed, Started, ignore
from hepacast.core.provenance import content_key, digest_bytes
from hepacast.core.table import FeatureName
from hepacast.io.images import read_image, read_region
from hepacast.io.store import write_atomic
from hepacast.io.voxels import MaskRule
from hepacast.radiomics import extract_case
from hepacast.regions.shells import common, dilate, erode, minus, ring
from hepacast.run.pictures import draw_regions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.core.volume import Region, Volume
    from hepacast.run.execute import Executor
    from hepacast.run.gather import ImageRow, Materials
    from hepacast.run.study import RadiomicsParams, RegionParams

VERSION = 1
"""Raised whenever a record made earlier must not be used any more."""


@dataclass(frozen=True, slots=True)
class CaseTask:
    """All that is needed to measure one case, anywhere."""

    case: str
    rows: tuple[ImageRow, ...]
    regions: Mapping[str, RegionParams]
    blocks: Mapping[str, RadiomicsParams]
    phases: tuple[str, ...]
    record: Path


@dataclass(frozen=True, slots=True, eq=False)
class CaseRecord:
    """What was measured on one case.

    Parameters
    ----------
    case : str
        Case id.
    key : str
        Content key of inputs and settings; an equal key means an equal record.
    features : mapping of block name to mapping of FeatureName to float
        NaN where a feature has no value; ``reasons`` says why.
    reasons : mapping of str to str
        Reason by feature, for those without a value.
    notices : tuple of (str, str)
        What was repaired or flagged.
    picture : bytes
        PNG with the regions outlined.
    """

    case: str
    key: str
    features: Mapping[str, Mapping[FeatureName, float]]
    reasons: Mapping[str, str]
    notices: tuple[tuple[str, str], ...]
    picture: bytes

    def to_json(self) -> str:
        """Write the record; missing values become null."""
        content = {
            "case": self.case,
            "key": self.key,
            "features": {
                block: {str(n): (None if v != v else v) for n, v in values.items()}  # noqa: PLR0124 - NaN
                for block, values in self.features.items()
            },
            "reasons": dict(self.reasons),
            "notices": list(self.notices),
            "picture": base64.b64encode(self.picture).decode("ascii"),
        }
        return json.dumps(content, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> CaseRecord:
        """Read back what :meth:`to_json` wrote."""
        content: dict[str, Any] = json.loads(text)
        return cls(
            case=content["case"],
            key=content["key"],
            features={
                block: {
                    FeatureName.parse(n): float("nan") if v is None else v
                    for n, v in values.items()
                }
                for block, values in content["features"].items()
            },
            reasons=content["reasons"],
            notices=tuple((where, text) for where, text in content["notices"]),
            picture=base64.b64decode(content["picture"]),
        )


def plan_cases(materials: Materials, folder: Path) -> list[CaseTask]:
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
            record=folder / f"{digest_bytes(case.encode())[:16]}.json",
        )
        for case, rows in by_case.items()
    ]


def measure_all(
    tasks: list[CaseTask], executor: Executor, *, on_event: Listener = ignore
) -> tuple[dict[str, CaseRecord], dict[str, HepacastError]]:
    """Measure every case; those that fail are listed and the others go on."""
    on_event(Started("measure cases", len(tasks)))
    records: dict[str, CaseRecord] = {}
    failures: dict[str, HepacastError] = {}
    for at, result in executor.map(measure_case, tasks):
        case = tasks[at].case
        if isinstance(result, HepacastError):
            failures[case] = result
            on_event(Failed("measure", case, result))
        else:
            records[case] = result
            for where, text in result.notices:
                on_event(Noticed(where, text))
        on_event(Advanced("measure cases", case))
    order = [task.case for task in tasks]
    return {case: records[case] for case in order if case in records}, failures


def measure_case(task: CaseTask) -> CaseRecord:
    """Measure one case, or take the record that an earlier run left.

    Raises
    ------
    HepacastError
        Naming the case; nothing is written then.
    """
    try:
        key = _key(task)
        if kept := _kept(task.record, key):
            return kept
        record = _measure(task, key)
    except HepacastError as error:
        raise error.at(case=task.case) from None
    write_atomic(task.record, record.to_json())
    return record


def _key(task: CaseTask) -> str:
    """Name the record by the bytes of all files and by all settings."""
    inputs = {}
    for row in task.rows:
        inputs[f"{row.phase} image"] = _digest(row.image)
        for name, mask in row.masks.items():
            inputs[f"{row.phase} {name} {mask.label}"] = _digest(mask.path)
    settings = {
        "regions": {n: r.model_dump(mode="json") for n, r in task.regions.items()},
        "blocks": {n: b.model_dump(mode="json") for n, b in task.blocks.items()},
        "phases": task.phases,
    }
    return content_key("measure", VERSION, settings, inputs)


def _digest(path: Path) -> str:
    """Digest a file, or all files of a DICOM folder."""
    try:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        parts = [digest_bytes(file.read_bytes()) for file in files if file.is_file()]
    except OSError as error:
        raise ImageFileError(
            what="an image or mask must be a readable file or folder",
            got=error.strerror or str(error),
            fix="Correct the path in the case table.",
        ).at(file=path) from error
    if not path.exists():
        raise ImageFileError(
            what="an image or mask must exist",
            got="nothing at that path",
            fix="Correct the path in the case table.",
        ).at(file=path)
    return parts[0] if len(parts) == 1 else digest_bytes("".join(parts).encode())


def _kept(path: Path, key: str) -> CaseRecord | None:
    """Return the record of an earlier run if it is whole and has the same key."""
    if not path.is_file():
        return None
    try:
        record = CaseRecord.from_json(path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError):
        return None
    return record if record.key == key else None


def _measure(task: CaseTask, key: str) -> CaseRecord:
    """Read, build regions and extract, phase by phase."""
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

# SPDX-License-Identifier: Apache-2.0
"""A folder with one new case: which image is which phase, and which mask belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.core.errors import TableError
from hepacast.core.events import Noticed, ignore
from hepacast.io.images import is_dicom
from hepacast.io.tables import read_table
from hepacast.run.cases.phases import contrast_of, propose_phase
from hepacast.run.gather import image_rows
from hepacast.run.parts.rows import ImageRow, MaskFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.io.dicom.sort import Series
    from hepacast.run.settings.case import CasesParams

TABLE, CLINICAL = "cases.csv", "clinical.csv"
_ENDINGS = (".nii.gz", ".nii", ".nrrd")


def find_rows(
    folder: Path,
    case: str,
    cases: CasesParams,
    phases: Sequence[str],
    *,
    on_event: Listener = ignore,
) -> tuple[ImageRow, ...]:
    """Say which files of a folder are the phases and masks of a case.

    Looked for in this order: a table ``cases.csv`` as in the study; files named
    ``<phase>.nii.gz`` with ``<phase>_<mask>.nii.gz`` or ``<mask>.nii.gz``; DICOM series,
    whose phase is proposed from their headers, with segmentations or structure sets
    whose segment bears the mask's name.

    Parameters
    ----------
    folder : Path
        One case.
    case : str
        Its id.
    cases : CasesParams
        Settings of the study.
    phases : sequence of str
        Names of the phases in the study.
    on_event : callable
        Told what was taken for what.

    Raises
    ------
    TableError
        If nothing there can be told, or two series claim one phase.
    """
    if (folder / TABLE).is_file():
        rows = image_rows(read_table(folder / TABLE), cases, folder)
        return tuple(row for row in rows if row.case == case) or rows
    named = _named_files(folder, case, cases, phases)
    if named:
        return named
    if folder.is_dir() and any(is_dicom(p) for p in folder.rglob("*") if p.is_file()):
        return _series_rows(folder, case, cases, phases, on_event)
    raise TableError(
        what="a case is DICOM, or files named after the phases, or has a table cases.csv",
        got="none of these",
        fix=f"Name the images {', '.join(f'{phase}.nii.gz' for phase in phases)}.",
    ).at(folder=folder.name)


def _named_files(
    folder: Path, case: str, cases: CasesParams, phases: Sequence[str]
) -> tuple[ImageRow, ...]:
    """Find images and masks by their names."""
    rows = []
    for phase in phases:
        image = _file(folder, phase)
        if image is None:
            continue
        masks = {}
        for name, params in cases.masks.items():
            path = _file(folder, f"{phase}_{name}") or _file(folder, name)
            if path is not None:
                masks[name] = MaskFile(
                    path, None if isinstance(params.label, str) else params.label
                )
        rows.append(ImageRow(case, phase, "1", image, masks, cases.read))
    return tuple(rows)


def _file(folder: Path, stem: str) -> Path | None:
    """Find a file of a name, whatever its format."""
    for ending in _ENDINGS:
        if (folder / f"{stem}{ending}").is_file():
            return folder / f"{stem}{ending}"
    return None


def _series_rows(
    folder: Path, case: str, cases: CasesParams, phases: Sequence[str], on_event: Listener
) -> tuple[ImageRow, ...]:
    """Recognise the phases of DICOM series, and find their segments."""
    from hepacast.io.dicom.series import list_series  # noqa: PLC0415 - loads slowly

    series = list_series(folder, on_event=on_event)
    chosen = choose_phases([one for one in series if one.kind == "image"], cases, phases)
    masks = _segments([one for one in series if one.kind == "object"], cases)
    rows = []
    for phase, one in chosen.items():
        on_event(Noticed("phases", f"{phase}: {one.describe()}"))
        part = one.part if one.parts > 1 else None
        options = cases.read.model_copy(update={"series_uid": one.uid, "part": part})
        rows.append(ImageRow(case, phase, "1", folder, masks, options))
    return tuple(rows)


def choose_phases(
    series: Sequence[Series], cases: CasesParams, phases: Sequence[str]
) -> dict[str, Series]:
    """Give every phase of the study the series that shows it.

    Raises
    ------
    TableError
        If two series claim one phase: the user says which with a table ``cases.csv``.
    """
    wanted = {contrast_of(phase, cases): phase for phase in phases}
    found: dict[str, Series] = {}
    only = len(phases) == 1 and len(series) == 1
    for one in series:
        phase = phases[0] if only else wanted.get(propose_phase(one).phase)
        if phase is None:
            continue
        if phase in found:
            raise TableError(
                what=f"one series shows the phase {phase!r}",
                got=f"two: {found[phase].describe()} and {one.describe()}",
                fix=f"Name the right one in a table {TABLE} beside the images.",
            )
        found[phase] = one
    return found


def _segments(objects: Sequence[Series], cases: CasesParams) -> dict[str, MaskFile]:
    """Find the segment of every mask by its name, in SEG and RTSTRUCT files."""
    found = {}
    for one in objects:
        for head in one.slices:
            for name, params in cases.masks.items():
                label = params.label if isinstance(params.label, str) else name
                if label.casefold() in {text.casefold() for text in segment_names(head.file)}:
                    found[name] = MaskFile(head.file, label)
    return found


def segment_names(path: Path) -> tuple[str, ...]:
    """List what a segmentation or structure set calls its segments; nothing for other objects."""
    import pydicom  # noqa: PLC0415 - loads slowly

    from hepacast.io.dicom.seg import list_segments  # noqa: PLC0415 - the same

    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    if "SegmentSequence" in dataset:
        return tuple(one.label for one in list_segments(dataset))
    rois = dataset.get("StructureSetROISequence") or ()
    return tuple(str(roi.ROIName) for roi in rois)

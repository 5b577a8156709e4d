# SPDX-License-Identifier: Apache-2.0
"""Segmentations and structure sets of a folder, as masks beside the images they were drawn on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError
from hepacast.io.converted import DrawnMask
from hepacast.io.dicom.header import open_dicom, quiet
from hepacast.io.dicom.rtstruct import list_structures, read_rtstruct
from hepacast.io.dicom.seg import list_segments, read_seg
from hepacast.io.nifti import read_nifti, write_nifti
from hepacast.io.voxels import MaskRule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pydicom import Dataset

    from hepacast.io.converted import Converted
    from hepacast.io.dicom.seg import Segment
    from hepacast.io.names import Names


def convert_masks(
    found: Sequence[Converted],
    target: Path,
    names: Names,
    fail: Callable[[str, str, HepacastError], None],
) -> tuple[DrawnMask, ...]:
    """Write every segment that was drawn on a converted image.

    Parameters
    ----------
    found : sequence of Converted
        All series of a folder; segmentations and structure sets among them.
    target : Path
        Output folder.
    names : Names
        What a segment may be called.
    fail : callable
        Told of objects that cannot be converted: patient, place, error.
    """
    images = [one for one in found if one.path is not None]
    drawn: list[DrawnMask] = []
    for one in found:
        if one.series.first.modality not in {"SEG", "RTSTRUCT"}:
            continue
        for header in one.series.slices[:1]:
            try:
                dataset = open_dicom(header.file)
                with quiet():
                    wanted = _references(dataset)
                on = next((i for i in images if i.series.uid in wanted), None)
                if on is not None:
                    drawn += _write(header.file, dataset, on, target, names)
            except HepacastError as error:
                fail(names.patient(one.series), one.series.describe(), error)
    return tuple(drawn)


def _references(dataset: Dataset) -> set[str]:
    """Return the series that an object was drawn on."""
    found = {str(i.SeriesInstanceUID) for i in dataset.get("ReferencedSeriesSequence") or []}
    for frame in dataset.get("ReferencedFrameOfReferenceSequence") or []:
        for study in frame.get("RTReferencedStudySequence") or []:
            series = study.get("RTReferencedSeriesSequence") or []
            found |= {str(item.SeriesInstanceUID) for item in series}
    return found


def _write(
    file: Path, dataset: Dataset, on: Converted, target: Path, names: Names
) -> list[DrawnMask]:
    assert on.path is not None  # noqa: S101 - only converted images come here
    contours = str(dataset.get("Modality")) == "RTSTRUCT"
    grid = read_nifti(target / on.path).grid
    drawn = []
    for segment in list_structures(dataset) if contours else list_segments(dataset):
        read = read_rtstruct if contours else read_seg
        region = read(file, "mask", grid, MaskRule(label=segment.number))
        label = _label(segment, names)
        stem = on.path.name.removesuffix(".nii.gz")
        place = on.path.with_name(f"{stem}_mask{segment.number}-{label}.nii.gz")
        write_nifti(region, target / place)
        drawn.append(DrawnMask(on.path, place, label))
    return drawn


def _label(segment: Segment, names: Names) -> str:
    """Make a harmless file name of a label."""
    words = re.sub(r"[^a-z0-9]+", "-", names.words(segment.label).lower()).strip("-")[:30]
    return words or "segment"

# SPDX-License-Identifier: Apache-2.0
"""A folder of DICOM files becomes a list of series, and a series a volume."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import GeometryError, HepacastError, ImageFileError
from hepacast.core.events import Failed, Listener, Noticed, ignore
from hepacast.core.volume import Volume
from hepacast.io.dicom.header import SliceHeader, read_headers
from hepacast.io.dicom.pixels import AIR_HU, Notes, fingerprint, read_frames
from hepacast.io.dicom.sort import Series, sort_series
from hepacast.io.dicom.stack import Stack, assemble, plan_stack
from hepacast.io.options import STRICT, ReadOptions
from hepacast.io.streams import require_size, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hepacast.core.geometry import Grid

Source = Path | str
_UPRIGHT_POSITIONS = {"", "HFS", "FFS"}
_NO_AIR_HU = -200.0


def list_series(
    source: Source | Iterable[Source], *, keep_going: bool = False, on_event: Listener = ignore
) -> tuple[Series, ...]:
    """Sort the DICOM files of a folder into series, phase by phase.

    Parameters
    ----------
    source : path or iterable of paths
        A folder (searched with its subfolders), a file, or files.
    keep_going : bool
        Report a damaged file as :class:`~hepacast.core.events.Failed` and go on;
        the series that it belongs to will miss a slice, and say so.
    on_event : callable
        Told of files that are no DICOM and of every regrouping.

    Returns
    -------
    tuple of Series
        By patient, study and series number; reports and localizers included.

    Raises
    ------
    ImageFileError
        If nothing there is DICOM, or a DICOM file is damaged.
    """
    headers: list[SliceHeader] = []
    folder = isinstance(source, Path | str) and Path(source).is_dir()
    refused: ImageFileError | None = None
    for path in _files(source):
        try:
            headers += read_headers(path)
        except ImageFileError as error:
            refused = error
            if folder and error.what.startswith("a DICOM file has DICM"):
                on_event(Noticed(path.name, "no DICOM file: ignored"))
            elif keep_going:
                on_event(Failed("sort", str(path), error))
            else:
                raise
    headers = [h for h in headers if h.series_uid or h.rows]
    if not headers:
        raise refused or ImageFileError(
            what="a DICOM folder holds DICOM files",
            got="none",
            fix="Check the path in the case table.",
        ).at(file=source)
    return sort_series(headers, fingerprint=cache(fingerprint), on_event=on_event)


def _files(source: Source | Iterable[Source]) -> list[Path]:
    if not isinstance(source, Path | str):
        return [Path(item) for item in source]
    place = Path(source)
    try:
        if not place.is_dir():
            return [place]
        return sorted(
            path
            for path in place.rglob("*")
            if (path.is_file() or path.is_symlink())
            and path.name != "DICOMDIR"
            and not path.name.startswith(".")
        )
    except OSError as error:
        raise unreadable(place, error) from error


def read_series(
    source: Source | Iterable[Source],
    options: ReadOptions = STRICT,
    *,
    on_event: Listener = ignore,
) -> Volume:
    """Read the one image series of a folder.

    Parameters
    ----------
    source : path or iterable of paths
        A folder, a file, or files.
    options : ReadOptions
        Which series, and decisions for series that leave a choice.
    on_event : callable
        Told of every repair.

    Returns
    -------
    Volume
        HU for CT; k runs along the slice normal, j down the columns, i along the rows.

    Raises
    ------
    ImageFileError
        If there are several series, patients or studies, or pixels are damaged.
    GeometryError
        If slices are missing, uneven or without a place.
    """
    try:
        chosen = find_series(source, options, on_event=on_event)
        return load_series(chosen, options, on_event=on_event)
    except HepacastError as error:
        if isinstance(source, Path | str):
            error.at(file=source)
        raise


def find_series(
    source: Source | Iterable[Source],
    options: ReadOptions = STRICT,
    *,
    on_event: Listener = ignore,
) -> Series:
    """Sort a folder and pick the series that is meant; see :func:`choose_series`."""
    return choose_series(list_series(source, on_event=on_event), options, on_event=on_event)


def choose_series(
    found: Sequence[Series], options: ReadOptions = STRICT, *, on_event: Listener = ignore
) -> Series:
    """Pick the series that is meant, and never the longest for want of a better reason.

    Raises
    ------
    ImageFileError
        If patients, studies, series or phases are mixed and nothing says which one is meant.
    """
    _one_patient(found)
    wanted = [s for s in found if s.first.study_uid.startswith(options.study_uid or "")]
    wanted = [s for s in wanted if s.uid.startswith(options.series_uid or "")]
    images = [s for s in wanted if s.kind == "image"]
    # A series of one or two images beside a real one is a localizer that does not say so.
    if max((len(s.slices) for s in images), default=0) > 2:
        images = [s for s in images if len(s.slices) > 2]
    if not images and options.series_uid:
        images = [s for s in wanted if s.kind == "reformat"]
    if options.part is not None:
        images = [s for s in images if s.part == options.part and s.parts > 1]
    studies = {s.first.study_uid for s in images}
    if len(studies) > 1:
        raise ImageFileError(
            what="a case has one study per folder, the one before treatment",
            got=f"{len(studies)} studies, of {sorted({s.first.study_date for s in images})}",
            fix="Declare study_uid, or keep the studies in folders of their own.",
        )
    if len(images) != 1:
        listing = "; ".join(s.describe() for s in (images or found)[:8])
        raise ImageFileError(
            what="a DICOM folder must hold the one image series that is meant",
            got=f"{len(images)} of {len(found)}: {listing}",
            fix="Declare series_uid (and part, for a phase) in the study file.",
        )
    for other in found:
        if other.kind != "image" or (other not in images and len(other.slices) < 3):
            on_event(Noticed(f"series {other.uid}", f"ignored: {other.describe()}"))
    return images[0]


def _one_patient(found: Sequence[Series]) -> None:
    people = {s.first.patient for s in found if s.kind == "image"}
    if len(people) > 1:
        differ = [
            name
            for name, values in zip(
                ("PatientID", "sex", "birth date"), zip(*people, strict=True), strict=True
            )
            if len(set(values)) > 1
        ]
        raise ImageFileError(
            what="a folder holds the images of one patient",
            got=f"{len(people)} patients, who differ in {', '.join(differ)}",
            fix="Sort the folder by patient.",
        )


def load_series(
    series: Series, options: ReadOptions = STRICT, *, on_event: Listener = ignore
) -> Volume:
    """Read the pixels of one series; see :func:`read_series`."""
    if series.kind == "clip":
        raise ImageFileError(
            what="an image series has a place in space",
            got=f"a clip of {len(series.slices)} frames over time",
            fix="Read it as a clip, or declare which frame is meant.",
        )
    stack = plan_stack(series, options, on_event)
    require_size(4 * int(np.prod(stack.grid.shape)))
    notes = Notes(f"series {series.uid}", on_event, set())
    slices = _slices(series, options, notes)
    modality = series.first.modality
    if modality == "CT":
        _require_air(slices, options)
    fill = AIR_HU if modality == "CT" else float(slices.min())
    data, grid = assemble(slices, stack, fill)
    _require_place(series, stack, grid)
    if series.first.patient_position not in _UPRIGHT_POSITIONS:
        notes.once(f"patient position {series.first.patient_position}, not supine")
    return Volume(np.ascontiguousarray(data, dtype=np.float32), grid)


def _slices(series: Series, options: ReadOptions, notes: Notes) -> np.ndarray:
    head = series.first
    out = np.empty((len(series.slices), head.rows, head.columns), dtype=np.float32)
    by_file: dict[Path, list[int]] = {}
    for at, header in enumerate(series.slices):
        by_file.setdefault(header.file, []).append(at)
    for path, places in by_file.items():
        out[places] = read_frames(path, [series.slices[n] for n in places], options, notes)
    return out


def _require_air(slices: np.ndarray, options: ReadOptions) -> None:
    """Refuse a CT without air around the patient: wrongly rescaled, or cropped."""
    darkest = float(slices.min())
    if darkest > _NO_AIR_HU and options.rescale is None:
        raise ImageFileError(
            what="the darkest voxels of a CT are air, near -1000 HU",
            got=f"{darkest:g} HU",
            fix="Declare rescale: [slope, intercept] (often [1, -1024]; [1, 0] for a cropped CT).",
        )


def _require_place(series: Series, stack: Stack, grid: Grid) -> None:
    """Check the finished grid against the first and last slice's own position."""
    for header, along in ((series.slices[0], stack.at[0]), (series.slices[-1], stack.at[-1])):
        if header.position is None:
            continue
        k = grid.to_index(header.position)[0]
        gap = abs(k * grid.spacing[0] - along)
        if gap > 0.05 * grid.spacing[0]:
            raise GeometryError(
                what="the volume must lie where its slices say",
                got=f"{header.file.name} {gap:.3g} mm off",
                fix="Please report this series: the stack was put together wrongly.",
            )

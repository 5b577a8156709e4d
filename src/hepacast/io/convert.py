# SPDX-License-Identifier: Apache-2.0
"""A folder of DICOM becomes one NIfTI file per phase, and a list of what could not."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError, ImageFileError
from hepacast.core.events import Advanced, Event, Failed, Listener, Noticed, Started, ignore
from hepacast.io.dicom.series import list_series, load_series
from hepacast.io.nifti import write_nifti
from hepacast.io.options import STRICT, ReadOptions
from hepacast.io.streams import write_verified

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hepacast.io.dicom.sort import Series

_CONVERTED = (
    "patient", "study_date", "series", "phase_of_series", "description", "slices", "file",
    "repairs",
)  # fmt: skip
_FAILURES = ("patient", "where", "error", "expected", "found", "fix")


@dataclass(frozen=True, slots=True)
class Conversion:
    """What became of a folder.

    Parameters
    ----------
    written : tuple of Path
        One NIfTI file per image series and phase.
    failures : tuple of (patient, place, error)
        Series and files that could not be trusted.
    ignored : int
        Localizers, reports, screenshots and reformats left out.
    """

    written: tuple[Path, ...]
    failures: tuple[tuple[str, str, HepacastError], ...]
    ignored: int

    @property
    def exit_code(self) -> int:
        """0 if all is well, 1 if some failed, 2 if nothing could be converted."""
        if not self.failures:
            return 0
        return 1 if self.written else 2


def convert_study(
    folder: Path | str,
    out: Path | str,
    options: ReadOptions = STRICT,
    *,
    on_event: Listener = ignore,
) -> Conversion:
    """Convert every image series of a folder; one that fails does not stop the others.

    Parameters
    ----------
    folder : Path or str
        Any number of patients, studies and series.
    out : Path or str
        Gets ``PATIENT/NUMBER_DESCRIPTION[_phaseN].nii.gz``, ``converted.csv`` and,
        if something failed, ``failures.csv``.
    options : ReadOptions
        Decisions that hold for all series (``fill_gaps``, ``even_out``, ``rescale``).
    on_event : callable
        Told of progress, repairs and failures.

    Returns
    -------
    Conversion
        What was written, and what was not and why.

    Raises
    ------
    ImageFileError
        If the folder holds no DICOM at all.
    """
    target = Path(out)
    failures: list[tuple[str, str, HepacastError]] = []
    repairs: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Failed) and isinstance(event.error, HepacastError):
            failures.append(("", event.item, event.error))
        elif isinstance(event, Noticed):
            repairs.append(event.text)
        on_event(event)

    found = list_series(folder, keep_going=True, on_event=hear)
    images = [series for series in found if series.kind == "image"]
    on_event(Started("convert", len(images)))
    taken: set[Path] = set()
    rows = []
    for series in images:
        repairs.clear()
        path = _free(target / _patient(series) / f"{_name(series)}.nii.gz", taken)
        try:
            volume = load_series(series, options, on_event=hear)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_nifti(volume, path)
        except HepacastError as error:
            failures.append((_patient(series), series.describe(), error))
            on_event(Failed("convert", series.describe(), error))
            continue
        taken.add(path)
        rows.append(_row(series, path.relative_to(target), repairs))
        on_event(Advanced("convert", path.name))
    result = Conversion(tuple(sorted(taken)), tuple(failures), len(found) - len(images))
    _report(target, rows, result)
    return result


def _patient(series: Series) -> str:
    """Folder of a patient: the id if it is a harmless name, else a digest of it."""
    identifier = series.first.patient[0]
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}", identifier):
        return identifier
    return f"patient-{hashlib.sha256(identifier.encode()).hexdigest()[:10]}"


def _name(series: Series) -> str:
    head = series.first
    words = re.sub(r"[^A-Za-z0-9]+", "-", head.description).strip("-")[:40] or head.modality
    number = head.series_number if head.series_number is not None else 0
    phase = f"_phase{series.part + 1}" if series.parts > 1 else ""
    return f"{number:03d}_{words}{phase}"


def _free(path: Path, taken: set[Path]) -> Path:
    """Add a number to a name that another series of the patient has."""
    stem, n = path.name.removesuffix(".nii.gz"), 1
    while path in taken:
        n += 1
        path = path.with_name(f"{stem}-{n}.nii.gz")
    return path


def _row(series: Series, path: Path, repairs: Sequence[str]) -> tuple[object, ...]:
    head = series.first
    return (
        head.patient[0], head.study_date, series.uid, series.part + 1, head.description,
        len(series.slices), path.as_posix(), "; ".join(repairs),
    )  # fmt: skip


def _report(target: Path, rows: Iterable[tuple[object, ...]], result: Conversion) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageFileError(
            what="the output folder must be writable",
            got=error.strerror or type(error).__name__,
            fix="Choose another folder.",
        ).at(file=target) from error
    write_verified(target / "converted.csv", [_csv(_CONVERTED, rows)])
    if result.failures:
        listed = (
            (patient, where, type(error).__name__, error.what, error.got, error.fix)
            for patient, where, error in result.failures
        )
        write_verified(target / "failures.csv", [_csv(_FAILURES, listed)])


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([_inert(str(cell)) for cell in row])
    return buffer.getvalue().encode("utf-8-sig")


def _inert(cell: str) -> str:
    """Keep a spreadsheet from running a cell as a formula.

    >>> _inert("=cmd|' /C calc'!A0")
    "'=cmd|' /C calc'!A0"
    """
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell

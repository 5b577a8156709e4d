# SPDX-License-Identifier: Apache-2.0
"""A folder of DICOM becomes one NIfTI file per phase, and a list of what could not.

A conversion that was stopped goes on where it was: a series whose files, settings and
result are those of an earlier run is not read again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError
from hepacast.core.events import Advanced, Event, Failed, Listener, Noticed, Started, ignore
from hepacast.io.convert_masks import convert_masks
from hepacast.io.convert_record import Kept, keep, key_of, recall
from hepacast.io.convert_tables import write_tables
from hepacast.io.converted import Conversion, Converted
from hepacast.io.deidentify import deidentify_file
from hepacast.io.dicom.series import list_series, load_series
from hepacast.io.names import PLAIN, Names, Pseudonymous
from hepacast.io.nifti import write_nifti
from hepacast.io.options import STRICT, ReadOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hepacast.io.dicom.sort import Series


def say_nothing(series: Series) -> tuple[str, str]:
    """Propose no phase."""
    del series
    return "", ""


@dataclass(slots=True)
class _Log:
    """What is heard while a folder is converted, without names where that is asked for."""

    names: Names
    on_event: Listener
    failures: list[tuple[str, str, HepacastError]] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)

    def hear(self, event: Event) -> None:
        """Note repairs and failures, and pass them on."""
        clean = self.names.event(event)
        if isinstance(clean, Failed) and isinstance(clean.error, HepacastError):
            self.failures.append(("", clean.item, clean.error))
        elif isinstance(clean, Noticed):
            self.repairs.append(clean.text)
        self.on_event(clean)

    def fail(self, patient: str, where: str, error: HepacastError) -> None:
        """Note a series that cannot be converted."""
        clean = self.names.event(Failed("convert", where, error))
        if isinstance(clean, Failed) and isinstance(clean.error, HepacastError):
            self.failures.append((patient, clean.item, clean.error))
            self.on_event(clean)


def convert_study(
    folder: Path | str,
    out: Path | str,
    options: ReadOptions = STRICT,
    *,
    describe: Callable[[Series], tuple[str, str]] = say_nothing,
    names: Names = PLAIN,
    on_event: Listener = ignore,
) -> Conversion:
    """Convert every image series of a folder; one that fails does not stop the others.

    Parameters
    ----------
    folder : Path or str
        Any number of patients, studies and series.
    out : Path or str
        Gets ``PATIENT/NUMBER_DESCRIPTION[_phaseN].nii.gz``, ``found.csv``, ``converted.csv``
        and, if something failed, ``failures.csv``.
    options : ReadOptions
        Decisions that hold for all series (``fill_gaps``, ``even_out``, ``rescale``).
    describe : callable
        From a series to the phase that it shows and the reason, for the tables.
    names : Names
        What patients, series and files are called; :class:`~hepacast.io.names.Pseudonymous`
        leaves nothing that names a patient in files, tables or events.
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
    target, log = Path(out), _Log(names, on_event)
    try:
        series = list_series(folder, keep_going=True, on_event=log.hear)
    except HepacastError as error:
        raise names.error(error) from None
    images = [one for one in series if one.kind == "image"]
    on_event(Started("convert", len(images)))
    taken: set[Path] = set()
    found: list[Converted] = []
    resumed = 0
    for one in series:
        phase, reason = describe(one)
        if one.kind == "clip" and isinstance(names, Pseudonymous):
            found.append(_copied(one, (phase, reason), target, names, log))
            continue
        if one.kind != "image":
            problem = f"not converted: {one.kind}"
            found.append(Converted(one, phase, reason, problem=problem))
            continue
        place = _free(Path(names.patient(one)) / f"{_stem(one, names)}.nii.gz", taken)
        kept = recall(target, key_of(one, options, names), place)
        resumed += kept is not None
        try:
            kept = kept or _convert(one, target, place, options, log)
        except HepacastError as error:
            log.fail(names.patient(one), one.describe(), error)
            found.append(Converted(one, phase, reason, problem=names.error(error).what))
        else:
            taken.add(place)
            found.append(Converted(one, phase, reason, place, kept.repairs))
        on_event(Advanced("convert", names.text(one.describe())))
    masks = convert_masks(found, target, names, log.fail)
    result = Conversion(
        written=tuple(sorted(target / place for place in taken)),
        failures=tuple(log.failures),
        ignored=len(series) - len(images),
        found=tuple(found),
        masks=masks,
        resumed=resumed,
    )
    write_tables(target, result, names)
    return result


def _copied(
    series: Series, about: tuple[str, str], target: Path, names: Pseudonymous, log: _Log
) -> Converted:
    """Copy a clip without its patient: a film has no place in space, and so no NIfTI."""
    phase, reason = about
    files = list(dict.fromkeys(header.file for header in series.slices))
    for file in files:
        try:
            copy = deidentify_file(file, target / "clips", names.names, phase=phase or None)
        except HepacastError as error:
            log.fail(names.patient(series), series.describe(), error.at(file=file))
            return Converted(series, phase, reason, problem=names.error(error).what)
    return Converted(series, phase, reason, problem=f"copied: {copy.relative_to(target)}")


def _convert(series: Series, target: Path, place: Path, options: ReadOptions, log: _Log) -> Kept:
    """Read one series and write it; remember how it went."""
    log.repairs.clear()
    volume = load_series(series, options, on_event=log.hear)
    path = target / place
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(volume, path)
    return keep(target, key_of(series, options, log.names), place, log.repairs)


def _stem(series: Series, names: Names) -> str:
    head = series.first
    words = re.sub(r"[^A-Za-z0-9]+", "-", names.words(head.description)).strip("-")[:40]
    number = head.series_number if head.series_number is not None else 0
    phase = f"_phase{series.part + 1}" if series.parts > 1 else ""
    return f"{number:03d}_{words or head.modality}{phase}"


def _free(path: Path, taken: Sequence[Path] | set[Path]) -> Path:
    """Add a number to a name that another series of the patient has."""
    stem, n = path.name.removesuffix(".nii.gz"), 1
    while path in taken:
        n += 1
        path = path.with_name(f"{stem}-{n}.nii.gz")
    return path

# SPDX-License-Identifier: Apache-2.0
"""From folders of DICOM to clean NIfTI, with a case table to start a study from."""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError
from hepacast.core.events import Noticed, ignore
from hepacast.imaging.phases import PHASES
from hepacast.io.convert import convert_study
from hepacast.io.convert_tables import csv_bytes
from hepacast.io.deidentify import Pseudonyms
from hepacast.io.names import PLAIN, Pseudonymous
from hepacast.io.options import STRICT
from hepacast.io.streams import write_verified
from hepacast.run.cases.phases import propose_phase

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.io.converted import Conversion, Converted
    from hepacast.io.dicom.sort import Series
    from hepacast.io.names import Names
    from hepacast.io.options import ReadOptions

_CASES = ("case", "centre", "phase", "image", "tumour_mask", "liver_mask", "why")
_TUMOURS = {"tumour", "tumor", "lesion", "hcc", "mass", "neoplasm", "gtv"}


@dataclass(frozen=True, slots=True)
class Converting:
    """What came out of a folder.

    Parameters
    ----------
    conversion : Conversion
        Files and failures.
    cases : Path
        The case table.
    rows : int
        Rows of it: images of one phase of one patient.
    lines : tuple of str
        For the terminal.
    """

    conversion: Conversion
    cases: Path
    rows: int
    lines: tuple[str, ...]


def convert_folder(
    folder: Path,
    out: Path,
    options: ReadOptions = STRICT,
    *,
    key: Path | None = None,
    on_event: Listener = ignore,
) -> Converting:
    """Convert all DICOM images of a folder, propose their phases, and write a case table.

    Parameters
    ----------
    folder : Path
        Any number of patients, studies and series.
    out : Path
        Gets the images, ``found.csv``, ``converted.csv``, ``cases.csv`` and, if something
        failed, ``failures.csv``; what an earlier run has converted is not read again.
    options : ReadOptions
        Decisions that hold for all series.
    key : Path, optional
        De-identify with the key in this file; made if missing.  Beside it a linkage table
        is kept, from pseudonym to patient: neither belongs to the output.
    on_event : callable
        Told of progress, repairs and failures.

    Raises
    ------
    HepacastError
        If the folder holds no DICOM, or the key lies in the output.
    """
    names: Names = PLAIN
    if key is not None:
        names = Pseudonymous(Pseudonyms(read_key(key, out)))
    done = convert_study(folder, out, options, describe=_describe, names=names, on_event=on_event)
    if key is not None and isinstance(names, Pseudonymous):
        _write_linkage(key, names)
    rows = _case_rows(done, names, on_event)
    write_verified(out / "cases.csv", [csv_bytes(_CASES, rows)])
    copied = sum(one.problem.startswith("copied") for one in done.found)
    counts = f"{len(done.found)} series found, {len(done.written)} converted"
    lines = (
        f"{counts}, {done.ignored} ignored, {len(done.failures)} failures",
        f"{done.resumed} of them had been converted before",
        f"{len(done.masks)} masks, {copied} clips copied without their patient",
        f"cases.csv: {len(rows)} images with a proposed phase; confirm every one",
    )
    return Converting(done, out / "cases.csv", len(rows), lines)


def read_key(place: Path, out: Path) -> bytes:
    """Read the key of the pseudonyms, or make one that only its owner can read.

    Raises
    ------
    StudyError
        If it would lie in the output, or cannot be read.
    """
    if place.resolve().is_relative_to(out.resolve()):
        raise StudyError(
            what="the key of the pseudonyms is kept apart from what they hide",
            got="a key in the output folder",
            fix="Choose a place outside of it, and hand it to nobody who gets the output.",
        )
    try:
        if not place.exists():
            place.touch(mode=0o600)
            place.write_text(secrets.token_hex(32), encoding="ascii")
        return place.read_text(encoding="ascii").strip().encode()
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(
            what="the key must be a readable text file",
            got=type(error).__name__,
            fix="Name a file that exists, or one that can be made.",
        ) from None


def _describe(series: Series) -> tuple[str, str]:
    """Propose the phase of a series, before anything is cleaned."""
    proposal = propose_phase(series)
    return proposal.phase or "", proposal.reason


def _write_linkage(key: Path, names: Pseudonymous) -> None:
    """Keep beside the key what the pseudonyms stand for."""
    place = key.with_name(f"{key.name}.linkage.csv")
    write_verified(place, [csv_bytes(("pseudonym", "original"), sorted(names.linkage.items()))])
    place.chmod(0o600)


def _case_rows(done: Conversion, names: Names, on_event: Listener) -> list[tuple[str, ...]]:
    """Choose one image per patient and phase, and say of each why."""
    by_patient: dict[str, list[Converted]] = defaultdict(list)
    for one in done.found:
        if one.path is not None and one.phase:
            by_patient[names.patient(one.series)].append(one)
    rows = []
    for patient, images in sorted(by_patient.items()):
        first = min(one.series.first.study_date for one in images)
        there = [one for one in images if one.series.first.study_date == first]
        if len(there) < len(images):
            text = f"several studies: cases.csv has the first, of {names.date(there[0].series)}"
            on_event(Noticed(f"patient {patient}", text))
        by_phase: dict[str, list[Converted]] = defaultdict(list)
        for one in there:
            by_phase[one.phase].append(one)
        rows += [_row(patient, same, done) for same in _in_time(by_phase)]
    return rows


def _in_time(by_phase: dict[str, list[Converted]]) -> list[list[Converted]]:
    """Put phases in order of time after injection."""
    order: dict[str, int] = {phase: at for at, phase in enumerate(PHASES)}
    return [by_phase[phase] for phase in sorted(by_phase, key=lambda name: order[name])]


def _row(patient: str, same: list[Converted], done: Conversion) -> tuple[str, ...]:
    """Take the thinnest slices among the images of one phase; the reason stands beside it."""
    one = min(same, key=lambda image: (image.series.first.thickness or 99, str(image.path)))
    # A reason quotes words of our own lists only, never what else a description says.
    why = one.reason
    if len(same) > 1:
        why += f"; thinnest of {len(same)} such series, the others are in found.csv"
    masks = {mask.label: mask.path.as_posix() for mask in done.masks if mask.image == one.path}
    tumour = next((path for label, path in masks.items() if label in _TUMOURS), "")
    return (
        patient, "", one.phase, one.path.as_posix() if one.path else "", tumour,
        masks.get("liver", ""), why,
    )  # fmt: skip

# SPDX-License-Identifier: Apache-2.0
"""The tables beside converted images: what was found, what was written, what failed."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from hepacast.core.errors import ImageFileError
from hepacast.io.streams import write_verified

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from hepacast.io.converted import Conversion, Converted
    from hepacast.io.names import Names

_FOUND = (
    "patient", "study_date", "modality", "kind", "series", "phase_of_series", "phases_in_series",
    "description", "slices", "spacing_mm", "proposed_phase", "proposed_because", "file", "problem",
)  # fmt: skip
_CONVERTED = (
    "patient", "study_date", "series", "phase_of_series", "description", "slices",
    "proposed_phase", "proposed_because", "file", "repairs",
)  # fmt: skip
_FAILURES = ("patient", "where", "error", "expected", "found", "fix")


def write_tables(target: Path, result: Conversion, names: Names) -> None:
    """Write ``found.csv``, ``converted.csv`` and, if something failed, ``failures.csv``."""
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageFileError(
            what="the output folder must be writable",
            got=error.strerror or type(error).__name__,
            fix="Choose another folder.",
        ).at(file=target) from error
    everything = [_found(one, names) for one in result.found]
    write_verified(target / "found.csv", [csv_bytes(_FOUND, everything)])
    rows = [_converted(one, names) for one in result.found if one.path is not None]
    write_verified(target / "converted.csv", [csv_bytes(_CONVERTED, rows)])
    if result.failures:
        listed = (
            (patient, where, type(error).__name__, error.what, error.got, error.fix)
            for patient, where, error in result.failures
        )
        write_verified(target / "failures.csv", [csv_bytes(_FAILURES, listed)])
    else:
        (target / "failures.csv").unlink(missing_ok=True)  # of an earlier run


def _found(one: Converted, names: Names) -> tuple[object, ...]:
    head = one.series.first
    spacing = head.spacing or ()
    size = " x ".join(f"{mm:g}" for mm in (*spacing, *([head.thickness] if head.thickness else ())))
    return (
        names.shown(one.series), names.date(one.series), head.modality, one.series.kind,
        names.uid(one.series.uid), one.series.part + 1, one.series.parts,
        names.words(head.description), len(one.series.slices), size, one.phase, one.reason,
        one.path.as_posix() if one.path else "", one.problem,
    )  # fmt: skip


def _converted(one: Converted, names: Names) -> tuple[object, ...]:
    head = one.series.first
    return (
        names.shown(one.series), names.date(one.series), names.uid(one.series.uid),
        one.series.part + 1, names.words(head.description), len(one.series.slices),
        one.phase, one.reason, one.path.as_posix() if one.path else "", "; ".join(one.repairs),
    )  # fmt: skip


def csv_bytes(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Lay out a table that no spreadsheet runs as formulas; UTF-8 with its mark."""
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

# SPDX-License-Identifier: Apache-2.0
"""What became of a folder of DICOM, series by series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.errors import HepacastError
    from hepacast.io.dicom.sort import Series


@dataclass(frozen=True, slots=True)
class Converted:
    """One series of the folder, and what became of it.

    Parameters
    ----------
    series : Series
        Its headers.
    phase, reason : str
        Contrast phase that was proposed, and what spoke for it; empty where nothing did.
    path : Path or None
        The NIfTI file, relative to the output; ``None`` for what is no image or failed.
    repairs : tuple of str
        What was repaired on the way.
    problem : str
        Why there is no file.
    """

    series: Series
    phase: str = ""
    reason: str = ""
    path: Path | None = None
    repairs: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class DrawnMask:
    """One segment, written on the grid of its image.

    Parameters
    ----------
    image, path : Path
        Relative to the output.
    label : str
        What the segment is called.
    """

    image: Path
    path: Path
    label: str


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
    found : tuple of Converted
        Every series.
    masks : tuple of DrawnMask
        Segments of segmentations and structure sets, as NIfTI files.
    resumed : int
        Series that an earlier run had converted.
    """

    written: tuple[Path, ...]
    failures: tuple[tuple[str, str, HepacastError], ...]
    ignored: int
    found: tuple[Converted, ...] = ()
    masks: tuple[DrawnMask, ...] = ()
    resumed: int = 0

    @property
    def exit_code(self) -> int:
        """0 if all is well, 1 if some failed, 2 if nothing could be converted."""
        if not self.failures:
            return 0
        return 1 if self.written else 2

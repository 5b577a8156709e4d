# SPDX-License-Identifier: Apache-2.0
"""All that is needed to measure one case, anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hepacast.run.parts.rows import ImageRow
    from hepacast.run.settings.case import CasesParams, RegionParams
    from hepacast.run.settings.study import MeasuredParams


@dataclass(frozen=True, slots=True)
class CaseTask:
    """All that is needed to measure one case, anywhere.

    Parameters
    ----------
    case : str
        Case id.
    rows : tuple of ImageRow
        Its images and masks.
    regions, blocks : mapping
        Settings by name.
    phases : tuple of str
        All phases of the study.
    folder : Path
        Folder of the results, on a disk that every worker sees.
    cases : CasesParams
        What images and masks must be, and whether phases are moved onto one.
    others : tuple of ImageRow
        What other readers drew on the same images.
    rehash : bool
        Read every file again instead of trusting its size and time.
    retry : bool
        Try again what failed in an earlier run.
    shuffle : bool
        Deal the voxels anew within each region first: a control.
    """

    case: str
    rows: tuple[ImageRow, ...]
    regions: Mapping[str, RegionParams]
    blocks: Mapping[str, MeasuredParams]
    phases: tuple[str, ...]
    folder: Path
    cases: CasesParams
    others: tuple[ImageRow, ...] = ()
    rehash: bool = False
    retry: bool = False
    shuffle: bool = False

# SPDX-License-Identifier: Apache-2.0
"""Decisions that a file leaves open, and that only the user can take."""

from __future__ import annotations

from hepacast.core.params import Params


class ReadOptions(Params):
    """What to do where an image file leaves a choice; by default nothing is guessed."""

    spacing_mm: tuple[float, float, float] | None = None
    """Spacing along (k, j, i), mm, for a file that has none of its own."""
    frame: int | None = None
    """Which volume of a four-dimensional file to take, from 0."""
    fill_nonfinite: float | None = None
    """Value for voxels that are NaN or infinite."""
    series_uid: str | None = None
    """Which series of a DICOM folder to take: SeriesInstanceUID, or its start."""
    study_uid: str | None = None
    """Which study of a DICOM folder to take."""
    part: int | None = None
    """Which phase to take, from 0, where one series holds several, in order of time."""
    fill_gaps: bool = False
    """Interpolate single missing slices."""
    even_out: bool = False
    """Resample a series with varying slice spacing to its median spacing."""
    rescale: tuple[float, float] | None = None
    """Slope and intercept for CT files that have none, or wrong ones."""


STRICT = ReadOptions()
"""Refuse whatever leaves a choice."""

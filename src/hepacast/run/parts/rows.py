# SPDX-License-Identifier: Apache-2.0
"""One row of the case table: where an image and its masks are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.io.options import STRICT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hepacast.io.options import ReadOptions


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A mask's file, and the voxel values that belong to it (any, if none is named)."""

    path: Path
    label: tuple[int, ...] | str | None = None


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One row of the case table: an image and its masks, by one reader."""

    case: str
    phase: str
    reader: str
    image: Path
    masks: Mapping[str, MaskFile]
    options: ReadOptions = STRICT
    """Which series of a folder is meant, and decisions for files that leave a choice."""
    frame: int | None = None
    """Frame of a clip on which the masks were drawn, from 0."""

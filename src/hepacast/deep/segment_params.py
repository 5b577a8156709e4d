# SPDX-License-Identifier: Apache-2.0
"""Settings and cases of the built-in segmentation network; they load without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from hepacast.core.params import Params

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float32

Side = Annotated[int, Field(ge=16, multiple_of=8)]


class SegmentParams(Params):
    """Settings of the built-in segmentation network."""

    kind: Literal["unet-3d"] = "unet-3d"
    in_channels: PositiveInt = 1
    """Phases that it reads at once."""
    base: PositiveInt = 16
    """Channels of the first of four levels; every level doubles them."""
    patch: tuple[Side, Side, Side] = (64, 64, 64)
    """Part of an image in one step, voxels along (k, j, i)."""
    spacing_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = (3.0, 1.5, 1.5)
    """Grid on which it works, mm along (k, j, i)."""
    steps: PositiveInt = 1000
    batch: PositiveInt = 2
    learning_rate: PositiveFloat = 1e-3
    inside: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of patches centred on a voxel of the region."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One case with its mask, on the grid of the settings.

    Parameters
    ----------
    image : (channel, k, j, i) float32
        Scaled intensities.
    mask : (k, j, i) bool
        True inside; may be empty.
    """

    image: Float32[np.ndarray, "channel k j i"]
    mask: Bool[np.ndarray, "k j i"]

# SPDX-License-Identifier: Apache-2.0
"""Settings of the maps; they load without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt

from hepacast.core.params import Params


class GradCamParams(Params):
    """Settings of Grad-CAM."""

    kind: Literal["grad-cam"] = "grad-cam"
    layer: str | None = None
    """Name of the layer in the network; its last convolution block by default."""


class ScoreCamParams(Params):
    """Settings of Score-CAM."""

    kind: Literal["score-cam"] = "score-cam"
    layer: str | None = None
    """Name of the layer in the network; its last convolution block by default."""
    weights: Literal["probability", "increase", "softmax"] = "probability"
    """Of a channel: the target of the image behind its mask; its increase over the empty
    image, where positive (the paper's words); the softmax of the increase over the whole
    image (the paper's programs)."""
    channels: PositiveInt | None = None
    """Only the channels that vary most; all by default."""
    batch: PositiveInt = 32
    """Masked images in one pass."""

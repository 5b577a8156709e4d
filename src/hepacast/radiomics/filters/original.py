# SPDX-License-Identifier: Apache-2.0
"""The image as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hepacast.radiomics.filters.registry import FilterEntry, Response, Setting, registered
from hepacast.radiomics.settings import FilterParams

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from jaxtyping import Float

    from hepacast.core.volume import Box, Volume


class OriginalParams(FilterParams):
    """Settings of no filter at all."""

    kind: Literal["original"] = "original"


@registered(
    OriginalParams,
    FilterEntry(
        ibsi="",
        formula="x",
        unit="image",
        source="the image",
    ),
)
def original(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Return the image itself."""
    del params, setting

    def respond(image: Volume, box: Box) -> Float[np.ndarray, "k j i"]:
        return image.data[box]

    return {"original": respond}

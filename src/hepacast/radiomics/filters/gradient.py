# SPDX-License-Identifier: Apache-2.0
"""Magnitude of the intensity gradient."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.radiomics.filters.registry import FilterEntry, Response, Setting, registered, widened
from hepacast.radiomics.settings import FilterParams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

    from hepacast.core.volume import Box, Volume


class GradientParams(FilterParams):
    """Settings of the gradient magnitude."""

    kind: Literal["gradient"] = "gradient"
    use_spacing: bool = True
    """Differences per mm; per voxel otherwise."""


@registered(
    GradientParams,
    FilterEntry(
        ibsi="",
        formula="|gradient of x| by central differences",
        unit="image / mm",
        source="ITK, GradientMagnitudeImageFilter",
    ),
)
def gradient(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Take the length of the gradient by central differences; the edge is repeated.

    Source: ITK, ``GradientMagnitudeImageFilter``.
    """
    del setting
    if not isinstance(params, GradientParams):
        raise TypeError
    return {"gradient": partial(_respond, use_spacing=params.use_spacing)}


def _respond(image: Volume, box: Box, *, use_spacing: bool) -> Float[np.ndarray, "k j i"]:
    import SimpleITK as sitk  # noqa: N813

    wide, inner = widened(image.data.shape, box, (1, 1, 1))
    source = sitk.GetImageFromArray(image.data[wide])
    source.SetSpacing(image.grid.spacing[::-1])
    made = sitk.GradientMagnitude(source, useImageSpacing=use_spacing)
    response: Float[np.ndarray, "k j i"] = sitk.GetArrayFromImage(made)[inner]
    return response

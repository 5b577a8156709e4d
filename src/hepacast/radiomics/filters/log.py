# SPDX-License-Identifier: Apache-2.0
"""Laplacian of Gaussian: blobs of a scale."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from hepacast.core.errors import NotEstimableError
from hepacast.radiomics.filters.registry import FILTERS, Response, Setting
from hepacast.radiomics.settings import FilterParams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

    from hepacast.core.volume import Box, Volume


class LogParams(FilterParams):
    """Settings of the Laplacian of Gaussian."""

    kind: Literal["log"] = "log"
    sigma_mm: tuple[PositiveInt | PositiveFloat, ...] = (1.0, 3.0, 5.0)
    """Blob scales, mm; each gives one image."""


@FILTERS.register(LogParams)
def laplacian_of_gaussian(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Apply the scale-normalised Laplacian of a Gaussian, in 3D.

    Recursive (Deriche), as ITK computes it, in single precision between its
    passes.  Source: ITK, ``LaplacianRecursiveGaussianImageFilter``.
    """
    if not isinstance(params, LogParams):
        raise TypeError
    # PyRadiomics writes a scale as the parameter file does: 3 is not 3.0.
    given = setting.definitions == "pyradiomics"
    return {
        _token(sigma if given else float(sigma)): partial(_respond, sigma=float(sigma))
        for sigma in params.sigma_mm
    }


def _token(sigma: float) -> str:
    """Write the name of a response as PyRadiomics does: 3.0 is ``log-sigma-3-0-mm-3D``."""
    return f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D"


def _respond(image: Volume, box: Box, *, sigma: float) -> Float[np.ndarray, "k j i"]:
    import SimpleITK as sitk  # noqa: N813

    needed = np.ceil(sigma / np.asarray(image.grid.spacing)) + 1
    if min(image.data.shape) < 4 or np.any(np.asarray(image.data.shape) < needed):
        raise NotEstimableError(
            what=f"a LoG filter of {sigma:g} mm needs an image of at least 4 voxels and its scale",
            got=f"{image.grid.describe()}",
            fix="Use a smaller scale, or crop the image less.",
        )
    source = sitk.GetImageFromArray(image.data)
    source.SetSpacing(image.grid.spacing[::-1])
    made = sitk.LaplacianRecursiveGaussian(source, sigma, normalizeAcrossScale=True)
    response: Float[np.ndarray, "k j i"] = sitk.GetArrayFromImage(made)[box]
    return response

# SPDX-License-Identifier: Apache-2.0
"""Laplacian of Gaussian: blobs of a scale."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from hepacast.core.errors import NotEstimableError
from hepacast.radiomics.filters.registry import FILTERS, Response, Setting, widened
from hepacast.radiomics.settings import FilterParams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

    from hepacast.core.geometry import Triple
    from hepacast.core.volume import Box, Volume


REACH = 30
"""Scales around the box beyond which a voxel moves the response by less than 1e-16."""


class LogParams(FilterParams):
    """Settings of the Laplacian of Gaussian."""

    kind: Literal["log"] = "log"
    sigma_mm: tuple[PositiveInt | PositiveFloat, ...] = (1.0, 3.0, 5.0)
    """Blob scales, mm; each gives one image."""


@FILTERS.register(LogParams)
def laplacian_of_gaussian(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Apply the scale-normalised Laplacian of a Gaussian, in 3D.

    Recursive (Deriche), bit for bit as ITK computes it, in single precision between
    its passes.  Source: ITK, ``LaplacianRecursiveGaussianImageFilter``.
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
    spacing = image.grid.spacing
    shape = image.data.shape
    needed = np.ceil(sigma / np.asarray(spacing)) + 1
    if min(shape) < 4 or np.any(np.asarray(shape) < needed):
        raise NotEstimableError(
            what=f"a LoG filter of {sigma:g} mm needs an image of at least 4 voxels and its scale",
            got=f"{image.grid.describe()}",
            fix="Use a smaller scale, or crop the image less.",
        )
    reach = [int(np.ceil(REACH * sigma / s)) for s in spacing]
    wide, inner = widened(shape, box, (reach[0], reach[1], reach[2]))
    data = image.data[wide]
    # Whole numbers of up to 24 bits are exact in single precision.
    exact = data.dtype in {np.dtype(t) for t in ("u1", "i1", "u2", "i2", "f4")}
    data = np.ascontiguousarray(data, dtype=np.float32 if exact else np.float64)
    total = np.zeros([s.stop - s.start for s in inner], np.float32)
    for axis in (2, 1, 0):
        part = _along(data, axis, sigma, inner, spacing)
        add_scaled(total, part, 1.0 / (spacing[axis] * spacing[axis]))
    return total


def _along(
    data: Float[np.ndarray, "k j i"], axis: int, sigma: float, inner: Box, spacing: Triple
) -> Float[np.ndarray, "k j i"]:
    """Take the second derivative along one axis and smooth along the two others."""
    from hepacast.radiomics.kernels.recursive import coefficients, filter_axis

    for n, at in enumerate((axis, *(a for a in (2, 1, 0) if a != axis))):
        second = n == 0
        c = coefficients(sigma / spacing[at], second=second, scale=sigma * sigma if second else 1.0)
        shape = list(data.shape)
        shape[at] = inner[at].stop - inner[at].start
        out = np.empty(shape, np.float32)
        data = filter_axis(data, at, c, inner[at].start, out)
    return data


def add_scaled(
    total: Float[np.ndarray, "k j i"], part: Float[np.ndarray, "k j i"], factor: float
) -> None:
    """Add a scaled image to a sum of single precision, rounding once."""
    np.add(total, part * np.float64(factor), out=total, casting="same_kind")

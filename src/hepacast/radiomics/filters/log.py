# SPDX-License-Identifier: Apache-2.0
"""Laplacian of Gaussian: blobs of a scale."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from hepacast.core.errors import NotEstimableError
from hepacast.radiomics.filters.registry import FilterEntry, Response, Setting, registered, widened
from hepacast.radiomics.settings import FilterParams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jaxtyping import Float

    from hepacast.core.geometry import Triple
    from hepacast.core.volume import Box, Volume


REACH = 30
"""Scales around the box beyond which a voxel moves the response by less than 1e-16."""


SLAB = 1 << 18
"""Voxels that two passes within slices take at a time: what is between them stays in the cache."""


class LogParams(FilterParams):
    """Settings of the Laplacian of Gaussian."""

    kind: Literal["log"] = "log"
    sigma_mm: tuple[PositiveInt | PositiveFloat, ...] = (1.0, 3.0, 5.0)
    """Blob scales, mm; each gives one image."""


@registered(
    LogParams,
    FilterEntry(
        ibsi="L6PA",
        formula="sigma^2 Laplacian of (x ** Gaussian of width sigma)",
        unit="image",
        source="ITK, LaplacianRecursiveGaussianImageFilter; PyRadiomics 3.0.1, getLoGImage",
    ),
)
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
    kind = np.float32 if exact else np.float64

    def passes(axis: int) -> list[_Pass]:
        """Second derivative along one axis, then smoothing along the others."""
        order = (axis, *(a for a in (2, 1, 0) if a != axis))
        return [_Pass(at, sigma, spacing, inner[at], second=at == axis) for at in order]

    along = [passes(axis) for axis in (2, 1, 0)]
    total = np.zeros([s.stop - s.start for s in inner], np.float32)
    nk, nj, ni = data.shape
    across = [np.empty((nk, *total.shape[1:]), np.float32) for _ in along[:2]]
    for part in _slabs(nk, nj * ni):
        slab = np.ascontiguousarray(data[part], kind)
        for (first, second, _), out in zip(along[:2], across, strict=True):
            second.run(first.volume(slab), out[part], 0.0)
    last = np.empty((total.shape[0], nj, total.shape[2]), np.float32)
    for part in _slabs(nj, nk * ni):
        slab = np.ascontiguousarray(data[:, part], kind)
        last[:, part] = along[2][1].volume(along[2][0].volume(slab))
    for axis, (*_, third), image_part in zip((2, 1, 0), along, (*across, last), strict=True):
        third.run(image_part, total, 1.0 / (spacing[axis] * spacing[axis]))
    return total


def _slabs(length: int, size: int) -> Iterator[slice]:
    """Cut an axis into slabs of slices of that many voxels."""
    thick = max(1, SLAB // size)
    return (slice(at, at + thick) for at in range(0, length, thick))


class _Pass:
    """One recursive filter along one axis, and the part of every line to keep."""

    def __init__(
        self, axis: int, sigma: float, spacing: Triple, kept: slice, *, second: bool
    ) -> None:
        from hepacast.radiomics.kernels.recursive import coefficients

        self.axis, self.start, self.length = axis, kept.start, kept.stop - kept.start
        scale = sigma * sigma if second else 1.0
        self.c = coefficients(sigma / spacing[axis], second=second, scale=scale)

    def volume(self, data: Float[np.ndarray, "k j i"]) -> Float[np.ndarray, "k j i"]:
        """Filter into a new volume."""
        shape = list(data.shape)
        shape[self.axis] = self.length
        out = np.empty(shape, np.float32)
        self.run(data, out, 0.0)
        return out

    def run(
        self, data: Float[np.ndarray, "k j i"], out: Float[np.ndarray, "k j i"], factor: float
    ) -> None:
        """Filter into a volume, or add to it the result times a factor that is not 0."""
        from hepacast.radiomics.kernels.recursive import filter_axis

        # Read-only always: a caller's image may be, and that is another type to compile for.
        image = data.reshape(-1).view()
        image.setflags(write=False)
        filter_axis(
            image, data.shape, self.axis,
            self.c, self.start, self.length, factor, out.reshape(-1),
        )  # fmt: skip

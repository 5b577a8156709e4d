# SPDX-License-Identifier: Apache-2.0
"""Non-separable wavelets and Riesz transforms as IBSI 2 defines them."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from hepacast.core.volume import Volume
from hepacast.radiomics.filters.ibsi import BoundedParams, sampled_laplacian
from hepacast.radiomics.filters.registry import FilterEntry, Response, Setting, registered
from hepacast.radiomics.filters.spectrum import (
    Spectrum,
    extended,
    monomials,
    principal_axes,
    riesz_scale,
    steered,
)
from hepacast.radiomics.settings import FilterParams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

    from hepacast.core.volume import Box
    from hepacast.radiomics.filters.spectrum import Gain

    Order = tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt]

REACH = 32
"""Voxels by which an image is continued for a wavelet of level 1; twice as many a level."""


class RieszParams(BoundedParams):
    """What filters share that a Riesz transform may follow (IBSI 2, AYRS)."""

    riesz: tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt] | None = None
    """Order of the transform along i, j and k, or along the principal axes of the structure
    tensor, the steepest first, if aligned; no transform if absent."""
    align_sigma_voxels: PositiveFloat | None = None
    """Align the transform at every voxel with the structure tensor in a Gaussian window of this
    width; along the axes of the image if absent."""

    @model_validator(mode="after")
    def _possible(self) -> RieszParams:
        if self.riesz is None and self.align_sigma_voxels is not None:
            msg = "only a Riesz transform can be aligned; give its order"
            raise ValueError(msg)
        if self.riesz is not None and sum(self.riesz) == 0:
            msg = "a Riesz transform has an order of at least 1; leave it out for none"
            raise ValueError(msg)
        if self.riesz is not None and self.flat and self.riesz[2] > 0:
            msg = "a flat filter has no order along k"
            raise ValueError(msg)
        return self


class SimoncelliParams(RieszParams):
    """Settings of the wavelet of Simoncelli (IBSI 2, PRT7)."""

    kind: Literal["ibsi-simoncelli"] = "ibsi-simoncelli"
    level: PositiveInt = 1
    """Level of decomposition: level n passes frequencies up to 2^(1 - n) of the highest."""


class RieszLogParams(RieszParams):
    """Settings of the Riesz transform of a truncated Laplacian of Gaussian (IBSI 2, AYRS)."""

    kind: Literal["ibsi-riesz-log"] = "ibsi-riesz-log"
    sigma_mm: PositiveFloat = 3.0
    """Scale, mm."""
    cutoff: PositiveFloat = 4.0
    """Where the Laplacian of Gaussian ends, in scales."""
    riesz: tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt] = (1, 0, 0)
    """Order along i, j and k, or along the principal axes."""


@registered(
    SimoncelliParams,
    FilterEntry(
        ibsi="PRT7",
        formula="x ** band of radial frequencies, and its Riesz transform if asked",
        unit="image",
        source="Portilla and Simoncelli 2000, IJCV 40:49; IBSI 2, non-separable wavelets",
    ),
)
def simoncelli(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Pass one band of frequencies, alike in all directions, and transform it if asked for.

    The gain at radial frequency r is ``cos(pi / 2 log2(2 r / top))`` from a quarter of
    ``top`` to ``top``.  The whole image is filtered at once, in double precision: crop
    or resample large ones first.  A periodic image of an even number of voxels
    responds a little differently when it is flipped, as the reference does.
    Source: Portilla and Simoncelli 2000, IJCV 40:49; IBSI 2 reference manual,
    "Non-separable wavelets" and "Riesz transforms".
    """
    del setting
    if not isinstance(params, SimoncelliParams):
        raise TypeError
    return {f"simoncelli-{params.level}{_suffix(params)}": partial(_simoncelli, params=params)}


@registered(
    RieszLogParams,
    FilterEntry(
        ibsi="AYRS",
        formula="Riesz transform of x ** sampled Laplacian of Gaussian",
        unit="image / voxel2",
        source="Unser and Van De Ville 2010, IEEE TIP 19:636; IBSI 2, Riesz transforms",
    ),
)
def riesz_log(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Transform the response to a sampled Laplacian of Gaussian.

    Source: Unser and Van De Ville 2010, IEEE TIP 19:636; IBSI 2 reference manual,
    "Riesz transforms".
    """
    del setting
    if not isinstance(params, RieszLogParams):
        raise TypeError
    token = f"tlog-{params.sigma_mm:g}-mm{_suffix(params)}".replace(".", "-")
    return {token: partial(_riesz_log, params=params)}


def _suffix(params: RieszParams) -> str:
    """Write order, alignment and dimensions for the name of a response."""
    order = "" if params.riesz is None else "-riesz-" + "-".join(map(str, params.riesz))
    sigma = params.align_sigma_voxels
    turned = "" if sigma is None else f"-aligned-{sigma:g}".replace(".", "-")
    return order + turned + ("-2D" if params.flat else "-3D")


def _simoncelli(image: Volume, box: Box, *, params: SimoncelliParams) -> np.ndarray:
    top = 0.5 ** (params.level - 1)

    def gain(radius: Float[np.ndarray, " ..."]) -> Float[np.ndarray, " ..."]:
        # At both ends of the band the cosine is 0.
        within = np.clip(radius / top, 0.25, 1.0)
        return np.cos(math.pi / 2 * np.log2(2 * within))

    reach = REACH * 2 ** (params.level - 1)
    data, inner = extended(image.data.astype(np.float64), params.boundary, reach, _axes(params))
    return _transformed(data, inner, box, params, gain)


def _riesz_log(image: Volume, box: Box, *, params: RieszLogParams) -> np.ndarray:
    axes = _axes(params)
    scales = {axis: params.sigma_mm / image.grid.spacing[axis] for axis in axes}
    reach = REACH + math.ceil(params.cutoff * max(scales.values()))
    data, inner = extended(image.data.astype(np.float64), params.boundary, reach, axes)
    data = sampled_laplacian(data, scales, params.cutoff, params.boundary)
    return _transformed(data, inner, box, params, None)


def _axes(params: BoundedParams) -> tuple[int, ...]:
    """Axes to filter along, ascending."""
    return (1, 2) if params.flat else (0, 1, 2)


def _transformed(
    data: Float[np.ndarray, "k j i"],
    inner: Box,
    box: Box,
    params: RieszParams,
    gain: Gain | None,
) -> Float[np.ndarray, "k j i"]:
    """Filter a continued image, transform it by Riesz as asked for, and cut the box out."""
    axes = _axes(params)
    spectrum = Spectrum(data, axes, centred=params.boundary != "periodic")
    k, j, i = (slice(a.start + b.start, a.start + b.stop) for a, b in zip(inner, box, strict=True))
    if params.riesz is None:
        return spectrum.response(gain, (0,) * len(axes))[k, j, i]
    order = params.riesz[: len(axes)]
    if params.align_sigma_voxels is None:
        # Orders are named along i, j, k; axes are k, j, i.
        return riesz_scale(order) * spectrum.response(gain, order[::-1])[k, j, i]
    return _aligned(spectrum, (k, j, i), params, gain)


def _aligned(
    spectrum: Spectrum, box: Box, params: RieszParams, gain: Gain | None
) -> Float[np.ndarray, "k j i"]:
    """Transform along the principal axes of the structure tensor of every voxel."""
    from scipy.ndimage import gaussian_filter

    axes = _axes(params)
    n = len(axes)
    order = params.riesz[:n] if params.riesz is not None else ()
    along = [spectrum.response(gain, tuple(int(a == b) for b in range(n))) for a in range(n)]
    width = params.align_sigma_voxels or 0.0
    sigma = [width if axis in axes else 0.0 for axis in range(3)]
    tensor = {
        (a, b): gaussian_filter(along[a] * along[b], sigma, mode="wrap")[box]
        for a in range(n)
        for b in range(a, n)
    }
    first = [part[box] for part in along]
    parts = {powers: spectrum.response(gain, powers)[box] for powers in monomials(sum(order), n)}
    made = np.empty(first[0].shape)
    # Slice by slice: nine numbers a voxel would be the largest array here.
    for at in range(len(made)):
        turned = principal_axes([part[at] for part in first], {p: t[at] for p, t in tensor.items()})
        made[at] = steered({p: part[at] for p, part in parts.items()}, turned, order)
    return made

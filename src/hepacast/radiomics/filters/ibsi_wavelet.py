# SPDX-License-Identifier: Apache-2.0
"""Separable wavelets as IBSI 2 defines them: undecimated, with rotation invariance."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, PositiveInt, field_validator, model_validator

from hepacast.radiomics.filters.ibsi import _MODE, BoundedParams, turns
from hepacast.radiomics.filters.registry import FilterEntry, Response, Setting, registered
from hepacast.radiomics.settings import FilterParams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Float

    from hepacast.core.volume import Box, Volume

    Kernel = tuple[np.ndarray, bool]


class SeparableWaveletParams(BoundedParams):
    """Settings of separable wavelets (IBSI 2, 25BO)."""

    kind: Literal["ibsi-wavelet"] = "ibsi-wavelet"
    wavelet: str = "coif1"
    """Any discrete wavelet of PyWavelets."""
    band: str = Field(default="LLH", pattern="^[LH]{2,3}$")
    """Filters along i, j and (unless flat) k."""
    level: PositiveInt = 1
    """Level of decomposition; filters of level n are 2^(n - 1) times as wide."""
    invariant: bool = False
    """Average the response over all right-angle turns."""

    @model_validator(mode="after")
    def _complete(self) -> SeparableWaveletParams:
        if not self.flat and len(self.band) < 3:
            msg = f"a band in 3D has three letters, not {self.band!r}"
            raise ValueError(msg)
        return self

    @field_validator("wavelet")
    @classmethod
    def _known(cls, name: str) -> str:
        import pywt

        if name not in pywt.wavelist(kind="discrete"):
            msg = f"{name!r} is not a discrete wavelet of PyWavelets"
            raise ValueError(msg)
        return name


@registered(
    SeparableWaveletParams,
    FilterEntry(
        ibsi="25BO",
        formula="x ** low (L) or high (H) pass along every axis; mean of all turns, if asked",
        unit="image",
        source="IBSI 2 reference manual, separable wavelets",
    ),
)
def separable_wavelet(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Convolve with one band of an undecimated wavelet transform.

    Source: IBSI 2 reference manual, "Separable wavelets".
    """
    del setting
    if not isinstance(params, SeparableWaveletParams):
        raise TypeError
    band = params.band[:2] if params.flat else params.band
    suffix = ("-avg" if params.invariant else "") + ("-2D" if params.flat else "")
    token = f"wavelet-{params.wavelet}-{params.level}-{band}{suffix}".replace(".", "-")
    return {token: partial(_respond, params=params)}


def _respond(
    image: Volume, box: Box, *, params: SeparableWaveletParams
) -> Float[np.ndarray, "k j i"]:
    import pywt

    bank = pywt.Wavelet(params.wavelet)
    taps = {"L": np.array(bank.dec_lo), "H": np.array(bank.dec_hi)}
    data = image.data.astype(np.float64)
    total = np.zeros_like(data)
    count = 0
    axes = 2 if params.flat else 3
    still = iter([(tuple(range(axes)), (False,) * axes)])
    for order, flips in turns(axes) if params.invariant else still:
        made = data
        for level in range(1, params.level + 1):
            letters = params.band if level == params.level else "LLL"
            kernels = [
                (_widened(taps[letters[n]], level), flip)
                for n, flip in zip(order, flips, strict=True)
            ]
            # Kernels are named along i, j, k; axes are k, j, i.
            made = _convolved(made, kernels[::-1], params)
        total += made
        count += 1
    return (total / count)[box]


def _widened(taps: np.ndarray, level: int) -> np.ndarray:
    """Put zeros after every tap, as many as the level asks for."""
    step = 2 ** (level - 1)
    wide = np.zeros(len(taps) * step)
    wide[::step] = taps
    return wide


def _convolved(
    data: Float[np.ndarray, "k j i"], kernels: Sequence[Kernel], params: SeparableWaveletParams
) -> Float[np.ndarray, "k j i"]:
    """Convolve along every axis; an even kernel that is flipped has its centre one tap earlier."""
    from scipy.ndimage import convolve1d

    mode = _MODE[params.boundary]
    for axis, (kernel, flip) in enumerate(kernels, start=3 - len(kernels)):
        origin = -1 if flip and len(kernel) % 2 == 0 else 0
        turned = kernel[::-1] if flip else kernel
        data = convolve1d(data, turned, axis=axis, mode=mode, origin=origin)
    return data

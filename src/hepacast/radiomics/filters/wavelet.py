# SPDX-License-Identifier: Apache-2.0
"""Stationary wavelets: detail by direction and scale."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, PositiveInt, field_validator

from hepacast.radiomics.filters.registry import FILTERS, Response, Setting
from hepacast.radiomics.settings import FilterParams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

    from hepacast.core.volume import Box, Volume


class WaveletParams(FilterParams):
    """Settings of the undecimated wavelet transform."""

    kind: Literal["wavelet"] = "wavelet"
    wavelet: str = "coif1"
    """Any discrete wavelet of PyWavelets."""
    levels: PositiveInt = 1
    """Levels of decomposition that give images."""
    start_level: int = Field(default=0, ge=0)
    """Levels of low-pass filtering before the first that gives images."""

    @field_validator("wavelet")
    @classmethod
    def _known(cls, name: str) -> str:
        import pywt

        if name not in pywt.wavelist(kind="discrete"):
            msg = f"{name!r} is not a discrete wavelet of PyWavelets"
            raise ValueError(msg)
        return name


@FILTERS.register(WaveletParams)
def wavelet(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Apply an undecimated wavelet transform along all axes (in-plane ones if flat).

    The letters of a token are the filters along i, j and k: ``wavelet-LLH`` is
    detail across the slices.  Every further level filters the approximation again
    with the same short filter, as PyRadiomics does.  The image is continued
    periodically.  Source: PyRadiomics 3.0.1, ``imageoperations.getWaveletImage``.
    """
    if not isinstance(params, WaveletParams):
        raise TypeError
    axes = [a for a in range(3) if not (setting.texture.flat and a == setting.texture.flat_axis)]
    low = "L" * len(axes)
    made: dict[str, Response] = {}
    for level in range(1, params.levels + 1):
        prefix = "wavelet" if level == 1 else f"wavelet{level}"
        bands = ["".join(b) for b in product("LH", repeat=len(axes))]
        for band in [b for b in bands if b != low] + ([low] if level == params.levels else []):
            passes = params.start_level + level - 1
            made[f"{prefix}-{band}"] = partial(
                _respond, name=params.wavelet, axes=tuple(axes), passes=passes, band=band
            )
    return made


def _respond(
    image: Volume, box: Box, *, name: str, axes: tuple[int, ...], passes: int, band: str
) -> Float[np.ndarray, "k j i"]:
    import pywt

    odd = [(0, n % 2) for n in image.data.shape]
    data = np.pad(image.data, odd, "wrap")
    # The letters of a band follow this order.
    order = tuple(reversed(axes))
    for _ in range(passes):
        data = pywt.swtn(data, name, level=1, axes=order)[0]["a" * len(axes)]
    letters = band.replace("L", "a").replace("H", "d")
    response: Float[np.ndarray, "k j i"] = pywt.swtn(data, name, level=1, axes=order)[0][letters]
    return response[box]

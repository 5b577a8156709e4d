# SPDX-License-Identifier: Apache-2.0
"""Stationary wavelets: detail by direction and scale."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, PositiveInt, field_validator

from hepacast.radiomics.filters.registry import FilterEntry, Response, Setting, registered
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


@registered(
    WaveletParams,
    FilterEntry(
        ibsi="25BO",
        formula="x ** low (L) or high (H) pass along every axis, undecimated",
        unit="image",
        source="PyWavelets, swtn; PyRadiomics 3.0.1, getWaveletImage",
    ),
)
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

    from hepacast.radiomics.kernels.bands import convolve_axis

    bank = pywt.Wavelet(name)
    kind = np.float32 if image.data.dtype in {np.dtype("f4"), np.dtype("f2")} else np.float64
    filters = {"L": _taps(bank.dec_lo, name, kind), "H": _taps(bank.dec_hi, name, kind)}
    # The letters of a band follow the axes from the last to the first.
    letters = dict(zip(reversed(axes), band, strict=True))
    data = _around(image, box, axes, (passes + 1, bank.dec_len)).astype(kind)
    taps = bank.dec_len
    for left in range(passes, -1, -1):
        for axis in reversed(axes):
            shape = list(data.shape)
            shape[axis] -= taps - 1
            first = box[axis].start - left * (taps - 1 - taps // 2)
            length = image.data.shape[axis] + image.data.shape[axis] % 2
            chosen = filters["L" if left else letters[axis]]
            data = convolve_axis(data, chosen, axis, first, length, np.empty(shape, kind))
    return data


def _taps(taps: list[float], name: str, kind: type[np.floating]) -> np.ndarray:
    """Round a filter to single precision as PyWavelets does.

    Coiflets are stored without their factor of root 2, and multiplied after rounding.
    """
    if kind is np.float32 and name.startswith("coif"):
        return np.array(np.array(taps) / np.sqrt(2), kind) * np.float32(np.sqrt(2))
    return np.array(taps, kind)


def _around(
    image: Volume, box: Box, axes: tuple[int, ...], reach: tuple[int, int]
) -> Float[np.ndarray, "k j i"]:
    """Cut a box out of an image that goes on periodically, wider by so many passes of filters.

    An axis of odd length is first continued by its own first voxel, as PyRadiomics does.
    """
    passes, taps = reach
    data = image.data
    for axis, (n, part) in enumerate(zip(image.data.shape, box, strict=True)):
        start, stop = part.start, part.stop
        if axis in axes:
            start -= passes * (taps - 1 - taps // 2)
            stop += passes * (taps // 2)
        if start >= 0 and stop <= n:
            data = data[(slice(None),) * axis + (slice(start, stop),)]
        else:
            at = np.arange(start, stop) % (n + n % 2)
            data = np.take(data, np.where(at == n, 0, at), axis=axis)
    return data

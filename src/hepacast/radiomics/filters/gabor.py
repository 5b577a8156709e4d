# SPDX-License-Identifier: Apache-2.0
"""Gabor filters: waves of one length and direction, within slices."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import PositiveFloat

from hepacast.radiomics.filters.ibsi import PAD, BoundedParams
from hepacast.radiomics.filters.registry import FilterEntry, Response, Setting, registered
from hepacast.radiomics.settings import FilterParams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

    from hepacast.core.volume import Box, Volume

CUTOFF = 6.0
"""Where the envelope ends, in its standard deviations."""


class GaborParams(BoundedParams):
    """Settings of a Gabor filter (IBSI 2, Q88H)."""

    kind: Literal["ibsi-gabor"] = "ibsi-gabor"
    sigma_mm: PositiveFloat = 5.0
    """Standard deviation of the envelope along the wave, mm."""
    wavelength_mm: PositiveFloat = 2.0
    """Length of the wave, mm."""
    gamma: PositiveFloat = 0.5
    """Ratio of the envelope's standard deviation along the wave to that across it."""
    theta_deg: float = 0.0
    """Direction of the wave, from i towards j; the first one if ``step_deg`` is given."""
    step_deg: PositiveFloat | None = None
    """Average over all directions in such steps."""
    planes: Literal["axial", "orthogonal"] = "axial"
    """Filter axial slices, or average over slices across each axis."""


@registered(
    GaborParams,
    FilterEntry(
        ibsi="Q88H",
        formula="|x ** (wave x Gaussian envelope)|; mean of all directions, if asked",
        unit="image",
        source="IBSI 2 reference manual, Gabor filters",
    ),
)
def gabor(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Take the modulus of the response to a complex wave under a Gaussian envelope.

    Voxels must be square in every plane that is filtered.
    Source: IBSI 2 reference manual, "Gabor filters".
    """
    del setting
    if not isinstance(params, GaborParams):
        raise TypeError
    numbers = (params.sigma_mm, params.wavelength_mm, params.gamma, params.theta_deg)
    token = "gabor-" + "-".join(f"{n:g}" for n in numbers)
    token += f"-avg{params.step_deg:g}" if params.step_deg else ""
    token += "-3D" if params.planes == "orthogonal" else "-2D"
    return {token.replace(".", "-"): partial(_respond, params=params)}


def _respond(image: Volume, box: Box, *, params: GaborParams) -> Float[np.ndarray, "k j i"]:
    data = image.data.astype(np.float64)
    axes = (0, 1, 2) if params.planes == "orthogonal" else (0,)
    total = np.zeros_like(data)
    for axis in axes:
        spacing = image.grid.spacing[2 if axis < 2 else 1]
        slices = np.moveaxis(data, axis, 0)
        made = np.stack([_plane(one, params, spacing) for one in slices])
        total += np.moveaxis(made, 0, axis)
    return (total / len(axes))[box]


def _plane(
    plane: Float[np.ndarray, "j i"], params: GaborParams, spacing: float
) -> Float[np.ndarray, "j i"]:
    """Filter one slice in all directions asked for, and average."""
    from scipy.signal import fftconvolve

    turns = [params.theta_deg]
    if params.step_deg is not None:
        # The modulus of the opposite wave is the same: half a circle says all, if steps meet it.
        circle = 180 if math.isclose(180 % params.step_deg, 0.0) else 360
        count = round(circle / params.step_deg)
        turns = [params.theta_deg + n * params.step_deg for n in range(count)]
    kernels = [wave(params, math.radians(turn), spacing) for turn in turns]
    reach = kernels[0].shape[0] // 2
    padded = np.pad(plane, reach, mode=PAD[params.boundary])
    total = np.zeros_like(plane)
    for kernel in kernels:
        total += np.abs(fftconvolve(padded, kernel, mode="valid"))
    average: Float[np.ndarray, "j i"] = total / len(kernels)
    return average


def wave(params: GaborParams, theta: float, spacing: float) -> np.ndarray:
    """Sample a wave in direction ``theta`` (radians) under its envelope.

    >>> wave(GaborParams(sigma_mm=1.0), 0.0, 1.0).shape
    (25, 25)
    """
    sigma, length = params.sigma_mm / spacing, params.wavelength_mm / spacing
    reach = math.ceil(CUTOFF * sigma / min(1.0, params.gamma))
    j, i = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    along = i * math.cos(theta) + j * math.sin(theta)
    across = -i * math.sin(theta) + j * math.cos(theta)
    envelope = np.exp(-(along**2 + params.gamma**2 * across**2) / (2 * sigma**2))
    sampled: np.ndarray = envelope * np.exp(2j * np.pi * along / length)
    return sampled

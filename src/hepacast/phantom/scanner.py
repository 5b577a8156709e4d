# SPDX-License-Identifier: Apache-2.0
"""The scanners of the centres: voxel size, kernel, noise, gain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from hepacast.core.geometry import Grid
from hepacast.phantom.anatomy import FIELD_OF_VIEW_MM
from hepacast.phantom.shapes import RandomField

if TYPE_CHECKING:
    from jaxtyping import Float32

    from hepacast.phantom.params import PhantomParams
    from hepacast.phantom.shapes import Coordinate


@dataclass(frozen=True, slots=True)
class Scanner:
    """One centre's machine.

    Parameters
    ----------
    site : str
        Name of the centre.
    vendor, model : str
        For the DICOM header; invented.
    kernel : str
        Name of the reconstruction kernel or sequence.
    slice_factor, pixel_factor : float
        Voxel size against the nominal one.
    blur_mm : float
        SD of the point spread, mm.
    noise : float
        SD of the noise: HU, or MR units.
    grain_mm : float
        Correlation length of the noise, mm; a soft kernel has coarse grain.
    gain : float
        Factor on the signal (MR, ultrasound).
    field_tesla : float
        Field strength (MR only).
    """

    site: str
    vendor: str
    model: str
    kernel: str
    slice_factor: float
    pixel_factor: float
    blur_mm: float
    noise: float
    grain_mm: float
    gain: float
    field_tesla: float


# kernel, slice, pixel, blur, noise, grain, gain, tesla
_MACHINES = (
    ("B30", 1.0, 1.0, 1.0, 7.0, 1.3, 1.0, 3.0),
    ("B45", 5 / 6, 0.92, 0.8, 9.0, 1.0, 1.12, 1.5),
    ("FC08", 1.25, 1.08, 1.15, 6.0, 1.5, 0.9, 3.0),
    ("STD", 1.0, 0.96, 0.9, 8.0, 1.1, 1.05, 1.5),
)
_MR_NOISE_FACTOR = 2.6


def scanner(params: PhantomParams, site: int) -> Scanner:
    """Return the machine of a centre.

    Parameters
    ----------
    params : PhantomParams
        Modality.
    site : int
        Centre, counted from 0.

    Examples
    --------
    >>> from hepacast.phantom.params import PhantomParams
    >>> scanner(PhantomParams(), 0).site
    'S1'
    """
    kernel, slices, pixels, blur, noise, grain, gain, tesla = _MACHINES[site % len(_MACHINES)]
    mr = params.modality == "mr"
    return Scanner(
        site=f"S{site + 1}",
        vendor=f"Phantom Works {site + 1}",
        model=f"Synthetic {params.modality.upper()} {site % len(_MACHINES) + 1}",
        kernel="T1 VIBE-like FS" if mr else kernel,
        slice_factor=slices,
        pixel_factor=pixels,
        blur_mm=blur,
        noise=noise * (_MR_NOISE_FACTOR if mr else 1.0),
        grain_mm=grain,
        gain=1.0 if params.modality == "ct" else gain,
        field_tesla=tesla,
    )


@dataclass(frozen=True, slots=True)
class Sampling:
    """Voxels of one examination, in the patient's frame and in scanner space.

    Parameters
    ----------
    grid : Grid
        In scanner space (LPS, mm).
    x, y, z : array
        Coordinates of the voxels in the patient's frame along i, j and k,
        shaped to broadcast.
    """

    grid: Grid
    x: Coordinate
    y: Coordinate
    z: Coordinate


def sampling(params: PhantomParams, machine: Scanner, rng: np.random.Generator) -> Sampling:
    """Lay the voxels of an examination.

    Parameters
    ----------
    params : PhantomParams
        Nominal voxel size.
    machine : Scanner
        Its deviation from that.
    rng : numpy.random.Generator
        Source of chance: where the patient lies on the table.
    """
    factors = (machine.slice_factor, machine.pixel_factor, machine.pixel_factor)
    k, j, i = (
        round(size * factor, 4) for size, factor in zip(params.spacing_mm, factors, strict=True)
    )
    width, depth, height = FIELD_OF_VIEW_MM
    counts = (round(height / k), round(depth / j), round(width / i))
    axes = [
        ((np.arange(n) - (n - 1) / 2) * step).astype(np.float32)
        for n, step in zip(counts, (k, j, i), strict=True)
    ]
    # Scanner space has its own origin: table height and position, to a tenth of a mm.
    table = np.round(rng.uniform((-12, -160, -900), (12, -120, -500)), 1)
    start = table + [float(axis[0]) for axis in axes[::-1]]
    x, y, z = np.round(start, 4).tolist()
    grid = Grid(counts, (k, j, i), (x, y, z))
    return Sampling(
        grid, axes[2].reshape(1, 1, -1), axes[1].reshape(1, -1, 1), axes[0].reshape(-1, 1, 1)
    )


def expose(
    ideal: Float32[np.ndarray, "k j i"],
    where: Sampling,
    machine: Scanner,
    params: PhantomParams,
    rng: np.random.Generator,
) -> Float32[np.ndarray, "k j i"]:
    """Turn true tissue values into what the machine records.

    Parameters
    ----------
    ideal : (k, j, i) float32
        HU or MR units.
    where : Sampling
        Voxels.
    machine : Scanner
        Blur and noise.
    params : PhantomParams
        Modality.
    rng : numpy.random.Generator
        Source of chance of this phase.

    Returns
    -------
    (k, j, i) float32
        Whole numbers: CT from -1024 to 3071 HU, MR from 0.
    """
    spacing = where.grid.spacing
    psf = [machine.blur_mm / s for s in spacing]
    seen = gaussian_filter(ideal, psf, mode="nearest", truncate=3.0)
    if params.modality == "ct":
        seen += machine.noise * _grain(rng, seen.shape, machine, spacing)
        return np.clip(np.rint(seen), -1024, 3071)
    # Receive coils shade the image slowly; magnitudes of a complex signal are Rician.
    shade = RandomField.draw(rng, length_mm=150.0, waves=12)
    gain = machine.gain * float(np.exp(rng.normal(0, 0.04)))
    seen *= gain * (1 + 0.05 * shade.over(where.x, where.y, where.z))
    real = seen + machine.noise * _grain(rng, seen.shape, machine, spacing)
    imaginary = machine.noise * _grain(rng, seen.shape, machine, spacing)
    magnitude: Float32[np.ndarray, "k j i"] = np.rint(np.hypot(real, imaginary))
    return magnitude


def _grain(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    machine: Scanner,
    spacing: tuple[float, float, float],
) -> Float32[np.ndarray, "k j i"]:
    """Noise of SD 1 with the machine's grain, within the slice (slices are independent)."""
    white = rng.standard_normal(shape, dtype=np.float32)
    sigma = (0.0, machine.grain_mm / spacing[1], machine.grain_mm / spacing[2])
    grain: Float32[np.ndarray, "k j i"] = gaussian_filter(white, sigma, mode="wrap", truncate=3.0)
    grain /= grain.std()
    return grain

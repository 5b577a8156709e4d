# SPDX-License-Identifier: Apache-2.0
"""Slices of tumours whose truth lies in texture and rim alone: a test for networks.

Inside the mask every tumour has the same distribution of intensities, rank by
rank, whatever its truth; its size and its brightness are drawn apart from it.
So volume and first-order features are blind by construction, and a model that
sees the outcome has read how the intensities are arranged, or the rim around.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt
from scipy import ndimage, special

from hepacast.core.params import Params
from hepacast.core.provenance import generator

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32

PHASES = ("arterial", "portal", "delayed")
_RIM = (1.0, 0.0, -0.6)
"""Rim of a tumour one SD above the mean, in SDs of the texture, by phase: bright first, dark
later."""


class PlantedParams(Params):
    """How many patients, and where the effect lies."""

    patients: Annotated[int, Field(ge=4)] = 120
    seed: Annotated[int, Field(ge=0)] = 1
    side: Annotated[int, Field(ge=32)] = 48
    """Side of the slice, pixels."""
    radius: tuple[PositiveFloat, PositiveFloat] = (0.17, 0.27)
    """Least and largest long radius of a tumour, as a share of the side."""
    rim: PositiveInt = 3
    """Width of the rim, pixels."""
    liver_grain: PositiveFloat = 2.5
    """Smoothness of the liver, pixels. The default looks like a coarse tumour: a network that
    goes by coarseness lights up all over, which a test of maps must avoid."""
    image_effect: float = 2.5
    """Log odds of the event per SD of what texture and rim show."""
    clinical_effect: float = 0.0
    """Log odds of the event per SD of the clinical marker."""


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """Slices, masks and what they were made from.

    Parameters
    ----------
    cases : tuple of str
        Case ids.
    pixels : (case, phase, j, i) float32
        Scaled intensities.
    tumour, ring : (case, j, i) bool
        The tumour, and the rim around it.
    clinical : (case, 2) float
        A marker that may act on the event, and one that never does.
    truth : (case,) float
        What texture and rim show, SDs; higher is worse.
    event : (case,) bool
        What happened.
    """

    cases: tuple[str, ...]
    pixels: Float32[np.ndarray, "case phase j i"]
    tumour: Bool[np.ndarray, "case j i"]
    ring: Bool[np.ndarray, "case j i"]
    clinical: Float[np.ndarray, "case two"]
    truth: Float[np.ndarray, " case"]
    event: Bool[np.ndarray, " case"]


def plant(params: PlantedParams) -> Planted:
    """Draw a cohort of slices; equal settings give equal bits.

    Examples
    --------
    >>> cohort = plant(PlantedParams(patients=4, side=32))
    >>> cohort.pixels.shape, bool((cohort.tumour & cohort.ring).any())
    ((4, 3, 32, 32), False)
    """
    drawn = [_slice(params, at) for at in range(params.patients)]
    rng = generator(params.seed, "planted clinical")
    clinical = rng.normal(size=(params.patients, 2))
    truth = np.array([one[3] for one in drawn])
    odds = params.image_effect * truth + params.clinical_effect * clinical[:, 0]
    event = rng.random(params.patients) < special.expit(odds)
    pixels, tumour, ring = (np.stack([one[at] for one in drawn]) for at in range(3))
    cases = tuple(f"P{at:04d}" for at in range(params.patients))
    return Planted(cases, pixels.astype(np.float32), tumour, ring, clinical, truth, event)


def _slice(
    params: PlantedParams, index: int
) -> tuple[Float[np.ndarray, "phase j i"], np.ndarray, np.ndarray, float]:
    """Draw one patient."""
    rng = generator(params.seed, "planted", index)
    side = params.side
    truth = float(rng.normal())
    j, i = np.mgrid[:side, :side] - side / 2
    angle, long, short = rng.uniform(0, np.pi), rng.uniform(*params.radius), rng.uniform(0.75, 1.0)
    along = (j - rng.normal()) * np.cos(angle) + (i - rng.normal()) * np.sin(angle)
    across = (i - rng.normal()) * np.cos(angle) - (j - rng.normal()) * np.sin(angle)
    away = np.hypot(along, across / short) / (long * side)
    away += 0.05 * _smooth(rng, side, 3.0)
    tumour = away < 1
    ring = ndimage.binary_dilation(tumour, iterations=params.rim) & ~tumour
    # Coarser with the truth; only the order of the values comes from the field.
    pattern = _smooth(rng, side, float(np.exp(0.25 + 0.4 * truth)))
    ranks = pattern[tumour].argsort().argsort()
    texture = np.zeros((side, side))
    texture[tumour] = special.ndtri((ranks + 0.5) / len(ranks))
    pixels = []
    for rim in _RIM:
        image = 0.5 * _smooth(rng, side, params.liver_grain)
        image[tumour] = rng.normal(0.5, 0.5) + texture[tumour]
        image += rim * (0.8 + 0.8 * truth) * ring
        pixels.append(image + 0.3 * rng.normal(size=image.shape))
    return np.stack(pixels), tumour, ring, truth


def _smooth(rng: np.random.Generator, side: int, sigma: float) -> Float[np.ndarray, "j i"]:
    """Draw a smooth field with SD 1."""
    field = ndimage.gaussian_filter(rng.normal(size=(side, side)), sigma, mode="wrap")
    scaled: Float[np.ndarray, "j i"] = (field - field.mean()) / field.std()
    return scaled

# SPDX-License-Identifier: Apache-2.0
"""Readers who draw the tumour, each with an own hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import label

from hepacast.phantom.shapes import RandomField

if TYPE_CHECKING:
    from jaxtyping import Bool

    from hepacast.phantom.scanner import Sampling
    from hepacast.phantom.shapes import Distance


@dataclass(frozen=True, slots=True)
class Hand:
    """How a reader draws.

    Parameters
    ----------
    outward_mm : float
        Mean distance of the line from the margin; positive is generous.
    tremor_mm : float
        SD of the line around that, mm.
    wavelength_mm : float
        Correlation length of the tremor, mm.
    """

    outward_mm: float
    tremor_mm: float
    wavelength_mm: float


HANDS = {1: Hand(0.0, 0.5, 9.0), 2: Hand(0.6, 1.1, 8.0)}
"""The first reader is careful, the second generous and less steady."""


def outline(
    rng: np.random.Generator, distance: Distance, where: Sampling, reader: int
) -> Bool[np.ndarray, "k j i"]:
    """Draw the tumour.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance of this reader and phase.
    distance : (k, j, i) float
        Distance to the true margin, mm; negative inside.
    where : Sampling
        Voxels.
    reader : int
        1 or 2.

    Returns
    -------
    (k, j, i) bool
        One connected piece.
    """
    hand = HANDS[reader]
    near = distance < hand.outward_mm + 4 * hand.tremor_mm
    cut = tuple(
        slice(int(hits[0]), int(hits[-1]) + 1)
        for axis in range(3)
        for hits in [np.flatnonzero(near.any(axis=tuple({0, 1, 2} - {axis})))]
    )
    tremor = RandomField.draw(rng, hand.wavelength_mm, waves=48)
    at = where.x.ravel()[cut[2]], where.y.ravel()[cut[1]], where.z.ravel()[cut[0]]
    line = distance[cut] - hand.outward_mm + hand.tremor_mm * tremor.over(*at)
    pieces, _ = label(line < 0)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    mask = np.zeros(distance.shape, dtype=bool)
    mask[cut] = pieces == int(np.argmax(sizes))
    return mask

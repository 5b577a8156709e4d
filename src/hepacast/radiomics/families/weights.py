# SPDX-License-Identifier: Apache-2.0
"""Weights of directions by their length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from hepacast.core.geometry import Triple
    from hepacast.radiomics.settings import Weighting


def lengths(
    steps: Int[np.ndarray, "direction 3"], spacing: Triple, weighting: Weighting
) -> Float[np.ndarray, " direction"]:
    """Length of every direction in the norm asked for, mm; 1 for ``no_weighting``.

    >>> lengths(np.array([[0, 3, 4]]), (5.0, 1.0, 1.0), "euclidean").tolist()
    [5.0]
    """
    mm = np.abs(steps) * np.asarray(spacing)
    if weighting == "infinity":
        long: Float[np.ndarray, " direction"] = mm.max(axis=1)
        return long
    if weighting == "euclidean":
        straight: Float[np.ndarray, " direction"] = np.sqrt((mm**2).sum(axis=1))
        return straight
    if weighting == "manhattan":
        around: Float[np.ndarray, " direction"] = mm.sum(axis=1)
        return around
    return np.ones(len(steps))


def pair_weights(
    steps: Int[np.ndarray, "direction 3"], spacing: Triple, weighting: Weighting
) -> Float[np.ndarray, " direction"]:
    """Weights of co-occurrence: ``exp(-length^2)``, so that near pairs count more."""
    if weighting == "no_weighting":
        return np.ones(len(steps))
    weights: Float[np.ndarray, " direction"] = np.exp(-(lengths(steps, spacing, weighting) ** 2))
    return weights

# SPDX-License-Identifier: Apache-2.0
"""Neighbourhood grey tone difference: how voxels differ from the mean around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.radiomics.families.registry import FAMILIES, Family, catalogue
from hepacast.radiomics.settings import FamilyParams

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.radiomics.families.registry import Numbers
    from hepacast.radiomics.sample import Sample

FEATURES = catalogue(
    """
    Coarseness | QCDE | 1 | 1 / sum p s; 1e6 where that sum is 0
    Contrast | 65HE | 1 | spread of the levels x mean difference
    Busyness | NQ30 | 1 | sum p s / sum |i p_i - j p_j|; 0 where the latter is 0
    Complexity | HDEZ | 1 | sum |i - j| (p_i s_i + p_j s_j) / (p_i + p_j) / voxels
    Strength | 1X9X | 1 | sum (p_i + p_j) (i - j)^2 / sum s; 0 where the latter is 0
    """
)


class NgtdmParams(FamilyParams):
    """Settings of the grey tone difference features."""

    kind: Literal["ngtdm"] = "ngtdm"


def matrix(sample: Sample) -> Float[np.ndarray, "level 3"]:
    """Voxels, summed difference to the neighbourhood mean, and level, for levels that occur.

    A voxel without a neighbour counts, with a difference of 0.
    """
    present = sample.present
    neighbours = np.arange(sample.difference.shape[1], dtype=np.float64)
    neighbours[0] = 1.0
    difference = (sample.difference[present] / neighbours).sum(axis=1)
    voxels = sample.dependence[present].sum(axis=1)
    return np.stack([voxels, difference, present], axis=1).astype(np.float64)


def ngtdm(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the grey tone difference features.

    Parameters
    ----------
    sample : Sample
        One region of one image.
    params : NgtdmParams
        Not used beyond the choice of features.
    """
    del params
    return describe(matrix(sample))


def describe(rows: Float[np.ndarray, "level 3"]) -> Numbers:
    """Compute the features of one matrix of voxels, differences and levels.

    >>> numbers = describe(np.array([[2.0, 1.0, 1.0], [2.0, 3.0, 2.0]]))
    >>> numbers["Coarseness"], numbers["Strength"]
    (0.5, 0.5)
    """
    n, s, i = rows.T
    voxels, levels = n.sum(), n.size
    p = n / voxels
    coarse = float(p @ s)
    gap = i[:, None] - i[None, :]
    weighted = np.abs((i * p)[:, None] - (i * p)[None, :]).sum()
    ps = p * s
    both = p[:, None] + p[None, :]
    spread = float((np.outer(p, p) * gap**2).sum())
    strength = float((both * gap**2).sum())
    return {
        "Coarseness": 1 / coarse if coarse != 0 else 1e6,
        "Contrast": spread * s.sum() / voxels / (levels * (levels - 1)) if levels > 1 else 0.0,
        "Busyness": coarse / float(weighted) if weighted != 0 else 0.0,
        "Complexity": float((np.abs(gap) * (ps[:, None] + ps[None, :]) / both).sum() / voxels),
        "Strength": strength / float(s.sum()) if s.sum() != 0 else 0.0,
    }


FAMILIES.register(NgtdmParams)(
    Family(FEATURES, ngtdm, "PyRadiomics 3.0.1, ngtdm; Amadasun and King 1989; IBSI, NGTDM")
)
